"""Faults that tests inject: which neighbour misbehaves, how, and how often."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Fault:
    """One injected fault. It applies `times` times, or to a `share` of requests, or always."""

    neighbour: str
    route: str
    fault: str
    times: int | None = None
    share: float | None = None
    details: dict[str, Any] = field(default_factory=dict)


class Faults:
    """The faults now in force. `take` uses one up."""

    def __init__(self, seed: int = 7) -> None:
        self._active: list[Fault] = []
        self._random = random.Random(seed)  # noqa: S311  # nosec B311  # repeatable faults, not a secret

    def add(self, body: dict[str, Any]) -> Fault:
        known = {"neighbour", "route", "fault", "times", "share"}
        fault = Fault(
            neighbour=str(body["neighbour"]),
            route=str(body.get("route", "")),
            fault=str(body["fault"]),
            times=body.get("times"),
            share=body.get("share"),
            details={key: value for key, value in body.items() if key not in known},
        )
        self._active.append(fault)
        return fault

    def clear(self) -> None:
        self._active.clear()

    @property
    def waiting(self) -> list[Fault]:
        """Those that are still to come."""
        return list(self._active)

    def take(self, neighbour: str, path: str, names: set[str]) -> Fault | None:
        """The first active fault of one of these names whose route is part of `path`, used up by one."""
        for fault in self._active:
            if fault.neighbour != neighbour or fault.fault not in names or fault.route not in path:
                continue
            if fault.share is not None and self._random.random() >= fault.share:
                continue
            if fault.times is not None:
                fault.times -= 1
                if fault.times <= 0:
                    self._active.remove(fault)
            return fault
        return None
