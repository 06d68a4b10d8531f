"""A world: a folder that holds one made-up Mixpanel project."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo


class WorldError(Exception):
    """A world folder cannot be used; the message names the file."""


@dataclass
class World:
    """The files of a world. Events stay on disk; profiles and groups are small and kept in memory."""

    folder: Path
    project: dict[str, Any]
    profiles: dict[str, dict[str, Any]] = field(default_factory=dict)
    groups: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)

    @property
    def timezone(self) -> ZoneInfo:
        return ZoneInfo(self.project["timezone"])

    def days(self) -> list[date]:
        """The export days that have an event file, oldest first."""
        names = {path.name.split(".")[0] for path in (self.folder / "events").glob("*.jsonl*")}
        return [date.fromisoformat(name) for name in sorted(names)]

    def event_file(self, day: date) -> Path | None:
        for ending in (".jsonl.gz", ".jsonl"):
            path = self.folder / "events" / f"{day.isoformat()}{ending}"
            if path.exists():
                return path
        return None

    def lines(self, day: date) -> Iterator[str]:
        """The raw export lines of one day, split on newlines only."""
        path = self.event_file(day)
        if path is None:
            return
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rt", encoding="utf-8", newline="\n") as file:
            for line in file:
                if line.strip():
                    yield line

    def start(self) -> datetime:
        """`now` of project.json, else 02:00 UTC of the day after the last event file."""
        if "now" in self.project:
            return datetime.fromisoformat(self.project["now"]).astimezone(UTC)
        return datetime.combine(self.days()[-1] + timedelta(days=1), time(2), tzinfo=UTC)


def load(folder: Path) -> World:
    """Read a world folder. Raises `WorldError` with the file's name if something is missing or broken."""
    try:
        project = json.loads((folder / "project.json").read_text("utf-8"))
    except FileNotFoundError:
        raise WorldError(f"{folder} is no world: project.json is missing.") from None
    except ValueError as error:
        raise WorldError(f"{folder / 'project.json'} is not JSON: {error}.") from None
    world = World(folder, project)
    for row in _rows(folder / "profiles.jsonl"):
        world.profiles[str(row["$distinct_id"])] = row["$properties"]
    for row in _rows(folder / "groups.jsonl"):
        world.groups.setdefault(row["$group_key"], {})[str(row["$group_id"])] = row["$properties"]
    if not world.days():
        raise WorldError(f"{folder / 'events'} holds no day: add events/YYYY-MM-DD.jsonl(.gz).")
    return world


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    if not path.exists():
        return
    with path.open(encoding="utf-8", newline="\n") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                try:
                    yield json.loads(line)
                except ValueError as error:
                    raise WorldError(f"{path}, line {number}, is not JSON: {error}.") from None
