"""The clock: a night at 02:00 UTC, and mails whose hours have begun through the day, until stopped."""

import asyncio
import logging
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from agent import night
from handrail.context import ToolContext
from handrail.errors import CallerError, HandrailError
from handrail.flows.follow_up import Asked, follow_up
from handrail.flows.mailing import Released, release
from handrail.lock import one_at_a_time

RELEASE_MINUTES = 10
FOLLOW_UP_MINUTES = 30

LATE_SECONDS = 6 * 3600
"""A night that was missed (the machine slept) is run late, once."""

log = logging.getLogger(__name__)


class OpenContext(Protocol):
    def __call__(self) -> AbstractAsyncContextManager[ToolContext]: ...


async def one_night(open_context: OpenContext) -> None:
    """Run the night that is due. A failure is logged; the next night comes all the same."""
    try:
        async with open_context() as ctx:
            report = await night.run(ctx)
    except HandrailError as error:
        log.error("the night failed: %s", error)
    else:
        log.info("night of %s: %d mailed, %d struggling", report.night, report.sent, report.struggling_users)


async def mails_due(ctx: ToolContext) -> Released:
    """Send the planned mails whose hours have begun. Raises `CallerError` while a night is running."""
    ctx = ctx.acting_as("nightly")
    async with one_at_a_time(ctx.settings.data_dir, "night"):
        return await release(ctx)


async def one_release(open_context: OpenContext) -> None:
    """Send what is due. What fails, or meets a running night, is asked again ten minutes later."""
    try:
        async with open_context() as ctx:
            done = await mails_due(ctx)
    except CallerError as busy:
        log.info("planned mails wait: %s", busy)
    except HandrailError as error:
        log.error("planned mails were not sent: %s", error)
    else:
        if done.asked:
            log.info("planned mails: %d asked about, %d sent", done.asked, done.sent)


async def questions_due(ctx: ToolContext) -> Asked:
    """Ask who did not succeed a day after their mail. Raises `CallerError` while a night is running."""
    ctx = ctx.acting_as("nightly")
    async with one_at_a_time(ctx.settings.data_dir, "night"):
        return await follow_up(ctx)


async def one_follow_up(open_context: OpenContext) -> None:
    """Send the questions that are due. What fails, or meets a running night, is tried half an hour later."""
    try:
        async with open_context() as ctx:
            done = await questions_due(ctx)
    except CallerError as busy:
        log.info("questions wait: %s", busy)
    except HandrailError as error:
        log.error("questions were not sent: %s", error)
    else:
        if done.decided:
            log.info("questions after mails: %d decided on, %d sent", done.decided, done.sent)


def clock(open_context: OpenContext) -> AsyncIOScheduler:
    """The scheduler with its jobs, not started yet."""
    scheduler = AsyncIOScheduler(timezone="UTC")
    scheduler.add_job(
        one_night,
        CronTrigger(hour=2, minute=0, timezone="UTC"),
        args=[open_context],
        id="night",
        coalesce=True,
        max_instances=1,
        misfire_grace_time=LATE_SECONDS,
    )
    scheduler.add_job(
        one_release,
        IntervalTrigger(minutes=RELEASE_MINUTES, timezone="UTC"),
        args=[open_context],
        id="release",
        coalesce=True,
        max_instances=1,
        misfire_grace_time=60 * RELEASE_MINUTES,
    )
    scheduler.add_job(
        one_follow_up,
        IntervalTrigger(minutes=FOLLOW_UP_MINUTES, timezone="UTC"),
        args=[open_context],
        id="follow-up",
        coalesce=True,
        max_instances=1,
        misfire_grace_time=60 * FOLLOW_UP_MINUTES,
    )
    return scheduler


async def start(open_context: OpenContext) -> None:
    """Run until cancelled."""
    scheduler = clock(open_context)
    scheduler.start()
    try:
        await asyncio.Event().wait()
    finally:
        scheduler.shutdown(wait=False)
