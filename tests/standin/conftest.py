"""Tiny worlds, served over HTTP, and a client that knows their credentials."""

from __future__ import annotations

import contextlib
import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from standin.server import running
from standin.state import Standin
from standin.world import World, load
from tests.dungeon import DUNGEON

PROJECT: dict[str, Any] = {
    "project_id": 12345,
    "name": "Tiny",
    "token": "0123456789abcdef0123456789abcdef",
    "username": "reader.abc.mp-service-account",
    "secret": "tiny-secret",
    "timezone": "UTC",
    "created": "2025-01-01",
    "account_property": "company_id",
    "group_keys": {"company_id": "-77"},
    "funnels": [
        {
            "funnel_id": 7,
            "name": "Export",
            "steps": [{"event": "Started"}, {"event": "Chosen"}, {"event": "Done"}],
            "length": 1,
            "length_unit": "hour",
        }
    ],
    "cohorts": [],
    "reports": [],
    "dashboards": [],
}
Raw = dict[str, Any]
Serve = Callable[..., "Mixpanel"]


def event(name: str, user: str, at: str, **properties: Any) -> Raw:
    """An event as the export gives it; `at` is ISO and UTC unless it says otherwise."""
    moment = datetime.fromisoformat(at)
    time = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    kept = {"time": time, "distinct_id": user, "$insert_id": f"{name}-{user}-{time}".replace(" ", "-")}
    return {"event": name, "properties": kept | {"mp_processing_time_ms": time * 1000} | properties}


def line(raw: Raw) -> str:
    return json.dumps(raw, ensure_ascii=False, separators=(",", ":")) + "\n"


def write_world(folder: Path, events: list[Raw], **changes: Any) -> World:
    """A world of these events, a day file for each UTC day; `changes` go into project.json."""
    profiles, groups = changes.pop("profiles", {}), changes.pop("groups", {})
    packed = changes.pop("packed", True)
    (folder / "events").mkdir(parents=True)
    (folder / "project.json").write_text(json.dumps(PROJECT | changes), "utf-8")
    days: dict[str, str] = {}
    for raw in events:
        day = datetime.fromtimestamp(raw["properties"]["time"], UTC).date().isoformat()
        days[day] = days.get(day, "") + line(raw)
    for day, text in days.items():
        if packed:
            (folder / "events" / f"{day}.jsonl.gz").write_bytes(gzip.compress(text.encode()))
        else:
            (folder / "events" / f"{day}.jsonl").write_text(text, "utf-8")
    with (folder / "profiles.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(line({"$distinct_id": one, "$properties": kept}) for one, kept in profiles.items())
    with (folder / "groups.jsonl").open("w", encoding="utf-8") as file:
        for key, known in groups.items():
            file.writelines(
                line({"$group_key": key, "$group_id": one, "$properties": kept})
                for one, kept in known.items()
            )
    return load(folder)


@dataclass
class Mixpanel:
    """A served world, asked as its own service account."""

    state: Standin
    http: httpx2.Client

    @property
    def project(self) -> dict[str, Any]:
        return self.state.world.project

    def get(self, path: str, **params: Any) -> httpx2.Response:
        return self.http.get(f"/mixpanel{path}", params=self._params(params))

    def post(self, path: str, params: dict[str, Any] | None = None, **options: Any) -> httpx2.Response:
        return self.http.post(f"/mixpanel{path}", params=self._params(params or {}), **options)

    def ask(self, path: str, **params: Any) -> Any:
        """The JSON of a query that has to work."""
        answer = self.get(f"/api/query/{path}", **params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def export(self, first: str, last: str, **params: Any) -> httpx2.Response:
        return self.get("/api/2.0/export", from_date=first, to_date=last, **params)

    def exported(self, first: str, last: str, **params: Any) -> list[Raw]:
        answer = self.export(first, last, **params)
        assert answer.status_code == 200, answer.text
        return [json.loads(each) for each in answer.text.split("\n") if each]

    def fault(self, fault: str, route: str = "", **details: Any) -> None:
        body = {"neighbour": "mixpanel", "route": route, "fault": fault} | details
        self.http.post("/control/faults", json=body).raise_for_status()

    def _params(self, params: dict[str, Any]) -> dict[str, Any]:
        return {"project_id": self.project["project_id"]} | params


def client(state: Standin, **options: Any) -> httpx2.Client:
    project = state.world.project
    auth = options.pop("auth", (project["username"], project["secret"]))
    return httpx2.Client(base_url=state.base_url, auth=auth, timeout=30, trust_env=False, **options)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Call it with events and changes to project.json; what it serves stops with the test."""
    with contextlib.ExitStack() as stack:

        def start(events: list[Raw], **changes: Any) -> Mixpanel:
            state = stack.enter_context(running(write_world(tmp_path / "world", events, **changes)))
            return Mixpanel(state, stack.enter_context(client(state)))

        yield start


@pytest.fixture(scope="session")
def dungeon() -> Iterator[Mixpanel]:
    """For tests that are marked `needs_dungeon`."""
    with running(load(DUNGEON)) as state, client(state) as http:
        yield Mixpanel(state, http)
