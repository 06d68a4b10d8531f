"""Funnels counted as Mixpanel counts them: per user, in time order, inside a window from step 1."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import Generic, NamedTuple, TypeVar

from handrail.domain.funnels import FunnelCounts
from handrail.engine.uses import FeatureEvent

GRACE_SECONDS = 2
"""Two events closer than this count as simultaneous (Mixpanel's documented rule)."""

EVERYBODY = ""
"""Stands in place of an account for all users, each once."""

Span = tuple[int, int]
"""A half-open span of epoch seconds in which step 1 must lie; later steps may come after it."""

Key = TypeVar("Key")


class Attempt(NamedTuple):
    """One walk through the steps. The account is that of the first step that has one."""

    accounts: tuple[str, ...]
    waits: tuple[int, ...]
    """Seconds between each step and the one before; one fewer than the steps made."""
    free_at: int
    """Before this moment no further attempt starts: it has converted or run out by then."""


class Tally(Generic[Key]):
    """Counts one funnel over many spans at once, one user after the other.

    An attempt is the same whatever span it is counted for, so it is walked once. Spans differ only in the
    first step 1 that lies inside them: from there, a further attempt starts when the one before has ended,
    and counts only for an account that the user has not entered yet in that span.
    """

    def __init__(self, step_events: Sequence[str], window: int, spans: Mapping[Key, Span]) -> None:
        self._steps = tuple(step_events)
        self._window = window
        self._ends = {key: end for key, (_, end) in spans.items()}
        self._edges = sorted({edge for span in spans.values() for edge in span})
        self._covering = [
            [key for key, (start, end) in spans.items() if start <= edge < end] for edge in self._edges
        ]
        self._made: dict[Key, dict[str, list[tuple[int, ...]]]] = {key: {} for key in spans}

    def add(self, events: Sequence[FeatureEvent]) -> None:
        """Count all events of one user, in any order."""
        if not any(event.name == self._steps[0] for event in events):
            return
        user = _User(events, self._steps, self._window)
        times = user.starts
        first: dict[Key, int] = {}
        for index, time in enumerate(times):
            for key in self._covering_at(time):
                first.setdefault(key, index)
        for key, index in first.items():
            self._count(key, user, index)

    def _covering_at(self, time: int) -> Sequence[Key]:
        place = bisect_right(self._edges, time) - 1
        return self._covering[place] if place >= 0 else ()

    def _count(self, key: Key, user: "_User", index: int) -> None:
        """Follow one user's attempts through one span, beginning with its first step 1."""
        made, end, entered = self._made[key], self._ends[key], set[str]()
        times = user.starts
        while index < len(times) and times[index] < end:
            attempt = user.attempt(index)
            for account in (EVERYBODY, *attempt.accounts):
                if account not in entered:
                    entered.add(account)
                    made.setdefault(account, []).append(attempt.waits)
            index = max(index + 1, bisect_left(times, attempt.free_at))

    def counts(self, key: Key) -> dict[str, FunnelCounts]:
        """Users per step by account over one span; `EVERYBODY` is there even if nobody entered."""
        made = self._made[key] or {EVERYBODY: []}
        return {account: self._sum(made[account]) for account in made}

    def _sum(self, made: Sequence[tuple[int, ...]]) -> FunnelCounts:
        between = [
            [waits[step] for waits in made if len(waits) > step] for step in range(len(self._steps) - 1)
        ]
        return FunnelCounts(
            events=self._steps,
            users=(len(made), *map(len, between)),
            seconds=(None, *(float(median(waits)) if waits else None for waits in between)),
        )


class _User:
    """One user's events by step, and the attempts that begin with each first step."""

    def __init__(self, events: Sequence[FeatureEvent], steps: tuple[str, ...], window: int) -> None:
        self._events = sorted(events, key=lambda event: event.time)
        self._steps = steps
        self._window = window
        self._places: dict[str, list[int]] = {name: [] for name in steps}
        for place, event in enumerate(self._events):
            if event.name in self._places:
                self._places[event.name].append(place)
        self._times = {
            name: [self._events[place].time for place in places] for name, places in self._places.items()
        }
        self._walked: dict[int, Attempt] = {}

    @property
    def starts(self) -> list[int]:
        """The times of step 1, in order."""
        return self._times[self._steps[0]]

    def attempt(self, index: int) -> Attempt:
        """The attempt that begins with the step 1 of that number."""
        if index not in self._walked:
            self._walked[index] = self._walk(index)
        return self._walked[index]

    def _walk(self, index: int) -> Attempt:
        begin = self.starts[index]
        matched = [self._places[self._steps[0]][index]]
        for wanted in self._steps[1:]:
            place = self._next(wanted, matched, begin + self._window)
            if place is None:
                break
            matched.append(place)
        walked = [self._events[place] for place in matched]
        done = len(matched) == len(self._steps)
        return Attempt(
            accounts=next((event.account_ids for event in walked if event.account_ids), ()),
            waits=tuple(max(0, after.time - before.time) for before, after in pairwise(walked)),
            free_at=walked[-1].time + 1 if done else begin + self._window,
        )

    def _next(self, wanted: str, matched: list[int], until: int) -> int | None:
        """The first event of that name after the last match (less the grace) that is not used yet."""
        times, places = self._times[wanted], self._places[wanted]
        at = bisect_right(times, self._events[matched[-1]].time - GRACE_SECONDS)
        while at < len(times) and times[at] < until:
            if places[at] not in matched:
                return places[at]
            at += 1
        return None
