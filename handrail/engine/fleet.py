"""All accounts together: the figures of a night, the days on which everybody moved, and broken data."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handrail.domain.alerts import FLEET, AlertKind, Found, Point
from handrail.engine import alert_limits as limits
from handrail.engine import preflight

Series = NDArray[np.float64]
CHART_DAYS = 56
"""Days of the series behind an alert."""

LAGS = 6
"""Weeks whose same weekdays tell a day's usual."""

LAST_SAME = 4


@dataclass(frozen=True)
class Quiet:
    """An account's key users: how many there are, how many stay away, and the last day one of them came."""

    key_users: int
    silent: int
    last_day: date


@dataclass(frozen=True)
class Sample:
    """The events of one sync, and how many of them name an account."""

    events: int
    with_account: int


@dataclass(frozen=True, kw_only=True)
class Book:
    """Daily figures up to a night. Arrays are accounts × days, the last column is `last`; NaN: not known.

    A day before an account's first is not known. Funnels hold only days whose window has ended.
    """

    accounts: tuple[str, ...]
    last: date
    events: Series
    users: Series
    sessions: Series
    errors: Series
    people: Mapping[str, int]
    """Different users in the four weeks before the window."""
    holidays: frozenset[date] = frozenset()
    funnels: Mapping[tuple[str, str], Series] = field(default_factory=dict)
    """By account and funnel: entered (first row) and completed."""
    features: Mapping[tuple[str, str], Series] = field(default_factory=dict)
    """Attempts by account and feature."""
    quiet: Mapping[str, Quiet] = field(default_factory=dict)
    names: Mapping[tuple[str, date], int] = field(default_factory=dict)
    """Events of all accounts by name and day."""
    samples: Sequence[Sample] = ()
    """Of the syncs, oldest first."""

    @cached_property
    def days(self) -> list[date]:
        width = self.events.shape[1]
        return [self.last - timedelta(days=width - 1 - at) for at in range(width)]

    @cached_property
    def index(self) -> Series:
        """The median account's events beside its usual day; NaN on days when too few accounts are usual."""
        return self._moves[0]

    @cached_property
    def judged(self) -> NDArray[np.bool_]:
        """The days that say something about single accounts."""
        return self._moves[1]

    @cached_property
    def _moves(self) -> tuple[Series, NDArray[np.bool_]]:
        working = np.array([day not in self.holidays for day in self.days])
        return moves(self.events, working & np.isfinite(self.events).any(axis=0))

    @cached_property
    def seen_events(self) -> Series:
        return self.masked(self.events)

    @cached_property
    def seen_users(self) -> Series:
        return self.masked(self.users)

    @cached_property
    def seen_sessions(self) -> Series:
        return self.masked(self.sessions)

    def masked(self, values: Series) -> Series:
        """The values of judged days, beside the fleet where that was low; the others count as not known."""
        index = np.nan_to_num(self.index, nan=1.0)
        beside = np.where((index >= limits.FLEET_LOW) & (index < limits.FLEET_NEAR), index, 1.0)
        return np.where(self.judged, values / beside, np.nan)


def usual_days(values: Series) -> Series:
    """For each day the median of the same weekday in the six weeks before; NaN with fewer than three."""
    width = values.shape[1]
    lags = np.full((LAGS, *values.shape), np.nan)
    for week in range(1, LAGS + 1):
        if 7 * week < width:
            lags[week - 1, :, 7 * week :] = values[:, : width - 7 * week]
    known = np.isfinite(lags).sum(axis=0)
    ordered = np.sort(lags, axis=0)  # NaN comes last
    low = np.take_along_axis(ordered, np.maximum((known - 1) // 2, 0)[None], axis=0)[0]
    high = np.take_along_axis(ordered, np.minimum(known // 2, LAGS - 1)[None], axis=0)[0]
    return np.where(known >= 3, (low + high) / 2, np.nan)


def mean(values: Series) -> Series:
    """Of the known days in each row, NaN where half of them are not known."""
    known = np.isfinite(values)
    counts = known.sum(axis=1)
    sums = np.where(known, values, 0).sum(axis=1)
    enough = counts * 2 > values.shape[1]
    return np.asarray(np.divide(sums, counts, out=np.full(len(sums), np.nan), where=enough))


def moves(values: Series, working: NDArray[np.bool_]) -> tuple[Series, NDArray[np.bool_]]:
    """The fleet's index by day, and the days on which it did not move and that are no holiday.

    A day's usual is the median of the same weekday on the last four days that did not move. A weekend
    goes with the day before it. What stays moved for five weeks is the new usual: then nothing counts before
    it.
    """
    index, judged = _index(values, working, 0)
    at = len(judged)
    while at and not judged[at - 1]:
        at -= 1
    if len(judged) - at < limits.NEW_USUAL:
        return index, judged
    index, judged = _index(values, working, at)
    judged[:at] = False
    return index, judged


def _index(values: Series, working: NDArray[np.bool_], first: int) -> tuple[Series, NDArray[np.bool_]]:
    width = values.shape[1]
    index, judged = np.full(width, np.nan), working.copy()
    totals = np.nansum(values, axis=0)
    moved = False
    for at in range(first, width):
        same = [day for day in range(at - 7, first - 1, -7) if judged[day]][:LAST_SAME]
        if (
            len(same) < 3
            or _middle(totals[same]) < limits.FLEET_SLACK * totals[max(0, same[0] - 7) : at].max()
        ):
            judged[at] &= not moved  # too little is known, or it is the fleet's weekend
            continue
        before = values[:, same]
        known = np.isfinite(before).all(axis=1) & np.isfinite(values[:, at])
        usual = _middle(before[known])
        large = usual >= limits.LEAST_FLEET_DAY
        if large.sum() < limits.LEAST_FLEET:
            continue
        index[at] = _middle(values[known, at][large] / usual[large])
        moved = not limits.FLEET_LOW <= index[at] <= limits.FLEET_HIGH
        judged[at] &= not moved
    return index, judged


def _middle(values: Series) -> Series:
    """The median of each row; numpy's own is slow for a few numbers, and this is asked for every day."""
    ordered, count = np.sort(values, axis=-1), values.shape[-1]
    return np.asarray((ordered[..., (count - 1) // 2] + ordered[..., count // 2]) / 2)


def problems(book: Book) -> list[Found]:
    """What is wrong with the data, or else with all accounts at once: told once, and of no account."""
    broken = [*_coverage(book), *_vanished(book)]
    return broken or _moved(book)


def _coverage(book: Book) -> list[Found]:
    large = [each for each in book.samples if each.events >= preflight.LEAST_EVENTS]
    if len(large) <= limits.COVERAGE_SYNCS or large[-1] is not book.samples[-1]:
        return []
    *before, now = [each.with_account / each.events for each in large]
    usual = float(np.median(before))
    if usual - now < limits.COVERAGE_FALL:
        return []
    return [_data(book, "coverage", now, usual, size=1 - now / usual, days=1, since=book.last)]


def watched(names: Mapping[tuple[str, date], int]) -> list[str]:
    """The events that are common enough to be missed."""
    totals: dict[str, int] = {}
    for (name, _), count in names.items():
        totals[name] = totals.get(name, 0) + count
    least = limits.LEAST_EVENT_SHARE * sum(totals.values())
    return sorted(name for name, count in totals.items() if count >= least)


def retired(names: Mapping[tuple[str, date], int], last: date) -> list[str]:
    """Watched events that nobody has any more: they are left out of every account's past, too."""
    seen = {name: max(day for each, day in names if each == name) for name in watched(names)}
    return [name for name, day in seen.items() if (last - day).days >= limits.RETIRED_DAYS]


def quiet(users: Iterable[tuple[str, int, date]], last: date) -> dict[str, Quiet]:
    """Key users by account. `users` are account, days in the KEY_WEEKS before SILENT_REACH, and last day."""
    found: dict[str, Quiet] = {}
    for account, days, day in users:
        ago = (last - day).days
        if days < limits.KEY_DAYS or ago >= limits.SILENT_REACH:
            continue
        silent = ago >= limits.SILENT_DAYS
        before = found.get(account, Quiet(0, 0, date.min))
        found[account] = Quiet(
            before.key_users + 1,
            before.silent + silent,
            max(before.last_day, day) if silent else before.last_day,
        )
    return found


def _vanished(book: Book) -> list[Found]:
    """Events that stay away from everybody. Where all of several are gone, it is all events."""
    first = book.last - timedelta(days=preflight.WEEKS * 7 + preflight.LONGEST_SILENCE)
    names = watched(book.names)
    found = []
    for name in names:
        silent, expected = preflight.gone(name, book.names, first=first, last=book.last)
        if silent:
            found.append(_data(book, name, 0, expected, size=1.0, days=len(silent), since=silent[-1]))
    if len(names) > 1 and len(found) == len(names):
        longest = min(found, key=lambda each: each.since)
        return [longest.model_copy(update={"subject": "all events"})]
    left = [name for name in names if name not in {each.subject for each in found}]
    return [each for each in found if _goes_on(book, left, each.since)]


def _goes_on(book: Book, names: Sequence[str], since: date) -> bool:
    """The other events are about as many as before: otherwise everything fell, not one event's tracking."""
    days = (book.last - since).days + 1
    now, before = (
        sum(
            book.names.get((name, book.last - timedelta(days=ago + 7 * week)), 0)
            for name in names
            for ago in range(days)
            for week in weeks
        )
        / len(weeks)
        for weeks in (range(1), range(1, LAGS + 1))
    )
    return not names or now >= limits.STILL_ACTIVE * before


def _moved(book: Book) -> list[Found]:
    """All accounts are far under their usual: not on a holiday, whose people stay away and events with them.

    A day tells if each user's events are few, too; otherwise two working days in a row do.
    """
    low = book.index < limits.FLEET_LOW  # false beside NaN
    working = [
        at
        for at in range(len(book.days))
        if book.days[at].weekday() < 5 and book.days[at] not in book.holidays
    ]
    if not book.index[-1] < limits.FLEET_DROP or book.last in book.holidays:
        return []
    broken = _per_user(book) < limits.PER_USER
    if not broken and not (len(working) > 1 and low[working[-1]] and low[working[-2]]):
        return []
    at = len(low) - 1
    while at > 0 and low[at - 1]:
        at -= 1
    usual = usual_days(book.events)[:, at:]
    known = np.isfinite(usual) & np.isfinite(book.events[:, at:])
    observed, expected = (np.where(known, each, 0).sum(axis=0) for each in (book.events[:, at:], usual))
    if observed[-1] >= limits.FLEET_DROP * expected[-1]:
        return []
    return [
        Found(
            account_id=FLEET,
            kind=AlertKind.DROP,
            subject="events",
            size=1 - float(np.nanmedian(book.index[at:])),
            score=0.0,
            since=book.days[at],
            observed=float(observed.sum()),
            usual=float(expected.sum()),
            days=len(low) - at,
            points=_fleet_points(book),
        )
    ]


def _per_user(book: Book) -> float:
    """The median account's events of each user on the last day, beside its usual; 1 where too few are."""
    each = book.events / np.where(book.users > 0, book.users, np.nan)
    large = usual_days(book.events)[:, -1] >= limits.LEAST_FLEET_DAY
    ratios = (each[:, -1] / usual_days(each)[:, -1])[large]
    known = ratios[np.isfinite(ratios)]
    return float(np.median(known)) if len(known) >= limits.LEAST_FLEET else 1.0


def _fleet_points(book: Book) -> tuple[Point, ...]:
    usual = usual_days(book.events)
    points = []
    for at in range(max(0, len(book.days) - CHART_DAYS), len(book.days)):
        known = np.isfinite(usual[:, at]) & np.isfinite(book.events[:, at])
        expected = float(usual[known, at].sum())
        points.append(
            Point(
                day=book.days[at],
                value=float(np.nansum(book.events[:, at])),
                usual=round(expected, 1) if known.any() else None,
                low=round(limits.FLEET_LOW * expected, 1) if known.any() else None,
                high=round(limits.FLEET_HIGH * expected, 1) if known.any() else None,
            )
        )
    return tuple(points)


def _data(book: Book, subject: str, observed: float, usual: float, **more: Any) -> Found:
    return Found(
        account_id=FLEET,
        kind=AlertKind.DATA,
        subject=subject,
        score=0.0,
        observed=observed,
        usual=usual,
        **more,
    )
