"""Saved funnels: counted by bucket, with and without a breakdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import fmean
from typing import Any

from standin.mixpanel import days, values
from standin.mixpanel.call import Call
from standin.mixpanel.events import Event, Events
from standin.mixpanel.matching import Attempt, Match, Step, attempts, by_user
from standin.mixpanel.project import Project
from standin.mixpanel.refusal import RefusalError

SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800, "month": 2592000}
LONGEST = 90 * 86400

Segments = Callable[[Attempt], list[str]]


@dataclass
class Tally:
    """The attempts counted for one segment, and how many reached each step."""

    steps: Sequence[Step]
    counted: list[Attempt] = field(default_factory=list)

    @property
    def reached(self) -> list[int]:
        return [
            sum(len(attempt.events) > place for attempt in self.counted) for place in range(len(self.steps))
        ]

    def rows(self) -> list[dict[str, Any]]:
        reached = self.reached
        return [
            {
                "count": count,
                "avg_time": self._average(place, place - 1),
                "avg_time_from_start": self._average(place, 0),
                "step_conv_ratio": _ratio(count, reached[place - 1]) if place else 1,
                "overall_conv_ratio": _ratio(count, reached[0]) if place else 1,
                "goal": self.steps[place].event,
                "event": self.steps[place].event,
            }
            for place, count in enumerate(reached)
        ]

    def analysis(self) -> dict[str, int]:
        reached = self.reached
        losses = [before - after for before, after in pairwise(reached)]
        worst = losses.index(max(losses)) + 1 if any(losses) else 0
        return {
            "completion": reached[-1],
            "starting_amount": reached[0],
            "steps": len(reached),
            "worst": worst,
        }

    def _average(self, place: int, since: int) -> int | None:
        waits = [
            attempt.events[place].time - attempt.events[since].time
            for attempt in self.counted
            if len(attempt.events) > place
        ]
        return round(max(0, fmean(waits))) if place and waits else None


@dataclass
class Funnel:
    """Steps and window, counted over events. Users count once, or once a segment."""

    steps: Sequence[Step]
    window: float

    def users(self, events: Events, where: Match = lambda _: True) -> list[list[Event]]:
        """Each user's events that can be a step, in time order."""
        names = dict.fromkeys(step.event for step in self.steps)
        taken = (event for name in names for event in events.named(name) if where(event))
        return list(by_user(taken).values())

    def count(
        self,
        users: Iterable[list[Event]],
        enters: Match,
        segments: Segments | None = None,
        keeps: Callable[[Attempt], bool] = lambda _: True,
    ) -> dict[str, Tally]:
        """Tallies by segment, `$overall` among them, of the attempts that are kept."""
        tallies = {"$overall": Tally(self.steps)}
        for events in users:
            seen: set[str] = set()
            for attempt in filter(keeps, attempts(events, self.steps, self.window, enters)):
                keys = ["$overall", *(segments(attempt) if segments else ())]
                for key in keys:
                    if key not in seen:
                        tallies.setdefault(key, Tally(self.steps)).counted.append(attempt)
                seen.update(keys)
                if segments is None:
                    break
        return tallies


def first_defined(read: Callable[[Event], Any]) -> Segments:
    """The segments of the first step whose event has the value."""

    def segments(attempt: Attempt) -> list[str]:
        for event in attempt.events:
            value = read(event)
            if values.defined(value) and value != []:
                return values.segments(value)
        return ["undefined"]

    return segments


def answer(project: Project, call: Call) -> dict[str, Any]:
    saved = _saved(project, call)
    first, last = days.period(call, project.today())
    unit = call.text("unit")
    keys, bucket = (
        days.cut(first, last, unit) if unit else days.every(first, last, call.number("interval", 1))
    )
    funnel = Funnel([Step(step["event"]) for step in saved["steps"]], _window(call, saved))
    where, on = project.expression(call, "where"), project.expression(call, "on")
    users = funnel.users(project.events, lambda event: where is None or where.keeps(project.row(event)))
    segments = first_defined(lambda event: on.value(project.row(event))) if on else None
    found = {}
    for key in keys:

        def enters(event: Event, key: str = key) -> bool:
            return first <= event.day <= last and bucket(event) == key

        tallies = funnel.count(users, enters, segments)
        found[key] = _segmented(tallies, call.most_segments(255)) if on else _plain(tallies["$overall"])
    return {"meta": {"dates": keys}, "computed_at": project.computed_at(), "data": found}


def listed(project: Project, _: Call) -> list[dict[str, Any]]:
    funnels = project.settings.get("funnels", [])
    return [{"funnel_id": saved["funnel_id"], "name": saved["name"]} for saved in funnels]


def largest(tallies: dict[str, Tally], limit: int) -> dict[str, Tally]:
    """`$overall` and the segments with the most entries."""
    overall = tallies["$overall"]
    entries = Counter({key: len(tally.counted) for key, tally in tallies.items() if tally is not overall})
    return {"$overall": overall} | {key: tallies[key] for key, _ in entries.most_common(limit)}


def _plain(tally: Tally) -> dict[str, Any]:
    return {"steps": tally.rows() if tally.counted else [], "analysis": tally.analysis()}


def _segmented(tallies: dict[str, Tally], limit: int) -> dict[str, Any]:
    return {key: tally.rows() for key, tally in largest(tallies, limit).items()}


def _saved(project: Project, call: Call) -> dict[str, Any]:
    wanted = call.required("funnel_id")
    for saved in project.settings.get("funnels", []):
        if str(saved["funnel_id"]) == wanted:
            return dict(saved)
    raise RefusalError(404, f"Funnel {wanted} not found")


def _window(call: Call, saved: dict[str, Any]) -> float:
    unit = call.text("length_unit", saved.get("length_unit", "day")).removesuffix("s")
    if unit not in SECONDS:
        raise RefusalError(400, f"Error in length_unit: invalid unit {unit}")
    window = call.number("length", int(saved.get("length", 14))) * SECONDS[unit]
    if not 0 < window <= LONGEST:
        raise RefusalError(400, "Error in length: must be between 1 second and 90 days")
    return window


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0
