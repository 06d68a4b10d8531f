"""How the oracle reads a world folder: its lines, once each, and its feature documents."""

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

LEFT_OUT = frozenset({"$identify", "$create_alias", "$merge", "$hotshard_events", "$hotshard_record"})
OWN_EVENTS = "handrail_"
NO_ACCOUNT = frozenset(
    {"", "undefined", "null", "<null>", "none", "$other", "$overall", "$average", "(not set)"}
)


@dataclass(frozen=True)
class Event:
    name: str
    user: str
    time: int
    day: date
    hour: int
    accounts: tuple[str, ...]
    properties: dict[str, Any]

    @property
    def page(self) -> str:
        return str(self.properties.get("$current_url", "")).split("?")[0].split("#")[0]


@dataclass(frozen=True)
class Reading:
    """A world as read: its events oldest first, and what reading them removed."""

    project: dict[str, Any]
    group_names: dict[str, str]
    events: list[Event]
    lines: int
    duplicates: int
    left_out: dict[str, int]


@dataclass(frozen=True)
class Feature:
    """What the oracle needs of a feature document's front matter."""

    slug: str
    attempt: str
    success: str
    error: str
    step_ids: tuple[str, ...]
    step_events: tuple[str, ...]


def read(folder: Path) -> Reading:
    project = json.loads((folder / "project.json").read_text("utf-8"))
    zone = ZoneInfo(project["timezone"])
    wall_clock = str(project.get("created", "2025")) < "2023"
    kept: dict[tuple[Any, ...], dict[str, Any]] = {}
    lines = 0
    for line in _lines(folder):
        lines += 1
        row = json.loads(line)
        properties = row["properties"]
        key = (
            row["event"],
            _user(properties),
            properties["time"],
            lines if properties.get("$insert_id") is None else properties["$insert_id"],
        )
        other = kept.get(key)
        if other is None or _processed(row) > _processed(other):
            kept[key] = row
    left_out = Counter(row["event"] for row in kept.values() if _is_left_out(row["event"]))
    events = [
        _event(row, project["account_property"], zone, wall_clock)
        for row in kept.values()
        if not _is_left_out(row["event"])
    ]
    events.sort(key=lambda event: event.time)
    return Reading(project, _group_names(folder), events, lines, lines - len(kept), dict(left_out))


def _lines(folder: Path) -> Iterator[str]:
    for path in sorted((folder / "events").iterdir()):
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        yield from (line for line in raw.decode("utf-8").split("\n") if line.strip())


def _processed(row: dict[str, Any]) -> int:
    return int(row["properties"].get("mp_processing_time_ms") or 0)


def _user(properties: dict[str, Any]) -> str:
    user = properties.get("distinct_id")
    return "" if user is None else str(user)


def _is_left_out(name: str) -> bool:
    return name in LEFT_OUT or name.startswith(OWN_EVENTS)


def _event(row: dict[str, Any], account_property: str, zone: ZoneInfo, wall_clock: bool) -> Event:
    """Times of projects made before 2023 are what the zone's clocks showed, written as if it were UTC."""
    properties = row["properties"]
    if wall_clock:
        local = datetime.fromtimestamp(properties["time"], UTC).replace(tzinfo=zone)
    else:
        local = datetime.fromtimestamp(properties["time"], zone)
    return Event(
        name=row["event"],
        user=_user(properties),
        time=int(local.timestamp()),
        day=local.date(),
        hour=local.hour,
        accounts=accounts_of(properties.get(account_property)),
        properties=properties,
    )


def accounts_of(value: Any) -> tuple[str, ...]:
    """Texts and numbers, a list of them each; a whole number is written without a fraction."""
    names = set()
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, str):
            names.add(one)
        elif isinstance(one, int | float) and not isinstance(one, bool):
            names.add(str(int(one)) if one == int(one) else str(one))
    return tuple(sorted(name for name in names if name.strip().lower() not in NO_ACCOUNT))


def _group_names(folder: Path) -> dict[str, str]:
    path = folder / "groups.jsonl"
    rows = [json.loads(line) for line in path.read_text("utf-8").split("\n") if line.strip()]
    return {str(row["$group_id"]): row["$properties"].get("$name", "") for row in rows}


def read_feature(path: Path) -> Feature:
    """The few lines of front matter that matter here, taken by their place, without a YAML parser."""
    head = path.read_text("utf-8").split("---\n")[1].split("\nerrors:")[0]
    named: dict[str, str] = {}
    step_ids: list[str] = []
    step_events: list[str] = []
    for line in head.split("\n"):
        key, _, value = line.partition(": ")
        if key in ("slug", "  attempt", "  success", "  error"):
            named[key.strip()] = value.strip()
        elif key == "  - id":
            step_ids.append(value.strip())
        elif key == "    event":
            step_events.append(value.strip())
    return Feature(
        named["slug"], named["attempt"], named["success"], named["error"], tuple(step_ids), tuple(step_events)
    )
