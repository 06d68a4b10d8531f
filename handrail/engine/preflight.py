"""The preflight guards: whether a night's data is good enough to say that people struggle."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from itertools import takewhile

from handrail.domain.features import Feature
from handrail.domain.guards import DataProblem, ProblemKind
from handrail.domain.metrics import FeatureDay

LEAST_COVERAGE = 0.5
"""With fewer events that name an account, an account's wishes and caps miss more people than they meet."""

LEAST_EVENTS = 1000
"""Of fewer events the share says little."""

WEEKS = 4
"""An event is held against its own last weeks, by the same weekdays: nobody works on Sundays."""

LEAST_EXPECTED = 20
"""An event that comes twenty times in such days does not stay away by chance; after a day or a weekend."""

LONGEST_SILENCE = 7
"""An event that has been silent for longer was taken out of the product, or nobody uses it."""

RECENT = 3
"""Days after which a bad release shows, still before most of a week is full of its failures."""

LEAST_RECENT, LEAST_PAST = 30, 60
"""Tries (people a day) below which a share is too coarse."""

RISE = 0.3
"""A rise of the share that failed, in points of all who tried, that no ordinary week shows."""

ACCOUNT_RISE = 0.25
LEAST_ACCOUNTS = 5
MOST_ACCOUNTS = 0.75
"""A release hits nearly everybody at once; people who struggle sit in some accounts."""

LEAST_PEOPLE = 3
"""One or two people may be a test, or one bad setting: no base to say that a feature is hard."""

Totals = Mapping[tuple[str, date], int]
"""Events of all accounts by name and day."""

Share = Callable[[Sequence[FeatureDay]], float | None]


def troubled(problems: Iterable[DataProblem], feature: str) -> bool:
    """Whether one of these problems is the feature's, or everybody's."""
    return any(each.feature in ("", feature) for each in problems)


def coverage(events: int, with_account: int) -> DataProblem | None:
    """Too few events name an account."""
    if events < LEAST_EVENTS or with_account >= LEAST_COVERAGE * events:
        return None
    return DataProblem(
        feature="",
        kind=ProblemKind.COVERAGE,
        words=f"Only {with_account / events:.0%} of the events name an account.",
    )


def nothing_read(events: int, struggling: int, days: int) -> DataProblem | None:
    """Mixpanel tells of people who struggle, and its export held no event at all."""
    if events or not struggling:
        return None
    return DataProblem(
        feature="",
        kind=ProblemKind.NOTHING_READ,
        words=f"Mixpanel's export held no event of the last {days} days, "
        f"and Mixpanel tells of {struggling} people who struggle.",
    )


def vanished(feature: Feature, totals: Totals, *, first: date, last: date) -> DataProblem | None:
    """An event of the feature stays away from the whole fleet, against its own weeks before.

    `first` and `last` are the days that `totals` reaches over. An error event that stays away is good news.
    """
    for name in dict.fromkeys((feature.events.attempt, *_steps(feature), feature.events.success)):
        silent, expected = gone(name, totals, first=first, last=last)
        if silent:
            since = f"on {last}" if len(silent) == 1 else f"from {silent[-1]} to {last}"
            return DataProblem(
                feature=feature.slug,
                kind=ProblemKind.VANISHED,
                words=f"Nobody had the event {name!r} {since}; the weeks before tell of {expected:.0f}.",
            )
    return None


def gone(name: str, totals: Totals, *, first: date, last: date) -> tuple[list[date], float]:
    """The last days without the event, newest first, and how many were expected; empty if none is missed."""
    silent = _silent(name, totals, last)
    expected = sum(_usual(name, day, totals, first) for day in silent)
    if len(silent) > LONGEST_SILENCE or expected < LEAST_EXPECTED:
        return [], 0.0
    return silent, expected


def _silent(name: str, totals: Totals, last: date) -> list[date]:
    """The last days in a row without the event, newest first."""
    days = [last - timedelta(days=ago) for ago in range(LONGEST_SILENCE + 1)]
    return list(takewhile(lambda day: not totals.get((name, day)), days))


def _steps(feature: Feature) -> tuple[str, ...]:
    return tuple(step.event for step in feature.steps)


def _usual(name: str, day: date, totals: Totals, first: date) -> float:
    """The mean of the same weekday in the weeks before, as far as they are known."""
    before = [day - timedelta(weeks=week) for week in range(1, WEEKS + 1)]
    known = [totals.get((name, each), 0) for each in before if each >= first]
    return sum(known) / len(known) if known else 0


def jumped(feature: Feature, days: Iterable[FeatureDay], last: date) -> DataProblem | None:
    """Failures, or errors, rose at once in nearly all accounts that use the feature."""
    mine = [each for each in days if each.feature == feature.slug]
    recent = [each for each in mine if last - timedelta(days=RECENT) < each.day <= last]
    past = [each for each in mine if each.day <= last - timedelta(days=RECENT)]
    for what, share in (("failed", _failing), ("met errors", _erring)):
        now, before = share(recent), share(past)
        if now is None or before is None or now - before < RISE:
            continue
        if _tries(recent) < LEAST_RECENT or _tries(past) < LEAST_PAST:
            continue
        rises = _rises(recent, past, share)
        worse = sum(rise >= ACCOUNT_RISE for rise in rises)
        if len(rises) >= LEAST_ACCOUNTS and worse >= MOST_ACCOUNTS * len(rises):
            return DataProblem(
                feature=feature.slug,
                kind=ProblemKind.JUMPED,
                words=f"In the last {RECENT} days {now:.0%} of the tries {what}, before {before:.0%}, "
                f"and {worse} of {len(rises)} accounts got worse at once: look at the last release.",
            )
    return None


def _rises(recent: Sequence[FeatureDay], past: Sequence[FeatureDay], share: Share) -> list[float]:
    """By how much the share rose, of each account that tried the feature before and now."""
    accounts = {each.account for each in recent} & {each.account for each in past}
    pairs = (
        [share([each for each in rows if each.account == account]) for rows in (recent, past)]
        for account in sorted(accounts)
    )
    return [now - before for now, before in pairs if now is not None and before is not None]


def _tries(days: Iterable[FeatureDay]) -> int:
    return sum(each.users_attempting for each in days)


def _failing(days: Sequence[FeatureDay]) -> float | None:
    """Of the people who tried, day by day, the share without a success: nobody weighs more by trying more."""
    tried = _tries(days)
    succeeded = sum(min(each.users_succeeding, each.users_attempting) for each in days)
    return 1 - succeeded / tried if tried else None


def _erring(days: Sequence[FeatureDay]) -> float | None:
    """Error events of an attempt."""
    attempts = sum(each.attempts for each in days)
    return sum(min(each.errors, each.attempts) for each in days) / attempts if attempts else None


def too_few(feature: Feature, tried: int | None, struggling: int) -> DataProblem | None:
    """Fewer than three people tried the feature, and some of them are said to struggle."""
    if tried is None or not struggling or tried >= LEAST_PEOPLE:
        return None
    return DataProblem(
        feature=feature.slug,
        kind=ProblemKind.TOO_FEW,
        words=f"Only {tried} tried it in {feature.struggle.days} days: too few to tell what is hard.",
    )
