"""How far each user gets through a funnel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from standin.mixpanel.events import Event

GRACE = 2
"""Events closer than this many seconds count as simultaneous, whatever their order."""

Match = Callable[[Event], bool]


@dataclass(frozen=True)
class Step:
    """One step: an event name, and which events of that name count."""

    event: str
    matches: Match = lambda _: True


@dataclass(frozen=True)
class Attempt:
    """The matched event of each step reached, in step order."""

    events: tuple[Event, ...]

    @property
    def entry(self) -> Event:
        return self.events[0]


def by_user(events: Iterable[Event]) -> dict[str, list[Event]]:
    users: dict[str, list[Event]] = {}
    for event in sorted(events, key=lambda event: event.time):
        if event.distinct_id:
            users.setdefault(event.distinct_id, []).append(event)
    return users


def attempts(
    events: Sequence[Event], steps: Sequence[Step], window: float, enters: Match
) -> Iterator[Attempt]:
    """One user's attempts, from events in time order; each starts when the one before has ended."""
    over = float("-inf")
    used: set[int] = set()
    for position, event in enumerate(events):
        if position in used or event.time < over or not _is(event, steps[0]) or not enters(event):
            continue
        found = _follow(events, position, steps, window)
        yield Attempt(tuple(events[place] for place in found))
        if len(found) == len(steps):
            used.update(found)
            over = events[found[-1]].time
        else:
            over = event.time + window


def _follow(events: Sequence[Event], entry: int, steps: Sequence[Step], window: float) -> list[int]:
    """Positions of the matched events. The first qualifying event of each step is taken."""
    found = [entry]
    end = events[entry].time + window
    for step in steps[1:]:
        after = events[found[-1]].time
        start = found[-1]
        while start > 0 and after - events[start - 1].time < GRACE:
            start -= 1
        place = next(
            (
                place
                for place in range(start, len(events))
                if place not in found and events[place].time < end and _is(events[place], step)
            ),
            None,
        )
        if place is None:
            break
        found.append(place)
    return found


def _is(event: Event, step: Step) -> bool:
    return event.name == step.event and step.matches(event)
