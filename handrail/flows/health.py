"""Scoring the book: facts out of the tables, scores out of facts, kept by day."""

from collections.abc import Collection
from datetime import date, timedelta

from handrail.context import ToolContext
from handrail.domain.health import Facts, Health, History, People, ScoreSettings
from handrail.domain.periods import Period
from handrail.engine.facts import facts
from handrail.engine.score import score
from handrail.services import score_file
from handrail.store.database import Work

BACK = 28
"""Days before the newest whose scores are made where they are missing: a first score has a past to show."""


def definition(ctx: ToolContext) -> ScoreSettings:
    """How scores are made here. Raises `ConfigError` where the file cannot be used."""
    return score_file.read(ctx.settings.score_file)


async def keep_scores(ctx: ToolContext, as_of: date, *, judged: Collection[str] = ()) -> int:
    """Score every account at the end of `as_of`, and of the days before that have no score yet.

    `judged` are features of which the night of `as_of` said who struggles. Answers how many accounts have a
    score. What was said of an earlier day stays as it was said.
    """
    settings = definition(ctx)
    before = Period.of_days(BACK, as_of - timedelta(days=1), await ctx.zone())
    async with ctx.store.read() as work:
        kept = await work.health.days_kept(before)
        first = await work.metrics.first_day()
        history = await work.health.history(before.from_date, as_of)
        segments = {each.id: each.segment for each in await work.accounts.all()}
    if first is None:
        return 0
    least = timedelta(days=settings.limits.history_days - 1)
    missing = [before.from_date + timedelta(days=number) for number in range(before.days)]
    made: list[Health] = []
    for day in [*(day for day in missing if day not in kept and day >= first + least), as_of]:
        async with ctx.store.read() as work:
            people = await _people(work, history, day, judged if day == as_of else ())
        known = facts(history, people, ctx.kb.features(), day)
        made = [
            Health(facts=each, score=score(each, settings, segment=segments.get(account, "")))
            for account, each in known.items()
        ]
        async with ctx.store.begin() as work:
            await work.health.keep(day, made)
    return sum(one.score.value is not None for one in made)


async def facts_at(work: Work, ctx: ToolContext, history: History, as_of: date) -> dict[str, Facts]:
    """Facts of every account at the end of a past day, by account id; `history` has to hold that day.

    For a replay of scores: nothing of a later day is read.
    """
    people = await work.health.people(as_of, history.accounts)
    return facts(history, people, ctx.kb.features(), as_of)


async def _people(work: Work, history: History, day: date, judged: Collection[str]) -> dict[str, People]:
    """Users in numbers; with seats where profiles were counted lately, and who struggles where judged."""
    people = await work.health.people(day, history.accounts)
    seats = await work.health.seats(day)
    stuck = await work.health.struggling(day, judged) if judged else {}
    found = {}
    for account, mine in people.items():
        known: dict[str, int] = {}
        if account in seats:
            known["seats"], known["seats_activated"] = seats[account]
        if judged:
            known["struggling"] = stuck.get(account, 0)
        found[account] = mine.model_copy(update=known)
    return found
