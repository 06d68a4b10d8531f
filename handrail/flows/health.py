"""Scoring the book: facts out of the tables, scores out of facts, kept by day."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from handrail.context import ToolContext
from handrail.domain.accounts import Account
from handrail.domain.alerts import Alert
from handrail.domain.churn import TrackRecord
from handrail.domain.health import (
    Facts,
    Health,
    HealthDay,
    History,
    Move,
    People,
    ScoreSettings,
    Sentiment,
)
from handrail.domain.periods import Period
from handrail.engine.access import enough_others
from handrail.engine.facts import facts
from handrail.engine.personal import points_at_somebody
from handrail.engine.score import moved, score
from handrail.engine.text import MAX_LENGTH, shown
from handrail.errors import CallerError
from handrail.services import score_file

if TYPE_CHECKING:
    from handrail.store import Work

BACK = (28, 21, 14, 7)
"""Days before the newest whose scores are made where they are missing: a first score has a past to show."""

COMPARED = 7
"""Days over which a score's change is told: the same weekday, so that weekends do not move it."""

OLDEST = 28
"""A score older than so many days is not compared with."""


@dataclass(frozen=True)
class Standing:
    """An account's newest health, and what it has been."""

    health: Health
    moves: tuple[Move, ...]
    since: date | None
    """The day that the moves are counted from; None: there is none to compare with."""
    history: tuple[HealthDay, ...]
    """One day a week, oldest first, the newest last."""
    sentiment: Sentiment | None
    key_person_from: float
    record: TrackRecord | None
    """How scores of this definition did on past days; None: that was not counted yet."""
    alerts: tuple[Alert, ...]
    """Those of the account that are open."""
    notes: tuple[str, ...] = ()


def definition(ctx: ToolContext) -> ScoreSettings:
    """How scores are made here. Raises `ConfigError` where the file cannot be used."""
    return score_file.read(ctx.settings.score_file)


async def keep_scores(ctx: ToolContext, as_of: date | None = None, *, judged: Collection[str] = ()) -> int:
    """Score every account at the end of `as_of`, and of the same weekday before where it has no score yet.

    Without a day, of the last one with figures. `judged` are features of which the night of `as_of` said who
    struggles. Answers how many accounts have a score. What was said of an earlier day stays as it was said.
    """
    settings = definition(ctx)
    if as_of is None:
        async with ctx.store.read() as work:
            last = await work.metrics.last_sync()
        if last is None:
            return 0
        as_of = last.to_date
    before = Period.of_days(max(BACK), as_of - timedelta(days=1), await ctx.zone())
    async with ctx.store.read() as work:
        kept = await work.health.days_kept(before)
        first = await work.metrics.first_day()
        segments = {each.id: each.segment for each in await work.accounts.all()}
    if first is None:
        return 0
    least = first + timedelta(days=settings.limits.history_days - 1)
    past = [as_of - timedelta(days=ago) for ago in BACK]
    due = [*(day for day in past if day not in kept and day >= least), as_of]
    async with ctx.store.read() as work:
        history = await work.health.history(due[0], as_of)
    made: list[Health] = []
    for day in due:
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


async def facts_at(work: "Work", ctx: ToolContext, history: History, as_of: date) -> dict[str, Facts]:
    """Facts of every account at the end of a past day, by account id; `history` has to hold that day.

    For a replay of scores: nothing of a later day is read.
    """
    people = await work.health.people(as_of, history.accounts)
    return facts(history, people, ctx.kb.features(), as_of)


async def _people(work: "Work", history: History, day: date, judged: Collection[str]) -> dict[str, People]:
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


async def look_up(ctx: ToolContext, account: Account, *, weeks: int) -> Standing | None:
    """How an account stands; None where it was not scored yet."""
    settings = definition(ctx)
    async with ctx.store.read() as work:
        health = await work.health.of(account.id)
        if health is None:
            return None
        as_of = health.score.as_of
        kept = await work.health.days(account.id, Period.of_days(7 * max(weeks, 4) + 1, as_of, ""))
        sentiments = await work.health.sentiments(account.id, limit=1)
        last = await work.metrics.last_sync()
        record = await work.churn.track_record()
        own = len(await work.accounts.all()) if ctx.sees else 0
        alerts = await work.alerts.find(account_id=account.id, state="open")
    then = next((day for day in reversed(kept) if (as_of - day.day).days >= COMPARED), None)
    notes = []
    if last is not None and last.to_date > as_of:
        notes.append(f"Scores are of {as_of}, figures reach to {last.to_date}: the next night scores anew.")
    if then is not None and then.version != health.score.version:
        notes.append(f"The definition of the score has changed since {then.day}: they are not compared.")
        then = None
    comparable = then is not None and then.value is not None and (as_of - then.day).days <= OLDEST
    moves = (
        moved(health.score, then.components, settings, segment=account.segment)
        if then is not None and comparable and health.score.value is not None
        else []
    )
    if record is not None and record.version != health.score.version:
        record = None
    counted = record.churned + record.kept if record is not None else 0
    if ctx.sees and counted and not enough_others(counted, own):
        record = None
    return Standing(
        health=health,
        moves=tuple(moves),
        since=then.day if then is not None and comparable else None,
        history=tuple(day for day in kept if (as_of - day.day).days % 7 == 0)[-weeks:],
        sentiment=sentiments[0] if sentiments else None,
        key_person_from=settings.limits.key_person_share,
        record=record,
        alerts=tuple(alerts),
        notes=tuple(notes),
    )


async def feel(ctx: ToolContext, account: Account, value: int, note: str = "") -> Sentiment:
    """Keep what a CSM feels about an account. Raises `CallerError` for a note that may name a person."""
    if not 1 <= value <= 5:
        raise CallerError("A sentiment is a whole number from 1 (bad) to 5 (good).")
    if points_at_somebody(note):
        raise CallerError("The note seems to hold an address, a number or an id of somebody: leave it out.")
    if len(note) > MAX_LENGTH:
        raise CallerError(f"The note is longer than {MAX_LENGTH} characters: shorten it.")
    felt = Sentiment(value=value, note=shown(note), at=ctx.clock.now())
    async with ctx.whole.store.begin() as work:
        await work.health.feel(account.id, felt)
    return felt


async def felt(ctx: ToolContext, account: Account) -> list[Sentiment]:
    """What CSMs felt about an account, newest first."""
    async with ctx.store.read() as work:
        return await work.health.sentiments(account.id)
