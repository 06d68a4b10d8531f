"""How a project's hourly query budget is shared: a pure decision over what was asked in the last hour."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from handrail.domain.deliveries import Actor

WINDOW = timedelta(seconds=3610)
"""Mixpanel's rolling hour, and ten seconds for clocks that differ."""

HOURLY: dict[str, int] = {"query": 60, "export": 60}
CONCURRENT: dict[str, int] = {"query": 4, "export": 10}
"""Mixpanel allows 5 queries at a time; other tools of the project need one, too."""

SHARES: dict[str, dict[Actor, float]] = {
    "query": {"nightly": 35 / 60, "chat": 20 / 60, "web": 20 / 60, "shell": 20 / 60},
    "export": {"nightly": 45 / 60, "chat": 10 / 60, "web": 10 / 60, "shell": 10 / 60},
}
"""Chat, web and shell have one share together. The rest is left for people's own scripts."""

LOOK_AGAIN = timedelta(seconds=0.25)
"""A running request may end at any time: nobody knows when."""

ABANDONED = timedelta(minutes=10)
"""A request that began so long ago and never ended belongs to a process that died."""

LEARNED_FOR = timedelta(days=3)


@dataclass(frozen=True)
class Spent:
    """One request inside the window."""

    actor: Actor
    at: datetime
    running: bool


@dataclass(frozen=True)
class Told:
    """What Mixpanel said last: the true limit, and until when it refuses."""

    hourly: int | None = None
    learned_at: datetime | None = None
    refused_until: datetime | None = None


@dataclass(frozen=True)
class Go:
    """The request may leave."""


@dataclass(frozen=True)
class Wait:
    """Not before `until`."""

    until: datetime
    because: Literal["share", "hour", "concurrent", "refused"]


def decide(system: str, actor: Actor, spent: Sequence[Spent], told: Told, now: datetime) -> Go | Wait:
    """Whether `actor` may ask now; else when it may."""
    if told.refused_until and told.refused_until > now:
        return Wait(told.refused_until, "refused")
    inside = sorted((one for one in spent if one.at > now - WINDOW), key=lambda one: one.at)
    running = [one for one in inside if one.running and one.at > now - ABANDONED]
    hourly = limit(system, told, now)
    if len(inside) >= hourly:
        return Wait(_leaves(inside, hourly), "hour")
    share = max(1, int(hourly * SHARES[system][actor]))
    own = [one for one in inside if _together(one.actor, actor)]
    if len(own) >= share:
        return Wait(_leaves(own, share), "share")
    if len(running) >= CONCURRENT[system]:
        return Wait(now + LOOK_AGAIN, "concurrent")
    return Go()


def limit(system: str, told: Told, now: datetime) -> int:
    """The hourly limit: the learned one while it is fresh, else the documented one."""
    if told.hourly and told.learned_at and now - told.learned_at < LEARNED_FOR:
        return told.hourly
    return HOURLY[system]


def left(system: str, actor: Actor, spent: Sequence[Spent], told: Told, now: datetime) -> int:
    """How many more requests `actor` may send inside this hour."""
    hourly = limit(system, told, now)
    inside = [one for one in spent if one.at > now - WINDOW]
    own = sum(_together(one.actor, actor) for one in inside)
    return max(0, min(hourly - len(inside), max(1, int(hourly * SHARES[system][actor])) - own))


def _together(one: Actor, other: Actor) -> bool:
    return (one == "nightly") == (other == "nightly")


def _leaves(requests: Sequence[Spent], allowed: int) -> datetime:
    """When enough of them have left the window for one more."""
    return requests[len(requests) - allowed].at + WINDOW
