"""Funnels by account: counted from one export at night, asked of Mixpanel when a chat wants other days.

Both count alike, but for events whose account property is a word that means nothing, such as "undefined":
Mixpanel takes it for a value, our rules look on to the next step.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from handrail.context import ToolContext
from handrail.domain.funnels import Funnel, FunnelCounts, Kept, Measurement
from handrail.domain.periods import Period
from handrail.engine import periods as days
from handrail.engine.accounts import account_ids
from handrail.engine.attempts import Tally
from handrail.engine.periods import last_complete_day, midnight
from handrail.errors import UpstreamError
from handrail.flows.routes import Route, first_answer
from handrail.flows.sync import REREAD_DAYS, read_events

if TYPE_CHECKING:
    from handrail.services.event_table import EventTable

EXPORT = "export"
AGAIN = timedelta(hours=1)
"""A count of the same period younger than this is not made again."""

FRESH = timedelta(hours=24)
"""A chat is served from the tables with figures of this age at most, if they can still move."""

FORGOTTEN = timedelta(days=7)
"""Periods that are no standard periods any more, or never were, are kept so long."""

QUESTION = "a funnel by account"

Counts = Mapping[str, FunnelCounts]

log = logging.getLogger(__name__)


async def count_nightly(ctx: ToolContext, wanted: Sequence[Funnel], as_of: date) -> None:
    """Count the standard periods, those before them and each day of the reach, and forget old periods.

    The reach is HANDRAIL_BACKFILL_DAYS. Only what can still move is counted again. Funnels whose steps
    Mixpanel does not tell cost a question each: they are measured for the last 30 days alone.
    """
    zone = await ctx.zone()
    await count(
        ctx,
        [funnel for funnel in wanted if funnel.steps],
        days.nightly(as_of, zone, ctx.settings.backfill_days),
    )
    named = days.standard(as_of, zone)
    await measure(ctx, [funnel for funnel in wanted if not funnel.steps], named["last_30_days"])
    current = [span for each in named.values() for span in (each, each.before())]
    async with ctx.store.begin() as work:
        await work.funnels.forget(ctx.clock.now() - FORGOTTEN, but=current)


async def count(ctx: ToolContext, wanted: Sequence[Funnel], periods: Sequence[Period]) -> None:
    """Count funnels over several periods from one export of their events, and keep the result."""
    async with ctx.store.read() as work:
        kept = await work.funnels.kept()
    due = {
        funnel: [each for each in periods if not _stands(_of(kept, funnel, each), funnel, each, ctx)]
        for funnel in wanted
    }
    due = {funnel: spans for funnel, spans in due.items() if spans}
    if not due:
        return
    table = await _events(ctx, list(due), [span for spans in due.values() for span in spans])
    try:
        for funnel, spans in due.items():
            counted = await asyncio.to_thread(_count, table, funnel, spans)
            for period, counts in counted:
                await _keep(ctx, funnel, period, counts, EXPORT)
    finally:
        table.close()


async def measure(ctx: ToolContext, wanted: Sequence[Funnel], period: Period) -> None:
    """See that these funnels are kept for a period: as they are, asked of Mixpanel, or counted."""
    async with ctx.store.read() as work:
        kept = await work.funnels.kept()
    left = []
    for funnel in wanted:
        if _serves(_of(kept, funnel, period), funnel, period, ctx.clock.now()):
            continue
        try:
            counts, route = await first_answer(ctx, QUESTION, _routes(ctx, funnel, period))
        except UpstreamError:
            if not funnel.steps:
                raise
            left.append(funnel)
        else:
            await _keep(ctx, funnel, period, counts, route)
    await count(ctx, left, [period])


def _routes(ctx: ToolContext, funnel: Funnel, period: Period) -> list[Route[Counts]]:
    """Every way to ask Mixpanel for all accounts in one query."""

    async def saved() -> Counts | None:
        return await ctx.mixpanel.funnel_by_account(funnel, period)

    return [Route("funnels", saved)]


def _of(kept: Mapping[tuple[int, date, date], Kept], funnel: Funnel, period: Period) -> Kept | None:
    """The measurement of this very definition of the funnel, if there is one."""
    found = kept.get((funnel.funnel_id, period.from_date, period.to_date))
    same = found and (not funnel.steps or found.definition == funnel.definition)
    return found if same else None


def _stands(found: Kept | None, funnel: Funnel, period: Period, ctx: ToolContext) -> bool:
    """Whether a night need not count this again."""
    if found is None or found.route != EXPORT:
        return False
    return _settled(found, funnel, period) or ctx.clock.now() - found.measured_at < AGAIN


def _serves(found: Kept | None, funnel: Funnel, period: Period, now: datetime) -> bool:
    """Whether a chat can be answered with this."""
    return found is not None and (_settled(found, funnel, period) or now - found.measured_at < FRESH)


def _settled(found: Kept, funnel: Funnel, period: Period) -> bool:
    """Whether the last window had closed and the last late event had come when this was measured."""
    over = midnight(period.to_date + timedelta(days=1), period.zone)
    return found.measured_at >= over + timedelta(seconds=funnel.window_seconds, days=REREAD_DAYS)


async def _keep(ctx: ToolContext, funnel: Funnel, period: Period, counts: Counts, route: str) -> None:
    made = Measurement(funnel=funnel, period=period, route=route, measured_at=ctx.clock.now())
    async with ctx.store.begin() as work:
        ids = {account.mixpanel_id: account.id for account in await work.accounts.all()}
        ours = {
            ids[account]: row for account, row in counts.items() if account in ids and account_ids(account)
        }
        await work.funnels.replace(made, ours)


async def _events(ctx: ToolContext, wanted: Sequence[Funnel], periods: Sequence[Period]) -> "EventTable":
    """The steps' events of all periods, and one window longer, as far as there are any."""
    zone = periods[0].zone
    longest = max(funnel.window_seconds for funnel in wanted)
    today = last_complete_day(ctx.clock.now(), zone) + timedelta(days=1)
    first = min(period.from_date for period in periods)
    until = max(period.to_date for period in periods) + timedelta(seconds=longest, days=1)
    names = list(dict.fromkeys(event for funnel in wanted for event in funnel.steps))
    return await read_events(ctx, zone, first, min(until, today), events=names)


def _count(
    table: "EventTable", funnel: Funnel, periods: Sequence[Period]
) -> list[tuple[Period, dict[str, FunnelCounts]]]:
    tally = Tally(funnel.steps, funnel.window_seconds, dict(enumerate(map(_entry, periods))))
    for _, events in table.by_user(list(dict.fromkeys(funnel.steps))):
        tally.add(events)
    return [(period, tally.counts(number)) for number, period in enumerate(periods)]


def _entry(period: Period) -> tuple[int, int]:
    """The epoch seconds in which step 1 must lie."""
    ends = (period.from_date, period.to_date + timedelta(days=1))
    first, end = (int(midnight(day, period.zone).timestamp()) for day in ends)
    return first, end
