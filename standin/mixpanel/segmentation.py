"""Counts of one event over time, by segment, and the lists of event names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from standin.mixpanel import days
from standin.mixpanel.call import Call
from standin.mixpanel.events import Event
from standin.mixpanel.project import Project
from standin.mixpanel.refusal import RefusalError

KINDS = {"general", "unique", "average"}
Cell = tuple[str, str]


class Count:
    """Totals and users by segment and bucket."""

    def __init__(self) -> None:
        self.totals: Counter[Cell] = Counter()
        self.users: dict[Cell, set[str]] = {}

    def add(self, segment: str, bucket: str, event: Event) -> None:
        cell = segment, bucket
        self.totals[cell] += 1
        if event.distinct_id:
            self.users.setdefault(cell, set()).add(event.distinct_id)

    def value(self, kind: str, segment: str, bucket: str) -> float:
        cell = segment, bucket
        total, users = self.totals[cell], len(self.users.get(cell, ()))
        if kind == "general":
            return total
        return users if kind == "unique" else (total / users if users else 0)

    def largest(self, limit: int) -> list[str]:
        sums: Counter[str] = Counter()
        for (segment, _), total in self.totals.items():
            sums[segment] += total
        return [segment for segment, _ in sums.most_common(limit)]


def answer(project: Project, call: Call) -> dict[str, Any]:
    name = call.required("event")
    kind = kind_of(call)
    first, last = days.period(call, project.today())
    where, on = project.expression(call, "where"), project.expression(call, "on")
    keys, bucket = (
        days.every(first, last, call.number("interval", 1))
        if call.text("interval") and not call.text("unit")
        else days.cut(first, last, call.text("unit", "day"))
    )
    count = Count()
    for event in project.events.between(first, last, [name]):
        row = project.row(event)
        if where is None or where.keeps(row):
            for segment in on.segments(row) if on else [name]:
                count.add(segment, bucket(event), event)
    segments = count.largest(call.most_segments(60)) if on else [name]
    table = {segment: {key: count.value(kind, segment, key) for key in keys} for segment in segments}
    return {"data": {"series": keys, "values": table}, "legend_size": len(table)}


def names(project: Project, call: Call) -> list[str]:
    """The most common event names of the last 31 days, or of the dates given."""
    today = project.today()
    if call.text("from_date"):
        first, last = days.period(call, today)
    else:
        first, last = today - timedelta(days=30), today
    found = Counter(event.name for event in project.events.between(first, last))
    return [name for name, _ in found.most_common(call.number("limit", 255))]


def top(project: Project, call: Call) -> dict[str, Any]:
    """Today's events, and how they changed since yesterday."""
    kind = kind_of(call)
    today = project.today()
    now, before = (
        _amounts(project.events.between(day, day), kind) for day in (today, today - timedelta(days=1))
    )
    events = [
        {"amount": amount, "event": name, "percent_change": _change(amount, before.get(name, 0))}
        for name, amount in sorted(now.items(), key=lambda item: -item[1])[: call.number("limit", 100)]
    ]
    return {"events": events, "type": kind}


def _amounts(events: Iterable[Event], kind: str) -> dict[str, float]:
    count = Count()
    for event in events:
        count.add(event.name, "", event)
    return {name: count.value(kind, name, "") for name, _ in count.totals}


def _change(now: float, before: float) -> float:
    return (now - before) / before if before else 0


def kind_of(call: Call) -> str:
    """How a request wants events counted."""
    kind = call.text("type", "general")
    if kind not in KINDS:
        raise RefusalError(400, f"Error in type: invalid type {kind}")
    return kind
