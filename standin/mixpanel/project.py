"""The one project a stand-in serves, with everything its endpoints ask about it."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime
from typing import Any

from standin.mixpanel.call import Call
from standin.mixpanel.events import Calendar, Event, Events, latest_of_each, of_world
from standin.mixpanel.expressions import Expression, Row, parse
from standin.state import Standin

NEW_SINCE = date(2023, 1, 1)
"""Projects made from this day on export UTC days and true epochs; older ones project days and wall clocks."""


class Project:
    def __init__(self, state: Standin) -> None:
        self.state = state
        self.settings: dict[str, Any] = state.world.project
        self.zone = state.world.timezone
        created = date.fromisoformat(str(self.settings.get("created", "2025-01-01"))[:10])
        self.calendar = Calendar(self.zone, shifted=created < NEW_SINCE)
        self._lock = threading.Lock()
        self._base: list[Event] | None = None
        self._events = Events([])
        self._written: list[dict[str, Any]] | None = None

    @property
    def id(self) -> str:
        return str(self.settings["project_id"])

    @property
    def events(self) -> Events:
        """Every event there is now, those that came in while running among them."""
        with self._lock:
            written = list(self.state.written)
            if self._base is None:
                self._base = of_world(self.state.world, self.calendar)
            if self._written != written:
                new = [self.calendar.event(raw) for raw in written]
                self._events = Events(latest_of_each([*self._base, *new]) if new else self._base)
                self._written = written
            return self._events

    def today(self) -> date:
        return self.state.clock.now().astimezone(self.zone).date()

    def export_today(self) -> date:
        return self.today() if self.calendar.shifted else self.state.clock.now().date()

    def export_day(self, raw: dict[str, Any]) -> date:
        """The export day of an event in the export's shape, for old and new projects alike."""
        return datetime.fromtimestamp(raw["properties"]["time"], UTC).date()

    def profile(self, distinct_id: str) -> dict[str, Any]:
        return self.state.profiles.get(distinct_id, {})

    def row(self, event: Event) -> Row:
        """An event as expressions see it."""
        return Row(event.properties, event.properties, self.profile(event.distinct_id), epoch=event.time)

    def expression(self, call: Call, name: str) -> Expression | None:
        text = call.text(name)
        return parse(text, self.zone, name) if text else None

    def computed_at(self) -> str:
        return self.state.clock.now().strftime("%Y-%m-%dT%H:%M:%S.%f+00:00")
