"""Funnels by account: counted from the export at night, asked of Mixpanel when a chat wants other days.

Both count alike, but for events whose account property is a word that means nothing, such as "undefined":
Mixpanel takes it for a value, our rules look on to the next step.
"""

import logging
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from handrail.context import ToolContext
from handrail.domain.funnels import Funnel, FunnelCounts
from handrail.domain.metrics import MeasuredFunnel
from handrail.domain.periods import Period
from handrail.engine import funnels
from handrail.engine.accounts import account_ids
from handrail.engine.periods import last_complete_day
from handrail.errors import NotOffered, RateLimited
from handrail.flows.sync import read_events

if TYPE_CHECKING:
    from handrail.services.event_table import EventTable

FRESH = timedelta(hours=1)
"""A measurement of the same period younger than this is not made again."""

Counts = dict[str, FunnelCounts]

log = logging.getLogger(__name__)


async def count(ctx: ToolContext, wanted: Sequence[Funnel], periods: Sequence[Period]) -> None:
    """Count funnels over several periods from one export of their events, and keep the result.

    Funnels whose steps Mixpanel does not tell are asked for one by one.
    """
    stale = [period for period in periods if len(await _fresh(ctx, wanted, period)) < len(wanted)]
    known = [funnel for funnel in wanted if funnel.steps]
    if stale and known:
        table = await _events(ctx, known, stale)
        try:
            for period in stale:
                for funnel in known:
                    await _keep(ctx, funnel, period, _count(table, funnel, period), "export")
        finally:
            table.close()
    for period in stale:
        await measure(ctx, [funnel for funnel in wanted if not funnel.steps], period)


async def measure(ctx: ToolContext, wanted: Sequence[Funnel], period: Period) -> list[MeasuredFunnel]:
    """Funnels of every account over a period: kept ones if fresh, else one query each, else the export."""
    fresh = await _fresh(ctx, wanted, period)
    for funnel in wanted:
        if funnel.funnel_id in fresh:
            continue
        try:
            asked = await ctx.mixpanel.funnel_by_account(funnel, period)
            await _keep(ctx, funnel, period, asked, "funnels")
        except (NotOffered, RateLimited):
            if not funnel.steps:
                raise
            log.warning("funnel %d is counted from the export", funnel.funnel_id)
            await count(ctx, [funnel], [period])
    ids = {funnel.funnel_id for funnel in wanted}
    async with ctx.store.read() as work:
        return [one for one in await work.metrics.funnels(period) if one.funnel_id in ids]


async def _fresh(ctx: ToolContext, wanted: Sequence[Funnel], period: Period) -> set[int]:
    """Funnels that were measured over this period a short while ago."""
    limit = ctx.clock.now() - FRESH
    async with ctx.store.read() as work:
        kept = {one.funnel_id for one in await work.metrics.funnels(period) if one.measured_at > limit}
    return kept & {funnel.funnel_id for funnel in wanted}


async def _keep(ctx: ToolContext, funnel: Funnel, period: Period, counts: Counts, route: str) -> None:
    now = ctx.clock.now()
    async with ctx.store.begin() as work:
        ids = {account.mixpanel_id: account.id for account in await work.accounts.all()}
        await work.metrics.keep_funnels(
            [
                MeasuredFunnel(
                    account_id=ids[account],
                    funnel_id=funnel.funnel_id,
                    name=funnel.name,
                    period=period,
                    counts=row,
                    route=route,
                    measured_at=now,
                )
                for account, row in counts.items()
                if account in ids and account_ids(account) and row.users
            ]
        )


async def _events(ctx: ToolContext, wanted: Sequence[Funnel], periods: Sequence[Period]) -> "EventTable":
    """The steps' events of all periods, and one window longer, as far as there are any."""
    zone = periods[0].zone
    longest = max(funnel.window_seconds for funnel in wanted)
    today = last_complete_day(ctx.clock.now(), zone) + timedelta(days=1)
    first = min(period.from_date for period in periods)
    until = max(period.to_date for period in periods) + timedelta(seconds=longest, days=1)
    return await read_events(ctx, zone, first, min(until, today), events=_step_events(wanted))


def _count(table: "EventTable", funnel: Funnel, period: Period) -> Counts:
    users = (
        [(event.time, event.name, event.account_ids) for event in events]
        for _, events in table.by_user(_step_events([funnel]))
    )
    zone = ZoneInfo(period.zone)
    entry = (_midnight(period.from_date, zone), _midnight(period.to_date + timedelta(days=1), zone))
    counted = funnels.count(users, funnel.steps, funnel.window_seconds, entry)
    return {account: row for account, row in counted.items() if account}


def _step_events(wanted: Sequence[Funnel]) -> list[str]:
    return list(dict.fromkeys(event for funnel in wanted for event in funnel.steps))


def _midnight(day: date, zone: ZoneInfo) -> int:
    """Epoch seconds of the beginning of a project day."""
    return int(datetime.combine(day, time(), tzinfo=zone).timestamp())
