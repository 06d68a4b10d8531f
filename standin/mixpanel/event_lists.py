"""Several events over time, one event by a property, and which properties and values there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from typing import Any

from standin.mixpanel import days, values
from standin.mixpanel.call import Call
from standin.mixpanel.events import Event
from standin.mixpanel.project import Project
from standin.mixpanel.refusal import RefusalError
from standin.mixpanel.segmentation import Count, kind_of
from standin.mixpanel.values import UNDEFINED

RECENT = timedelta(days=30)
"""Properties and values are those of the last 31 days, as the names of events are."""

MINUTES = {"minute": 1, "hour": 60}
Segments = Callable[[Event], Iterable[str]]


def several(project: Project, call: Call) -> dict[str, Any]:
    """`GET events`: every event asked for, over time."""
    names = [str(name) for name in call.listed("event") or []]
    if not names:
        raise RefusalError(400, "Missing required parameter: event")
    return _table(project, call, names, lambda event: [event.name], lambda _: names)


def by_property(project: Project, call: Call) -> dict[str, Any]:
    """`GET events/properties`: one event over time, by the values of one property."""
    event, name = call.required("event"), call.required("name")
    wanted, limit = call.listed("values"), call.number("limit", 255)

    def segments(event: Event) -> list[str]:
        found = values.segments(event.properties.get(name, UNDEFINED))
        return [one for one in found if wanted is None or one in map(str, wanted)]

    return _table(project, call, [event], segments, lambda count: count.largest(limit))


def top_properties(project: Project, call: Call) -> dict[str, Any]:
    found: Counter[str] = Counter()
    for event in _recent(project, call.required("event")):
        found.update(event.properties.keys())
    return {name: {"count": count} for name, count in found.most_common(call.number("limit", 10))}


def top_values(project: Project, call: Call) -> list[str]:
    event, name = call.required("event"), call.required("name")
    found: Counter[str] = Counter()
    for one in _recent(project, event):
        if values.defined(one.properties.get(name, UNDEFINED)):
            found.update(values.segments(one.properties[name]))
    return [value for value, _ in found.most_common(call.number("limit", 255))]


def _recent(project: Project, name: str) -> Iterable[Event]:
    today = project.today()
    return project.events.between(today - RECENT, today, [name])


def _table(
    project: Project,
    call: Call,
    names: list[str],
    segments: Segments,
    listed: Callable[[Count], list[str]],
) -> dict[str, Any]:
    call.required("type")
    kind, unit = kind_of(call), call.required("unit")
    if kind != "general" and unit in MINUTES:
        raise RefusalError(400, f"Error in unit: {kind} cannot be counted by {unit}")
    first, last, most = _range(project, call, unit)
    keys, bucket = days.cut(first, last, unit)
    if most is not None:
        keys = [key for key in keys if key <= _now(project)][-most:]
    count, inside = Count(), set(keys)
    for event in project.events.between(first, last, names):
        if bucket(event) in inside:
            for segment in segments(event):
                count.add(segment, bucket(event), event)
    table = {name: {key: count.value(kind, name, key) for key in keys} for name in listed(count)}
    return {"data": {"series": keys, "values": table}, "legend_size": len(table)}


def _range(project: Project, call: Call, unit: str) -> tuple[date, date, int | None]:
    """The days to look at, and how many buckets up to now are wanted where `interval` says so."""
    today = project.today()
    if not call.text("interval"):
        return *days.period(call, today), None
    most = call.number("interval", 1)
    if most < 1:
        raise RefusalError(400, "Error in interval: must be at least 1")
    if unit in MINUTES:
        return today - timedelta(days=1 + most * MINUTES[unit] // 1440), today, most
    lengths = {"day": 1, "week": 7, "month": 31}
    first = days.start_of(today, unit) - timedelta(days=(most - 1) * lengths.get(unit, 1))
    return days.start_of(first, unit), today, most


def _now(project: Project) -> str:
    return project.state.clock.now().astimezone(project.zone).strftime("%Y-%m-%d %H:%M:%S")
