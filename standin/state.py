"""What the stand-ins share: the world, the clock, the faults, what arrived, and what was written."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from standin.clock import Clock
from standin.faults import Faults
from standin.world import World


@dataclass(frozen=True)
class Counted:
    """One request that used up Mixpanel budget, in the system `query`, `jql` or `export`."""

    at: datetime
    system: str
    endpoint: str


@dataclass
class Standin:
    """State of one stand-in process. `base_url` is known once the port is."""

    world: World
    clock: Clock
    base_url: str = ""
    faults: Faults = field(default_factory=Faults)
    requests: list[dict[str, Any]] = field(default_factory=list)
    mails: list[dict[str, Any]] = field(default_factory=list)
    attachments: dict[str, str] = field(default_factory=dict)
    """What mails carried, in base64 by its SHA-256."""
    prompts: list[dict[str, Any]] = field(default_factory=list)
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Message batches by id: the batch as it is told, and its `results`."""
    cached: set[str] = field(default_factory=set)
    """Hashes of prompts that the Messages API keeps."""
    suppressed: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """SendGrid's lists by name (bounces, spam_reports, …), entries in its shape."""
    written: list[dict[str, Any]] = field(default_factory=list)
    """Events that came in while running, in the export's shape; the world's own stay on disk."""
    profiles: dict[str, dict[str, Any]] = field(default_factory=dict)
    groups: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    annotations: list[dict[str, Any]] = field(default_factory=list)
    demands: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Requests about people's data, by tracking id."""
    counted: list[Counted] = field(default_factory=list)
    running: int = 0
    """Mixpanel queries being answered right now."""
    most_running: int = 0
    """The most of them that there ever were."""
    sessions: dict[str, Any] = field(default_factory=dict)
    """Snapshots that pages of a profile query are read from, by session id."""

    def __post_init__(self) -> None:
        self._copy_world()

    def reset(self) -> None:
        """Back to the world as it was loaded, with nothing received and nothing broken."""
        for received in (self.requests, self.mails, self.prompts, self.written, self.counted):
            received.clear()
        self.most_running = self.running
        self.sessions.clear()
        self.attachments.clear()
        self.batches.clear()
        self.cached.clear()
        self.suppressed.clear()
        self.demands.clear()
        self.faults.clear()
        self.clock.set(self.world.start())
        self._copy_world()

    def _copy_world(self) -> None:
        self.profiles = copy.deepcopy(self.world.profiles)
        self.groups = copy.deepcopy(self.world.groups)
        self.annotations = copy.deepcopy(self.world.project.get("annotations", []))


def new_state(world: World) -> Standin:
    return Standin(world=world, clock=Clock(world.start()))
