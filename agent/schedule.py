"""The clock: a night at 02:00 UTC, and mails whose hours have begun through the day, until stopped."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from handrail.context import OpenContext, ToolContext
from handrail.ending import end_when_asked
from handrail.engine.periods import last_complete_day
from handrail.errors import CallerError, HandrailError
from handrail.flows.alarm import raise_alarms
from handrail.flows.follow_up import Asked, follow_up
from handrail.flows.mailing import Released, release
from handrail.flows.opt_outs import tell_opt_outs
from handrail.flows.reports import refresh_reports
from handrail.lock import is_held, one_at_a_time
from handrail.settings import Settings

NIGHT_HOUR = 2
RELEASE_MINUTES = 10
LOOK_MINUTES = 10
FOLLOW_UP_MINUTES = 30
OPT_OUT_MINUTES = 30

REFRESH_HOURS = "6,10,14,18,22"
"""UTC. Never in the hours of a night, which needs its questions for itself."""

LATE_SECONDS = 6 * 3600
"""A night that was missed (the machine slept) is run late, once."""

Done = TypeVar("Done", Released, Asked)

log = logging.getLogger(__name__)


async def one_night(open_context: OpenContext) -> None:
    """Run the night that is due, once, and the next one if that becomes due meanwhile.

    A failure is logged; the next night comes all the same.
    """
    last = None
    while (night := await _night_due(open_context)) != last:
        last = night


async def _night_due(open_context: OpenContext) -> date | None:
    from agent import flow  # noqa: PLC0415  (the engine, only where nights are run)

    night = None
    try:
        async with open_context() as ctx:
            night = last_complete_day(last_tick(ctx.clock.now()), await ctx.zone())
            report = await flow.run_due(ctx, night)
    except HandrailError as error:
        log.error("the night failed: %s", error)
    else:
        if report is not None:
            log.info(
                "night of %s: %d mailed, %d struggling", report.night, report.sent, report.struggling_users
            )
    return night


def last_tick(now: datetime) -> datetime:
    """When a night was due last."""
    today = now.astimezone(UTC).replace(hour=NIGHT_HOUR, minute=0, second=0, microsecond=0)
    return today if today <= now else today - timedelta(days=1)


async def mails_due(ctx: ToolContext) -> Released:
    """Send the planned mails whose hours have begun. Raises `CallerError` while a night is running."""
    ctx = ctx.acting_as("nightly")
    async with one_at_a_time(ctx.settings, "night"):
        return await release(ctx)


async def _carried_out(
    open_context: OpenContext, mails: str, work: Callable[[ToolContext], Awaitable[Done]]
) -> Done | None:
    """What became of mails that are due; None where that failed, or met a running night."""
    try:
        async with open_context() as ctx:
            done = await work(ctx)
    except CallerError as busy:
        log.info("%s wait: %s", mails, busy)
        return None
    except HandrailError as error:
        log.error("%s were not sent: %s", mails, error)
        return None
    for note in done.notes:
        log.warning("%s: %s", mails, note)
    return done


async def one_release(open_context: OpenContext) -> None:
    """Send what is due."""
    done = await _carried_out(open_context, "planned mails", mails_due)
    if done and done.asked:
        log.info("planned mails: %d asked about, %d sent", done.asked, done.sent)


async def one_look(open_context: OpenContext) -> None:
    """Raise the alarms that stand and were not told today. The web app looks, too."""
    try:
        async with open_context() as ctx:
            await raise_alarms(ctx)
    except HandrailError as error:
        log.error("the nights could not be looked at: %s", error)


async def one_refresh(open_context: OpenContext) -> None:
    """Ask again for the chosen saved reports, out of the night's part of the budget, which is free by day."""
    try:
        async with open_context() as ctx:
            if await is_held(ctx.settings, "night"):
                log.info("saved reports wait: a night is running")
                return
            done = await refresh_reports(ctx)
    except HandrailError as error:
        log.error("saved reports were not refreshed: %s", error)
    else:
        log.info("saved reports: %d asked for", done.asked)
        for note in done.notes:
            log.info("saved reports: %s", note)


async def questions_due(ctx: ToolContext) -> Asked:
    """Ask who did not succeed a day after their mail. Raises `CallerError` while a night is running."""
    ctx = ctx.acting_as("nightly")
    async with one_at_a_time(ctx.settings, "night"):
        return await follow_up(ctx)


async def one_follow_up(open_context: OpenContext) -> None:
    """Send the questions that are due."""
    done = await _carried_out(open_context, "questions", questions_due)
    if done and done.decided:
        log.info("questions after mails: %d decided on, %d sent", done.decided, done.sent)


async def one_telling(open_context: OpenContext) -> None:
    """Tell outside who unsubscribed, where the page that they answered could not."""
    try:
        async with open_context() as ctx:
            await tell_opt_outs(ctx)
    except HandrailError as error:
        log.error("opt-outs were not told outside: %s", error)


def clock(open_context: OpenContext) -> AsyncIOScheduler:
    """The scheduler with its jobs, not started yet."""
    scheduler = AsyncIOScheduler(timezone="UTC")
    for name, work, trigger, late in (
        ("night", one_night, CronTrigger(hour=NIGHT_HOUR, minute=0, timezone="UTC"), LATE_SECONDS),
        ("release", one_release, _every(RELEASE_MINUTES), 60 * RELEASE_MINUTES),
        ("alarm", one_look, _every(LOOK_MINUTES), 60 * LOOK_MINUTES),
        ("refresh", one_refresh, CronTrigger(hour=REFRESH_HOURS, minute=30, timezone="UTC"), 3600),
        ("follow-up", one_follow_up, _every(FOLLOW_UP_MINUTES), 60 * FOLLOW_UP_MINUTES),
        ("opt-outs", one_telling, _every(OPT_OUT_MINUTES), 60 * OPT_OUT_MINUTES),
    ):
        scheduler.add_job(
            work,
            trigger,
            args=[open_context],
            id=name,
            coalesce=True,
            max_instances=1,
            misfire_grace_time=late,
        )
    return scheduler


def _every(minutes: int) -> IntervalTrigger:
    return IntervalTrigger(minutes=minutes, timezone="UTC")


async def work_along(settings: Settings, open_context: OpenContext) -> None:
    """Without a clock: work on nights that other processes begin, until cancelled.

    Raises as `agent.flow.work_along`.
    """
    from agent import flow  # noqa: PLC0415  (the engine, only where nights are run)

    end_when_asked(0, "stopped; what this worker had begun, others go on with.")
    await flow.work_along(settings, open_context)


async def start(open_context: OpenContext) -> None:
    """Run until cancelled."""
    end_when_asked(0, "stopped; a night that was running goes on at the next start.")
    scheduler = clock(open_context)
    scheduler.start()
    # Ticks are forgotten while nobody runs: the last one is answered now. If it was, this does nothing.
    scheduler.modify_job("night", next_run_time=datetime.now(UTC))
    try:
        await asyncio.Event().wait()
    finally:
        scheduler.shutdown(wait=False)
