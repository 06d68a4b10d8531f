"""The project's events as queries see them: read once, deduplicated, in time order."""

from __future__ import annotations

import functools
import itertools
import json
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from standin.world import World

IDENTITY_EVENTS = {"$identify", "$create_alias", "$merge", "$hotshard_events", "$hotshard_record"}
SESSION_GAP = 30 * 60
MILLISECONDS_FROM = 100_000_000_000
"""A time at or above this is in milliseconds; in seconds it would be the year 5138."""

_reading = threading.Lock()


@dataclass(slots=True)
class Event:
    """`time` is the true UTC epoch, `local` the project's wall clock written as an epoch; both in seconds."""

    name: str
    distinct_id: str
    time: float
    local: float
    day: date
    properties: dict[str, Any]


class Events:
    """All events of a project at one moment."""

    def __init__(self, events: list[Event]) -> None:
        self.all = sorted(events, key=lambda event: event.time)
        self._by_name: dict[str, list[Event]] = {}
        for event in self.all:
            self._by_name.setdefault(event.name, []).append(event)

    @property
    def names(self) -> list[str]:
        return list(self._by_name)

    def named(self, name: str) -> list[Event]:
        """Events of one name in time order; `$all_events` is every event that a person caused."""
        if name == "$all_events":
            return [event for event in self.all if event.name not in IDENTITY_EVENTS]
        return self._by_name.get(name, [])

    def between(self, first: date, last: date, names: Iterable[str] | None = None) -> Iterator[Event]:
        source = self.all if names is None else itertools.chain.from_iterable(map(self.named, names))
        return (event for event in source if first <= event.day <= last)

    @functools.cached_property
    def sessions(self) -> dict[int, int]:
        """Session number by `id(event)`: a gap of over 30 minutes or midnight starts a new one."""
        found: dict[int, int] = {}
        latest: dict[str, tuple[Event, int]] = {}
        numbers = itertools.count()
        for event in self.named("$all_events"):
            if not event.distinct_id:
                continue
            before = latest.get(event.distinct_id)
            if before and event.day == before[0].day and event.time - before[0].time <= SESSION_GAP:
                number = before[1]
            else:
                number = next(numbers)
            latest[event.distinct_id] = event, number
            found[id(event)] = number
        return found


def seconds(value: float) -> float:
    return value / 1000 if value >= MILLISECONDS_FROM else value


class Calendar:
    """Turns exported times into true and local ones. Old projects export wall-clock epochs (`shifted`)."""

    def __init__(self, zone: ZoneInfo, shifted: bool) -> None:
        self.zone = zone
        self.shifted = shifted
        self._offsets: dict[int, int] = {}

    def offset(self, time: float) -> int:
        """The zone's offset in seconds at a true epoch; it only ever changes on a quarter of an hour."""
        quarter = int(time // 900)
        if quarter not in self._offsets:
            delta = datetime.fromtimestamp(time, UTC).astimezone(self.zone).utcoffset() or timedelta()
            self._offsets[quarter] = int(delta.total_seconds())
        return self._offsets[quarter]

    def both(self, exported: float) -> tuple[float, float]:
        """The true and the local epoch of an exported time."""
        if not self.shifted:
            return exported, exported + self.offset(exported)
        wall = datetime.fromtimestamp(exported, UTC).replace(tzinfo=self.zone)
        return wall.timestamp(), exported

    def exported(self, time: float) -> float:
        return time + self.offset(time) if self.shifted else time

    def event(self, raw: dict[str, Any]) -> Event:
        properties = raw["properties"]
        time, local = self.both(seconds(properties["time"]))
        day = date.fromordinal(719163 + int(local // 86400))
        return Event(raw["event"], str(properties.get("distinct_id", "")), time, local, day, properties)


def latest_of_each(events: Iterable[Event]) -> list[Event]:
    """One event a key, the one that was processed last, as Mixpanel counts them."""
    kept: dict[tuple[Any, ...], Event] = {}
    for position, event in enumerate(events):
        insert_id = event.properties.get("$insert_id", position)
        key = (event.name, event.distinct_id, event.properties["time"], insert_id)
        before = kept.get(key)
        if before is None or _processed(event) >= _processed(before):
            kept[key] = event
    return list(kept.values())


def of_world(world: World, calendar: Calendar) -> list[Event]:
    """The events on disk, deduplicated; parsed once a process however many stand-ins serve the folder."""
    files = sorted((world.folder / "events").iterdir())
    stamp = tuple((path.name, path.stat().st_mtime_ns, path.stat().st_size) for path in files)
    with _reading:
        return _parsed(world.folder, stamp, calendar.zone.key, calendar.shifted)


@functools.lru_cache(maxsize=2)
def _parsed(folder: Path, _stamp: tuple[Any, ...], zone: str, shifted: bool) -> list[Event]:
    world = World(folder, {})
    calendar = Calendar(ZoneInfo(zone), shifted)
    strings: dict[str, str] = {}

    def shared(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        return {
            name: strings.setdefault(value, value) if isinstance(value, str) and len(value) < 64 else value
            for name, value in pairs
        }

    decode = json.JSONDecoder(object_pairs_hook=shared).decode
    lines = itertools.chain.from_iterable(world.lines(day) for day in world.days())
    return latest_of_each(calendar.event(decode(line)) for line in lines)


def _processed(event: Event) -> float:
    return float(event.properties.get("mp_processing_time_ms", 0))
