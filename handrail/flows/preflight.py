"""The preflight: what a night finds wrong with its data, before it says that anybody struggles."""

from collections.abc import Sequence
from datetime import date, timedelta

from handrail.context import ToolContext
from handrail.domain.features import Feature
from handrail.domain.guards import DataProblem
from handrail.domain.periods import Period
from handrail.domain.runs import FeatureStruggles
from handrail.engine import preflight
from handrail.flows.sync import REREAD_DAYS

REACH = 7 * preflight.WEEKS + preflight.LONGEST_SILENCE + 1
"""Days that the guards look back over."""


async def check(ctx: ToolContext, as_of: date, found: Sequence[FeatureStruggles]) -> list[DataProblem]:
    """What speaks against the verdicts of a night, a problem a feature at most; from the tables alone."""
    asked = [(ctx.kb.find(each.feature), each) for each in found]
    problems = await _look(ctx, as_of, [feature for feature, _ in asked if feature])
    problems += await _nothing_read(ctx, as_of, sum(each.struggling for each in found))
    few = [preflight.too_few(feature, each.tried, each.struggling) for feature, each in asked if feature]
    named = {problem.feature for problem in problems}
    return problems + [each for each in few if each and each.feature not in named]


async def _nothing_read(ctx: ToolContext, as_of: date, struggling: int) -> list[DataProblem]:
    days = Period.of_days(REREAD_DAYS, as_of, await ctx.zone())
    async with ctx.store.read() as work:
        read = await work.metrics.totals(days)
    found = preflight.nothing_read(sum(each.total_events for each in read.values()), struggling, REREAD_DAYS)
    return [found] if found else []


async def _look(ctx: ToolContext, as_of: date, features: Sequence[Feature]) -> list[DataProblem]:
    """At the end of `as_of`, or of the last day that is known."""
    async with ctx.store.read() as work:
        last_sync, first = await work.metrics.last_sync(), await work.metrics.first_day()
        if last_sync is None or first is None:
            return []
        last = min(as_of, last_sync.to_date)
        days = Period.of_days(REACH, last, last_sync.zone)
        names = sorted({name for feature in features for name in feature.event_names()})
        totals = await work.metrics.event_totals(names, days)
        rows = await work.metrics.feature_days(days)
    covered = preflight.coverage(last_sync.events, last_sync.events_with_account)
    known = max(first, last - timedelta(days=REACH - 1))
    found = [
        preflight.vanished(feature, totals, first=known, last=last) or preflight.jumped(feature, rows, last)
        for feature in features
    ]
    return [each for each in (covered, *found) if each is not None]
