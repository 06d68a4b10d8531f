"""The clock: a night at 02:00 UTC, every day, until the process is stopped."""

import asyncio
import logging
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger

from agent import night
from handrail.context import ToolContext
from handrail.errors import HandrailError

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


def clock(open_context: OpenContext) -> AsyncIOScheduler:
    """The scheduler with its one job, not started yet."""
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
    return scheduler


async def start(open_context: OpenContext) -> None:
    """Run until cancelled."""
    scheduler = clock(open_context)
    scheduler.start()
    try:
        await asyncio.Event().wait()
    finally:
        scheduler.shutdown(wait=False)
