"""The dead-man's switch: looks at the nights, and tells the team what is wrong, once a day and cause."""

import asyncio
import logging
from datetime import timedelta

from handrail.context import ToolContext
from handrail.domain.alarms import Alarm
from handrail.engine import alarm as rules
from handrail.engine.brief_words import escaped
from handrail.errors import UpstreamError

EVERY = timedelta(minutes=10)

log = logging.getLogger(__name__)


async def standing(ctx: ToolContext) -> list[Alarm]:
    """What is wrong now."""
    async with ctx.store.read() as work:
        runs = await work.nights.newest(rules.NIGHTS_COMPARED + 1)
        last_sign = await work.briefs.last_sign(runs[0].night) if runs else None
    patience = timedelta(hours=ctx.settings.alarm_hours)
    return rules.alarms(runs, now=ctx.clock.now(), patience=patience, last_sign=last_sign)


async def raise_alarms(ctx: ToolContext) -> list[Alarm]:
    """Tell the team what is wrong and was not told today; answers that. Of several processes one tells it.

    What did not get through is told by the next look.
    """
    told = []
    today = ctx.clock.now().date()
    for each in await standing(ctx):
        what = f"alarm: {each.cause}"
        async with ctx.store.begin() as work:
            new = await work.briefs.tell(what, today, ctx.clock.now())
        if not new:
            continue
        log.error("alarm: %s", each.words)
        try:
            await ctx.team.alarm(escaped(f"{_sender(ctx.settings.workspace)}: {each.words}"))
        except UpstreamError as error:
            log.error("the alarm was not told: %s", error)
            async with ctx.store.begin() as work:
                await work.briefs.untell(what, today)
        else:
            told.append(each)
    return told


def _sender(workspace: str) -> str:
    """Several workspaces may tell their alarms in one place."""
    return f"Handrail ({workspace})" if workspace else "Handrail"


async def watch(ctx: ToolContext) -> None:
    """Look again and again until cancelled: in the web app, for a stuck agent cannot report itself."""
    while True:
        try:
            await raise_alarms(ctx)
        except Exception as error:  # whatever it was, the next look must come
            log.error("the nights could not be looked at: %s", type(error).__name__)
        await asyncio.sleep(EVERY.total_seconds())
