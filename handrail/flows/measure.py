"""Funnels by account: counted from one export at night, asked of Mixpanel when a chat wants other days.

Both count alike, but for events whose account property is a word that means nothing, such as "undefined":
Mixpanel takes it for a value, our rules look on to the next step.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from handrail.context import ToolContext
from handrail.domain.funnels import Funnel, FunnelCounts, Kept, Measurement
from handrail.domain.periods import Period
from handrail.domain.queries import Property
from handrail.engine import periods as days
from handrail.engine.accounts import account_ids
from handrail.engine.attempts import Tally
from handrail.engine.periods import last_complete_day, midnight
from handrail.errors import UpstreamError
from handrail.flows.cohorts import tracked
from handrail.flows.routes import Route, first_answer
from handrail.flows.sync import REREAD_DAYS, read_events
from handrail.services.mixpanel.queries import MOST_SEGMENTS

if TYPE_CHECKING:
    from handrail.services.event_table import EventTable

EXPORT = "export"
AGAIN = timedelta(hours=1)
"""A count of the same period younger than this is not made again."""

FRESH = timedelta(hours=24)
"""A chat is served from the tables with figures of this age at most, if they can still move."""

FORGOTTEN = timedelta(days=7)
"""Periods that are no standard periods any more, or never were, are kept so long."""

LEAST_IN_COHORT = 5
ROWS_AT_ONCE = 20_000
"""A transaction of that many rows keeps other writers waiting for a second or so."""

QUESTION = "a funnel by account"

Counts = Mapping[str, FunnelCounts]


@dataclass
class _Due:
    """A funnel that has to be counted over some periods: of everybody, or of a cohort's members."""

    funnel: Funnel
    cohort: str
    members: Set[str] | None
    periods: list[Period] = field(default_factory=list)


async def count_nightly(ctx: ToolContext, wanted: Sequence[Funnel], as_of: date) -> list[str]:
    """Count the standard periods, those before them and each day of the reach, and forget old periods.

    The reach is HANDRAIL_BACKFILL_DAYS. Only what can still move is counted again. Funnels whose steps
    Mixpanel does not tell cost a question each: they are measured for the last 30 days alone. Answers what
    was left out.
    """
    zone = await ctx.zone()
    cohorts, notes = await tracked(ctx)
    await count(
        ctx,
        [funnel for funnel in wanted if funnel.steps],
        days.nightly(as_of, zone, ctx.settings.backfill_days),
        cohorts=cohorts,
    )
    named = days.standard(as_of, zone)
    await measure(ctx, [funnel for funnel in wanted if not funnel.steps], named["last_30_days"])
    current = [span for each in named.values() for span in (each, each.before())]
    async with ctx.store.begin() as work:
        await work.funnels.forget(ctx.clock.now() - FORGOTTEN, but=current)
    return notes


async def count(
    ctx: ToolContext,
    wanted: Sequence[Funnel],
    periods: Sequence[Period],
    *,
    cohorts: Mapping[str, Set[str]] | None = None,
) -> None:
    """Count funnels over several periods from one export of their events, and keep the result.

    `cohorts` are user keys by name: their members are counted alone, too, over periods of several days.
    """
    async with ctx.store.read() as work:
        kept = await work.funnels.kept()
    now = ctx.clock.now()
    several = [each for each in periods if each.days > 1]
    asked = [
        (_Due(funnel, cohort, members), several if cohort else periods)
        for funnel in wanted
        for cohort, members in (("", None), *(cohorts or {}).items())
    ]
    for one, spans in asked:
        one.periods += [
            each
            for each in spans
            if not _stands(_of(kept, one.funnel, each, one.cohort), one.funnel, each, now)
        ]
    due = [one for one, _ in asked if one.periods]
    if not due:
        return
    table = await _events(ctx, due)
    try:
        for _, group in groupby(due, key=lambda each: each.funnel):
            counted = await asyncio.to_thread(_count, table, list(group), now)
            await _keep(ctx, counted)
    finally:
        table.close()


async def measure(ctx: ToolContext, wanted: Sequence[Funnel], period: Period) -> None:
    """See that these funnels are kept for a period: as they are, asked of Mixpanel, or counted."""
    async with ctx.store.read() as work:
        kept = await work.funnels.kept(period)
    left = []
    mixpanel_tells = await _mixpanel_tells(ctx)
    for funnel in wanted:
        if _serves(_of(kept, funnel, period), funnel, period, ctx.clock.now()):
            continue
        try:
            counts, route = await first_answer(
                ctx,
                QUESTION,
                _routes(ctx, funnel, period) if mixpanel_tells or not funnel.steps else [],
                of=str(funnel.funnel_id),
            )
        except UpstreamError:
            if not funnel.steps:
                raise
            left.append(funnel)
        else:
            made = Measurement(funnel=funnel, period=period, route=route, measured_at=ctx.clock.now())
            await _keep(ctx, [(made, counts)])
    if left:
        await count(ctx, left, [period])


async def _mixpanel_tells(ctx: ToolContext) -> bool:
    """Whether Mixpanel's accounts are ours: not where ids were united or profiles name the accounts."""
    if ctx.settings.mixpanel_profile_property or ctx.settings.mixpanel_domain_accounts:
        return False
    async with ctx.store.read() as work:
        return not await work.accounts.same()


def _routes(ctx: ToolContext, funnel: Funnel, period: Period) -> list[Route[Counts]]:
    """Every way to ask Mixpanel for all accounts in one query."""

    async def saved() -> Counts | None:
        counts = await ctx.mixpanel.funnel_by_account(funnel, period)
        return counts if len(counts) < MOST_SEGMENTS else None

    async def ad_hoc() -> Counts | None:
        by = Property(name=ctx.mixpanel.account_property)
        table = await ctx.mixpanel.insights.funnel(funnel, period, by=by)
        return table.segments if table.complete else None

    return [Route("funnels", saved), *([Route("insights", ad_hoc)] if funnel.steps else [])]


def _of(
    kept: Mapping[tuple[int, str, date, date], Kept], funnel: Funnel, period: Period, cohort: str = ""
) -> Kept | None:
    """The measurement of this very definition of the funnel, if there is one."""
    found = kept.get((funnel.funnel_id, cohort, period.from_date, period.to_date))
    same = found and (not funnel.steps or found.definition == funnel.definition)
    return found if same else None


def _stands(found: Kept | None, funnel: Funnel, period: Period, now: datetime) -> bool:
    """Whether this need not be counted again."""
    if found is None or found.route != EXPORT:
        return False
    return _settled(found, funnel, period) or now - found.measured_at < AGAIN


def _serves(found: Kept | None, funnel: Funnel, period: Period, now: datetime) -> bool:
    """Whether a chat can be answered with this."""
    return found is not None and (_settled(found, funnel, period) or now - found.measured_at < FRESH)


def _settled(found: Kept, funnel: Funnel, period: Period) -> bool:
    """Whether the last window had closed and the last late event had come when this was measured."""
    over = midnight(period.to_date + timedelta(days=1), period.zone)
    return found.measured_at >= over + timedelta(seconds=funnel.window_seconds, days=REREAD_DAYS)


async def _keep(ctx: ToolContext, made: Iterable[tuple[Measurement, Counts]]) -> None:
    """Replace what is kept, whole measurements at a time. Very few of a cohort are not broken down."""
    async with ctx.store.read() as work:
        ids = {account.mixpanel_id: account.id for account in await work.accounts.all()}
    waiting: list[tuple[Measurement, Counts]] = []
    rows = 0
    for one, counts in made:
        least = LEAST_IN_COHORT if one.cohort else 1
        ours = {
            ids[account]: row
            for account, row in counts.items()
            if account in ids and account_ids(account) and row.users and row.users[0] >= least
        }
        waiting.append((one, ours))
        rows += len(ours)
        if rows >= ROWS_AT_ONCE:
            await _replace(ctx, waiting)
            waiting, rows = [], 0
    await _replace(ctx, waiting)


async def _replace(ctx: ToolContext, made: Sequence[tuple[Measurement, Counts]]) -> None:
    async with ctx.store.begin() as work:
        for one, ours in made:
            await work.funnels.replace(one, ours)


async def _events(ctx: ToolContext, due: Sequence[_Due]) -> "EventTable":
    """The steps' events of all periods, and one window longer, as far as there are any."""
    periods = [period for each in due for period in each.periods]
    zone = periods[0].zone
    longest = max(each.funnel.window_seconds for each in due)
    today = last_complete_day(ctx.clock.now(), zone) + timedelta(days=1)
    first = min(period.from_date for period in periods)
    until = max(period.to_date for period in periods) + timedelta(seconds=longest, days=1)
    names = list(dict.fromkeys(event for each in due for event in each.funnel.steps))
    return await read_events(ctx, zone, first, min(until, today), events=names)


def _count(table: "EventTable", due: Sequence[_Due], now: datetime) -> list[tuple[Measurement, Counts]]:
    """Everything that is due of one funnel, in one pass over its users."""
    funnel = due[0].funnel
    tallies = [
        Tally(funnel.steps, funnel.window_seconds, dict(enumerate(map(_entry, each.periods)))) for each in due
    ]
    for user, events in table.by_user(list(dict.fromkeys(funnel.steps))):
        for each, tally in zip(due, tallies, strict=True):
            if each.members is None or user in each.members:
                tally.add(events)
    return [
        (
            Measurement(funnel=funnel, period=period, cohort=each.cohort, route=EXPORT, measured_at=now),
            tally.counts(number),
        )
        for each, tally in zip(due, tallies, strict=True)
        for number, period in enumerate(each.periods)
    ]


def _entry(period: Period) -> tuple[int, int]:
    """The epoch seconds in which step 1 must lie."""
    ends = (period.from_date, period.to_date + timedelta(days=1))
    first, end = (int(midnight(day, period.zone).timestamp()) for day in ends)
    return first, end
