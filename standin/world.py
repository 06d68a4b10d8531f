"""A world: a folder that holds one made-up Mixpanel project."""

from __future__ import annotations

import gzip
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from standin.world_files import WorldError, json_file, json_lines, own

TEXTS = ("token", "username", "secret", "timezone", "account_property")
LISTS = {
    "funnels": (),
    "cohorts": ("id",),
    "reports": ("id", "type"),
    "dashboards": ("id",),
    "annotations": ("id", "date"),
    "schemas": ("entityType",),
}
"""What a project may list, and what each of a list is asked by."""

LAST_SECOND = datetime(9999, 1, 1, tzinfo=UTC).timestamp()


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
    """Read a world folder. Raises `WorldError` with file and line if something is missing or broken.

    Events are served as they lie there: `check_events` reads them.
    """
    world = World(folder, json_file(folder, folder / "project.json"))
    _check_project(folder / "project.json", world.project)
    for where, row in _rows(world, "profiles.jsonl"):
        known = _named(where, row, "$distinct_id")
        if known in world.profiles:
            raise WorldError(f"{where}: this $distinct_id is there twice.")
        world.profiles[known] = row["$properties"]
    for where, row in _rows(world, "groups.jsonl"):
        group = world.groups.setdefault(_named(where, row, "$group_key"), {})
        group[_named(where, row, "$group_id")] = row["$properties"]
    _check_days(world)
    return world


def check_events(world: World) -> None:
    """Read every event once, as for a world of somebody else. Raises `WorldError` with file and line."""
    for day in world.days():
        path = world.event_file(day)
        for where, event in json_lines(world.folder, path) if path else ():
            properties = event.get("properties")
            if not isinstance(event.get("event"), str) or not isinstance(properties, dict):
                raise WorldError(f"{where}, is no event: it needs event and properties.")
            at = properties.get("time")
            if at is None or not _is_number(at) or not 0 <= at < LAST_SECOND:
                raise WorldError(f"{where}: the property time is no time in seconds since 1970.")


def _check_project(path: Path, project: dict[str, Any]) -> None:
    for name in TEXTS:
        if not isinstance(project.get(name), str) or not project[name]:
            raise WorldError(f"{path}: {name} is missing, or no text.")
    if type(project.get("project_id")) is not int or not 0 < project["project_id"] < 2**53:
        raise WorldError(f"{path}: project_id is missing, or no number of a project.")
    try:
        ZoneInfo(project["timezone"])
    except (OSError, ValueError, KeyError):
        raise WorldError(f"{path}: timezone is none that is known, such as Europe/Berlin.") from None
    _check_moments(path, project)
    groups = project.get("group_keys", {})
    if not isinstance(groups, dict) or not all(isinstance(each, str) for each in groups.values()):
        raise WorldError(f"{path}: group_keys has to lead from names to ids, which are texts.")
    for name, needed in LISTS.items():
        found = project.get(name, [])
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise WorldError(f"{path}: {name} has to be a list of objects.")
        for number, each in enumerate(found, 1):
            if lacking := [part for part in needed if part not in each]:
                raise WorldError(f"{path}: number {number} of {name} has no {lacking[0]}.")
    for number, funnel in enumerate(project.get("funnels", []), 1):
        if not _is_funnel(funnel):
            raise WorldError(
                f"{path}: funnel {number} needs funnel_id, name, steps with events, length and length_unit."
            )


def _check_moments(path: Path, project: dict[str, Any]) -> None:
    try:
        if "created" in project:
            date.fromisoformat(project["created"])
        if "now" in project and datetime.fromisoformat(project["now"]).tzinfo is None:
            raise ValueError
    except (TypeError, ValueError):
        raise WorldError(
            f"{path}: created has to be a day such as 2025-03-03, now a moment such as 2026-11-21T02:00:00Z."
        ) from None


def _is_funnel(funnel: dict[str, Any]) -> bool:
    steps = funnel.get("steps")
    return (
        isinstance(funnel.get("funnel_id"), int)
        and isinstance(funnel.get("name"), str)
        and isinstance(steps, list)
        and bool(steps)
        and all(isinstance(each, dict) and isinstance(each.get("event"), str) for each in steps)
        and _is_number(funnel.get("length"))
        and isinstance(funnel.get("length_unit"), str)
    )


def _is_number(value: Any) -> bool:
    """Whether it is one that every reader of JSON takes for the same."""
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


def _rows(world: World, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(file and line, row) of a file that a world may lack; each row has `$properties`."""
    path = world.folder / name
    if not path.exists() and not path.is_symlink():
        return
    for where, row in json_lines(world.folder, path):
        if not isinstance(row.get("$properties"), dict):
            raise WorldError(f"{where}: $properties is missing, or no object.")
        yield where, row


def _named(where: str, row: dict[str, Any], name: str) -> str:
    value = row.get(name)
    if not (isinstance(value, str) or _is_number(value)) or value == "":
        raise WorldError(f"{where}: {name} is missing, or no text.")
    return str(value)


def _check_days(world: World) -> None:
    """Each file of events is of one day, and each day has one file."""
    found: dict[str, Path] = {}
    for path in sorted((world.folder / "events").glob("*.jsonl*")):
        name = path.name.removesuffix(".gz").removesuffix(".jsonl")
        try:
            right = date.fromisoformat(name).isoformat() == name
        except ValueError:
            right = False
        if not right or path.name not in (f"{name}.jsonl", f"{name}.jsonl.gz"):
            raise WorldError(f"{path}: a file of events is named YYYY-MM-DD.jsonl, or .jsonl.gz.")
        if name in found:
            raise WorldError(f"{path}: {found[name].name} is of the same day.")
        found[name] = own(world.folder, path)
    if not found:
        raise WorldError(f"{world.folder / 'events'} holds no day: add events/YYYY-MM-DD.jsonl(.gz).")
