"""What an Insights metric measures over the events of one cell."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

from standin.mixpanel import filters, values
from standin.mixpanel.events import Event
from standin.mixpanel.project import Project
from standin.mixpanel.refusal import RefusalError

Cells = dict[tuple[tuple[str, ...], str], float | None]
Measure = Callable[[list[Event]], float | None]

TITLES = {"total": "Total Events", "unique": "Unique Users", "sessions": "Total Sessions"}
OF_NUMBERS: dict[str, Callable[[list[float]], float]] = {
    "total": sum,
    "average": statistics.fmean,
    "median": statistics.median,
    "min": min,
    "max": max,
}


def measure(project: Project, metric: dict[str, Any]) -> Measure:
    given = metric.get("measurement", {})
    math, about = str(given.get("math", "total")), given.get("property")
    if about:
        return _of_property(project, math, about)
    if math == "total":
        return len
    if math == "unique":
        return lambda events: len({event.distinct_id for event in events if event.distinct_id})
    if math == "sessions":
        sessions = project.events.sessions
        return lambda events: len({sessions[id(event)] for event in events if id(event) in sessions})
    raise RefusalError(400, f"Unsupported math: {math}")


def label(metric: dict[str, Any]) -> str:
    """The metric's own name, or what it shows."""
    if metric.get("name"):
        return str(metric["name"])
    behavior = metric["behavior"]
    if behavior.get("type") == "funnel":
        steps = behavior["behaviors"]
        return f"{steps[0]['name']} through {steps[-1]['name']}"
    shown = "All Events" if behavior["name"] == "$all_events" else behavior["name"]
    math = str(metric.get("measurement", {}).get("math", "total"))
    return f"{shown} [{TITLES.get(math, math)}]"


def _of_property(project: Project, math: str, about: dict[str, Any]) -> Measure:
    combine = OF_NUMBERS.get(math)
    if combine is None:
        raise RefusalError(400, f"Unsupported math: {math}")
    read = filters.reader(project, {"value": about.get("name"), **about})

    def combined(events: list[Event]) -> float | None:
        numbers = [value for event in events if values.is_number(value := read(event))]
        return combine(numbers) if numbers else None

    return combined
