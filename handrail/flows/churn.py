"""Churn: past days replayed without a look ahead, and what they say of the accounts that left."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from handrail.context import ToolContext
from handrail.domain.churn import (
    Outcomes,
    PastDay,
    Sample,
    Separation,
    SuggestedWeights,
    Survival,
    TrackRecord,
)
from handrail.domain.health import REACH, WINDOW, ScoreSettings
from handrail.domain.periods import Period
from handrail.engine import backtest, matching
from handrail.engine.measures import METRICS, past_day
from handrail.engine.score import score
from handrail.engine.separation import separations
from handrail.engine.survival import by_quartile
from handrail.engine.weights import suggest
from handrail.flows.health import definition, facts_at

SETTLED = 7
"""Days after which the figures of a day change no more: late events are read for five."""

BACK = 730
"""Days before the newest that are replayed."""

BLOCK = 13
"""Days whose history is read at once."""

IN_CHAT = 20_000
"""Accounts times days that a question waits for; a night replays all."""


class Replayed(NamedTuple):
    days: list[PastDay]
    first: date | None
    last: date | None
    waiting: int
    """Days that were not replayed yet."""


class Analysis(NamedTuple):
    """What past days say. `outcomes` are all that is known, `sample` who could be compared."""

    outcomes: Outcomes
    replayed: Replayed
    sample: Sample
    separations: list[Separation]
    survival: Survival | None
    record: TrackRecord
    suggested: SuggestedWeights | None


async def keep_track(ctx: ToolContext, as_of: date) -> TrackRecord:
    """What a night does: replay what is missing, and keep how the score did."""
    settings, ends = definition(ctx), await _outcomes(ctx, as_of)
    replayed = await replay(ctx, as_of, settings) if ends.churned else Replayed([], None, None, 0)
    sample = matching.sample(replayed.days, ends, days_before=backtest.DAYS_BEFORE)
    record = backtest.track_record(replayed.days, ends, sample, as_of=as_of, version=settings.version)
    async with ctx.store.begin() as work:
        await work.churn.keep_record(record)
    return record


async def analyse(
    ctx: ToolContext, as_of: date, *, days_before: int, survival_by: str, most: int | None = IN_CHAT
) -> Analysis:
    """All that the tables say of churn up to `as_of`; past days that lack are replayed, up to `most`."""
    settings, ends = definition(ctx), await _outcomes(ctx, as_of)
    replayed = await replay(ctx, as_of, settings, most=most) if ends.churned else Replayed([], None, None, 0)
    return await asyncio.to_thread(_analysis, replayed, ends, settings, as_of, days_before, survival_by)


def _analysis(
    replayed: Replayed,
    ends: Outcomes,
    settings: ScoreSettings,
    as_of: date,
    days_before: int,
    survival_by: str,
) -> Analysis:
    sample = matching.sample(replayed.days, ends, days_before=days_before)
    usual = matching.sample(replayed.days, ends, days_before=backtest.DAYS_BEFORE)
    return Analysis(
        outcomes=ends,
        replayed=replayed,
        sample=sample,
        separations=separations(sample, METRICS),
        survival=by_quartile(replayed.days, ends, survival_by, as_of),
        record=backtest.track_record(replayed.days, ends, usual, as_of=as_of, version=settings.version),
        suggested=suggest(sample, settings.weights),
    )


async def _outcomes(ctx: ToolContext, as_of: date) -> Outcomes:
    async with ctx.store.read() as work:
        return matching.outcomes(await work.accounts.all(), as_of)


async def replay(
    ctx: ToolContext, as_of: date, settings: ScoreSettings, *, most: int | None = None
) -> Replayed:
    """Every seventh day up to a week before `as_of`, as it would have been seen then, kept for later.

    Those that are missing are made, the newest first, as many as `most` accounts times days allow.
    """
    async with ctx.store.read() as work:
        known = await work.churn.replays(settings.version)
        read = await work.churn.read_days()
        accounts = await work.accounts.all()
    wanted = _wanted(read, as_of)
    due = [day for day in wanted if known.get(day) != _read_at(day, read)]
    allowed = len(due) if most is None else most // max(1, len(accounts))
    segments = {each.id: each.segment for each in accounts}
    for at in range(0, min(allowed, len(due)), BLOCK):
        await _replay_block(ctx, due[at : min(at + BLOCK, allowed)], settings, segments, read)
    there = sorted(set(wanted) - set(due[allowed:]))
    async with ctx.store.read() as work:
        days = await work.churn.past_days(there)
    return Replayed(days, there[0] if there else None, there[-1] if there else None, len(wanted) - len(there))


def _wanted(read: Mapping[date, datetime], as_of: date) -> list[date]:
    """Sundays with 28 days that were read, the newest first."""
    days = (as_of - timedelta(days=ago) for ago in range(SETTLED, BACK))
    return [
        day
        for day in days
        if day.toordinal() % matching.STEP == 0
        and all(day - timedelta(days=ago) in read for ago in range(WINDOW))
    ]


def _read_at(day: date, read: Mapping[date, datetime]) -> datetime:
    """When the newest of the days that it is made of was read."""
    made_of = (day - timedelta(days=ago) for ago in range(REACH))
    return max(read[each] for each in made_of if each in read)


async def _replay_block(
    ctx: ToolContext,
    days: Sequence[date],
    settings: ScoreSettings,
    segments: Mapping[str, str],
    read: Mapping[date, datetime],
) -> None:
    zone = await ctx.zone()
    async with ctx.store.read() as work:
        history = await work.health.history(min(days), max(days))
    for day in days:
        async with ctx.store.read() as work:
            known = await facts_at(work, ctx, history, day)
            sessions = await work.churn.sessions(Period.of_days(WINDOW, day, zone))
        made = [
            past_day(
                facts, score(facts, settings, segment=segments.get(account, "")), sessions.get(account, 0)
            )
            for account, facts in known.items()
        ]
        async with ctx.store.begin() as work:
            await work.churn.keep_day(
                day, [each for each in made if each], version=settings.version, read_at=_read_at(day, read)
            )
