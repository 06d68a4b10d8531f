"""A world as Mixpanel's Data Pipelines would leave it in a bucket: `python -m standin.pipeline WORLD DIR`.

Folders are those of the days on which events arrived, so late ones lie in later folders, copies among them.
People who had not signed in stand there under their device, as they were when the event came; the identity
mapping leads to who they are.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from standin.mixpanel.events import Calendar
from standin.mixpanel.project import Project
from standin.state import new_state
from standin.world import World, load

EVENTS_A_FILE = 5000

Event = dict[str, Any]


def write(world: World, folder: Path) -> Path:
    """Write every event below `folder`, and the identity mapping; answers the project's folder."""
    place = folder / str(world.project["project_id"])
    devices = _devices(world)
    calendar = Project(new_state(world)).calendar
    arrived: dict[date, list[Event]] = defaultdict(list)
    mapping: dict[str, str] = {}
    for event in _events(world):
        properties = event["properties"]
        row = _row(calendar, event)
        device, person = properties.get("$device_id"), properties.get("distinct_id")
        if device and person and "$user_id" not in properties and devices[device] == {person}:
            row["distinct_id"] = f"$device:{device}"
            mapping[row["distinct_id"]] = person
        at = properties.get("mp_processing_time_ms") or properties["time"] * 1000
        arrived[datetime.fromtimestamp(at / 1000, world.timezone).date()].append(row)
    for day, rows in sorted(arrived.items()):
        for number, start in enumerate(range(0, len(rows), EVENTS_A_FILE)):
            name = f"mp_master_event/{day:%Y/%m/%d}/part-{number:04}.json.gz"
            _lines(place / name, rows[start : start + EVENTS_A_FILE])
    pairs = [{"distinct_id": one, "resolved_distinct_id": other} for one, other in sorted(mapping.items())]
    _lines(place / "mp_identity_mappings_data/part-0000.json.gz", pairs)
    return place


def _events(world: World) -> Iterator[Event]:
    for day in world.days():
        for line in world.lines(day):
            yield json.loads(line)


def _devices(world: World) -> dict[str, set[Any]]:
    """The people of each device."""
    found: dict[str, set[Any]] = defaultdict(set)
    for event in _events(world):
        properties = event["properties"]
        if device := properties.get("$device_id"):
            found[device].add(properties.get("distinct_id"))
    return found


def _row(calendar: Calendar, event: Event) -> Event:
    """An event in the pipeline's columns; times are true ones, in UTC."""
    rest = dict(event["properties"])
    time, _ = calendar.both(rest.pop("time"))
    row = {
        "device_id": rest.pop("$device_id", None),
        "distinct_id": rest.pop("distinct_id", None),
        "event_name": event["event"],
        "insert_id": rest.pop("$insert_id", None),
        "properties": rest,
        "time": datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "user_id": rest.pop("$user_id", None),
    }
    return {name: value for name, value in row.items() if value is not None}


def _lines(path: Path, rows: list[Event]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in rows)
    path.write_bytes(gzip.compress(text.encode("utf-8", "surrogatepass"), compresslevel=6, mtime=0))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python -m standin.pipeline WORLD DIR")
    write(load(Path(sys.argv[1])), Path(sys.argv[2]))
