"""What the stand-ins share: the world, the clock, the faults, and what arrived."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from standin.clock import Clock
from standin.faults import Faults
from standin.world import World


@dataclass
class Standin:
    """State of one stand-in process. `base_url` is known once the port is."""

    world: World
    clock: Clock
    base_url: str = ""
    faults: Faults = field(default_factory=Faults)
    requests: list[dict[str, Any]] = field(default_factory=list)
    mails: list[dict[str, Any]] = field(default_factory=list)
    prompts: list[dict[str, Any]] = field(default_factory=list)


def new_state(world: World) -> Standin:
    return Standin(world=world, clock=Clock(world.start()))
