"""The query budget as the wire sees it: what counts, and who is asked before a request leaves."""

import math
import re
from collections.abc import Mapping
from typing import Literal, Protocol

System = Literal["query", "export"]

_COUNTED = frozenset(
    {
        "arb_funnels", "cohorts", "correlate", "custom-query", "data_definitions", "engage", "events",
        "experiments", "flows", "formulas", "funnels", "impact", "insights", "metrics", "query",
        "integrations", "jql", "retention", "segmentation", "stream", "trends",
    }
)  # fmt: skip
"""First path segments after /api/query/ that Mixpanel counts (as its own SDK has them)."""

_POLICY = re.compile(r'"project";q=(\d+);w=3600')


class Budget(Protocol):
    """One ledger for every process that shares a project."""

    async def take(self, system: System, what: str) -> int:
        """A slot, or `RateLimited` with the seconds until the next one."""
        ...

    async def end(self, slot: int, *, counted: bool) -> None:
        """The request is over; `counted` is False where Mixpanel gives the slot back."""
        ...

    async def refused(self, system: System, *, limit: int | None, seconds: float) -> None:
        """Mixpanel says that the budget is used up, by whomever; it may tell the true limit."""
        ...


class Unlimited:
    """No ledger: for a single call that connects a project, and for tests of the wire."""

    async def take(self, system: System, what: str) -> int:
        return 0

    async def end(self, slot: int, *, counted: bool) -> None:
        return None

    async def refused(self, system: System, *, limit: int | None, seconds: float) -> None:
        return None


def counts(path: str, fields: Mapping[str, str]) -> bool:
    """Whether Mixpanel counts this request: discovery does, later pages of profiles do not."""
    parts = path.strip("/").split("/")
    if len(parts) < 3 or parts[:2] not in (["api", "query"], ["api", "2.0"]):
        return False
    if parts[2] == "engage" and (fields.get("session_id") or parts[3:] == ["aliases"]):
        return False
    return parts[2] in _COUNTED


def gives_back(status: int) -> bool:
    """401, 402 and 429 are not counted."""
    return status in {401, 402, 429}


def told_limit(headers: Mapping[str, str]) -> int | None:
    """The project's true hourly limit, if the refusal names it."""
    found = _POLICY.search(headers.get("ratelimit-policy", ""))
    return int(found.group(1)) if found else None


MOST_PAUSE = 300.0
"""Retry-After names the whole hour; the true next slot comes as soon as somebody's request grows old."""

_FULL = re.compile(r'"project(?:-concurrency)?";r=0;t=(\d+)')


def pause(headers: Mapping[str, str]) -> float:
    """Seconds until it is worth asking again: as the refusal says, or a minute if it says nothing."""
    told = headers.get("retry-after", "")
    full = _FULL.search(headers.get("ratelimit", ""))
    if told.isascii() and told.isdigit():
        return min(float(told), MOST_PAUSE)
    return min(float(full[1]), MOST_PAUSE) if full else 60.0


def soon(seconds: float) -> str:
    """Rounded up, so that it is true: "in 42 minutes"."""
    return "within a minute" if seconds <= 60 else f"in {math.ceil(seconds / 60)} minutes"
