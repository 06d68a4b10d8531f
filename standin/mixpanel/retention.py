"""Who comes back, and how often people are active."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from standin.mixpanel import days
from standin.mixpanel.call import Call
from standin.mixpanel.days import Buckets
from standin.mixpanel.events import Event
from standin.mixpanel.expressions import Expression
from standin.mixpanel.matching import by_user
from standin.mixpanel.project import Project
from standin.mixpanel.refusal import RefusalError

DAY = 86_400
LENGTHS = {"day": DAY, "week": 7 * DAY, "month": 30 * DAY}
"""Rolling intervals: seconds after a person's own beginning."""

MOST_DAYS = 90
OVERALL = ""


@dataclass(frozen=True)
class Intervals:
    """Interval k is [k, k + 1) lengths after the beginning; `unbounded` counts k or later."""

    length: int
    count: int
    unbounded: bool

    def marks(self, born: float, times: Iterable[float]) -> set[int]:
        """The intervals in which somebody who began at `born` counts as having come back."""
        found = {int((time - born) // self.length) for time in times}
        if self.unbounded:
            return set(range(max(found) + 1)) if found else set()
        return found


def answer(project: Project, call: Call) -> dict[str, Any]:
    first, last = days.period(call, project.today())
    length, (keys, bucket) = _buckets(call, first, last)
    intervals = Intervals(length, call.number("interval_count", 1), call.flag("unbounded_retention", False))
    returns = by_user(_kept(project, call, "event", "where"))
    on = project.expression(call, "on")
    born: Iterable[tuple[str, Event]]
    kind = call.text("retention_type", "birth")
    if kind == "birth":
        born = _births(project, call, first, last, bucket)
    elif kind == "compounded":
        born = _recurrences(returns, first, last, bucket)
    else:
        raise RefusalError(400, f"Error in retention_type: invalid type {kind}")
    sizes: Counter[str] = Counter()
    counts: Counter[tuple[str, str, int]] = Counter()
    for key, beginning in born:
        sizes[key] += 1
        later = [one for one in returns.get(beginning.distinct_id, []) if _after(one, beginning)]
        for segment, times in _segments(project, on, later).items():
            counts.update((segment, key, mark) for mark in intervals.marks(beginning.time, times))
    return _table(keys, sizes, counts, intervals, _largest(counts, call) if on else None)


def addiction(project: Project, call: Call) -> dict[str, Any]:
    """`data[bucket][k]`: users who were active in at least k + 1 hours or days of the bucket."""
    unit, inner = call.required("unit"), call.required("addiction_unit")
    if unit not in LENGTHS:
        raise RefusalError(400, f"Error in unit: invalid unit {unit}")
    if inner not in {"hour", "day"}:
        raise RefusalError(400, f"Error in addiction_unit: invalid unit {inner}")
    first, last = days.period(call, project.today())
    keys, bucket = days.cut(first, last, unit)
    on = project.expression(call, "on")
    length = DAY if inner == "day" else 3600
    active: dict[tuple[str, str], dict[str, set[float]]] = {}
    for event in _kept(project, call, "event", "where"):
        if event.distinct_id and first <= event.day <= last:
            for segment in on.segments(project.row(event)) if on else [OVERALL]:
                users = active.setdefault((segment, bucket(event)), {})
                users.setdefault(event.distinct_id, set()).add(event.local // length)
    places = {key: _days_in(date.fromisoformat(key), unit) * DAY // length for key in keys}

    def row(segment: str, key: str) -> list[int]:
        times = sorted(len(units) for units in active.get((segment, key), {}).values())
        return [len(times) - bisect_right(times, place) for place in range(places[key])]

    if on is None:
        return {"data": {key: row(OVERALL, key) for key in keys}}
    sizes = Counter({cell: len(users) for cell, users in active.items()})
    found = _top(((segment, size) for (segment, _), size in sizes.items()), call)
    return {"data": {key: {segment: row(segment, key) for segment in found} for key in keys}}


def _buckets(call: Call, first: date, last: date) -> tuple[int, Buckets]:
    """Cohorts by calendar unit, or by so many days where `interval` says so."""
    unit = call.text("unit", "day")
    if unit not in LENGTHS:
        raise RefusalError(400, f"Error in unit: invalid unit {unit}")
    if not call.text("interval"):
        return LENGTHS[unit], days.cut(first, last, unit)
    if call.text("unit"):
        raise RefusalError(400, "unit and interval are mutually exclusive")
    interval = call.number("interval", 1)
    if not 1 <= interval <= MOST_DAYS:
        raise RefusalError(400, f"Error in interval: must be from 1 to {MOST_DAYS} days")
    return interval * DAY, days.every(first, last, interval)


def _births(
    project: Project, call: Call, first: date, last: date, bucket: Callable[[Event], str]
) -> Iterator[tuple[str, Event]]:
    """The first born event of each person, wherever in the project's history, if it lies in the dates."""
    call.required("born_event")
    for events in by_user(_kept(project, call, "born_event", "born_where")).values():
        if first <= events[0].day <= last:
            yield bucket(events[0]), events[0]


def _recurrences(
    returns: dict[str, list[Event]], first: date, last: date, bucket: Callable[[Event], str]
) -> Iterator[tuple[str, Event]]:
    """The first event of each person in each bucket."""
    for events in returns.values():
        begun: set[str] = set()
        for event in events:
            if first <= event.day <= last and bucket(event) not in begun:
                begun.add(bucket(event))
                yield bucket(event), event


def _kept(project: Project, call: Call, event: str, where: str) -> Iterator[Event]:
    """The events of one parameter that the expression of another leaves; no name is any event."""
    keeps = project.expression(call, where)
    for one in project.events.named(call.text(event, "$all_events")):
        if keeps is None or keeps.keeps(project.row(one)):
            yield one


def _after(event: Event, beginning: Event) -> bool:
    """Whether it is another event than the beginning, and not before it."""
    return event is not beginning and event.time >= beginning.time


def _segments(project: Project, on: Expression | None, events: list[Event]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for event in events:
        for segment in on.segments(project.row(event)) if on else [OVERALL]:
            found.setdefault(segment, []).append(event.time)
    return found


def _largest(counts: Counter[tuple[str, str, int]], call: Call) -> list[str]:
    return _top(((segment, size) for (segment, _, _), size in counts.items()), call)


def _top(sizes: Iterable[tuple[str, int]], call: Call) -> list[str]:
    sums: Counter[str] = Counter()
    for segment, size in sizes:
        sums[segment] += size
    return [segment for segment, _ in sums.most_common(call.number("limit", 60))]


def _table(
    keys: list[str],
    sizes: Counter[str],
    counts: Counter[tuple[str, str, int]],
    intervals: Intervals,
    segments: list[str] | None,
) -> dict[str, Any]:
    def cohort(segment: str, key: str) -> dict[str, Any]:
        marks = range(intervals.count + 1)
        return {"counts": [counts[segment, key, mark] for mark in marks], "first": sizes[key]}

    if segments is None:
        return {key: cohort(OVERALL, key) for key in keys}
    return {key: {segment: cohort(segment, key) for segment in segments} for key in keys}


def _days_in(start: date, unit: str) -> int:
    if unit == "month":
        return ((start + timedelta(days=31)).replace(day=1) - start).days
    return 7 if unit == "week" else 1
