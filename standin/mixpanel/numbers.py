"""A number that events carry, over time: its sum, its mean, and its ranges."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from standin.mixpanel import days, values
from standin.mixpanel.call import Call
from standin.mixpanel.days import Buckets
from standin.mixpanel.events import Event
from standin.mixpanel.expressions import Expression
from standin.mixpanel.project import Project
from standin.mixpanel.refusal import RefusalError
from standin.mixpanel.segmentation import Count, kind_of

UNITS = {"hour", "day"}
RANGES = 12
"""At most so many ranges: their width is the smallest of 1, 2 and 5 times a power of ten that will do."""


def total(project: Project, call: Call) -> dict[str, Any]:
    """What is no number counts as 0."""
    found = {key: sum(numbers) for key, numbers in _by_bucket(project, call).items()}
    return {"status": "ok", "computed_at": project.computed_at(), "results": found}


def average(project: Project, call: Call) -> dict[str, Any]:
    """What is no number counts as 0 here too, as the page of this endpoint says."""
    found = {
        key: sum(numbers) / len(numbers) if numbers else 0
        for key, numbers in _by_bucket(project, call).items()
    }
    return {"results": found, "status": "ok"}


def ranges(project: Project, call: Call) -> dict[str, Any]:
    kind = kind_of(call)
    name = call.required("event")
    keys, bucket = _buckets(project, call)
    found = [(event, number) for event, number in _numbers(project, call, name) if number is not None]
    width = _width([number for _, number in found])
    count = Count()
    for event, number in found:
        count.add(_range(number, width), bucket(event), event)
    starts = sorted({math.floor(number / width) * width for _, number in found})
    names = [_range(start, width) for start in starts]
    table = {one: {key: count.value(kind, one, key) for key in keys} for one in names}
    return {"data": {"series": keys, "values": table}, "legend_size": len(table)}


def _by_bucket(project: Project, call: Call) -> dict[str, list[float]]:
    name = call.required("event")
    keys, bucket = _buckets(project, call)
    found: dict[str, list[float]] = {key: [] for key in keys}
    for event, number in _numbers(project, call, name):
        found[bucket(event)].append(number or 0)
    return found


def _buckets(project: Project, call: Call) -> Buckets:
    unit = call.text("unit", "day")
    if unit not in UNITS:
        raise RefusalError(400, f"Error in unit: invalid unit {unit}")
    return days.cut(*days.period(call, project.today()), unit)


def _numbers(project: Project, call: Call, name: str) -> Iterator[tuple[Event, float | None]]:
    """Every event that `where` leaves, with what `on` is worth where that is a number."""
    call.required("on")
    first, last = days.period(call, project.today())
    where, on = project.expression(call, "where"), project.expression(call, "on")
    for event in project.events.between(first, last, [name]):
        row = project.row(event)
        if where is None or where.keeps(row):
            value = on.value(row) if isinstance(on, Expression) else None
            yield event, value if values.is_number(value) else None


def _width(numbers: list[float]) -> int:
    span = max(numbers) - min(numbers) if numbers else 0
    power = 1
    while True:
        for step in (1, 2, 5):
            if span / (step * power) < RANGES:
                return step * power
        power *= 10


def _range(number: float, width: int) -> str:
    start = math.floor(number / width) * width
    return f"{start:,} - {start + width:,}"
