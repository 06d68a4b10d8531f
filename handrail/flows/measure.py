"""Funnels by account: one question to Mixpanel for all accounts, else our own count of the export."""

import logging
from collections.abc import Sequence
from datetime import datetime, time, timedelta
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

FRESH = timedelta(hours=1)
"""A measurement of the same period younger than this is not asked for again."""

log = logging.getLogger(__name__)


async def measure(ctx: ToolContext, wanted: Sequence[Funnel], period: Period) -> list[MeasuredFunnel]:
    """Measure funnels over a period for every account, and keep the result."""
    now = ctx.clock.now()
    async with ctx.store.read() as work:
        kept = await work.metrics.funnels(period)
        ids = {account.mixpanel_id: account.id for account in await work.accounts.all()}
    fresh = [one for one in kept if now - one.measured_at < FRESH]
    done = {one.funnel_id for one in fresh}
    measured: list[MeasuredFunnel] = []
    for funnel in wanted:
        if funnel.funnel_id in done:
            continue
        counts, route = await _counts(ctx, funnel, period)
        measured += [
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
            if account in ids and row.users
        ]
    async with ctx.store.begin() as work:
        await work.metrics.keep_funnels(measured)
    return [*(one for one in fresh if one.funnel_id in {f.funnel_id for f in wanted}), *measured]


async def _counts(ctx: ToolContext, funnel: Funnel, period: Period) -> tuple[dict[str, FunnelCounts], str]:
    try:
        by_account = await ctx.mixpanel.funnel_by_account(funnel, period)
    except (NotOffered, RateLimited):
        if not funnel.steps:
            raise
        log.warning("funnel %d is counted from the export", funnel.funnel_id)
        return await _count_export(ctx, funnel, period), "export"
    return {key: row for key, row in by_account.items() if account_ids(key)}, "funnels"


async def _count_export(ctx: ToolContext, funnel: Funnel, period: Period) -> dict[str, FunnelCounts]:
    """Entries inside the period; events are read for one window longer, as far as there are any."""
    zone = ZoneInfo(period.zone)
    today = last_complete_day(ctx.clock.now(), period.zone) + timedelta(days=1)
    until = min(period.to_date + timedelta(seconds=funnel.window_seconds, days=1), today)
    table = await read_events(
        ctx, period.zone, period.from_date, until, events=list(dict.fromkeys(funnel.steps))
    )
    entry = (
        int(datetime.combine(period.from_date, time(), tzinfo=zone).timestamp()),
        int(datetime.combine(period.to_date + timedelta(days=1), time(), tzinfo=zone).timestamp()),
    )
    try:
        users = (
            [(event.time, event.name, event.account_ids) for event in events]
            for _, events in table.by_user(list(funnel.steps))
        )
        counted = funnels.count(users, funnel.steps, funnel.window_seconds, entry)
    finally:
        table.close()
    return {account: row for account, row in counted.items() if account}
