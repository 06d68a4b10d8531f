"""Mixpanel's budget: what counts, how much is left, and the refusals when nothing is."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import timedelta

from standin.mixpanel.call import Call
from standin.mixpanel.refusal import RefusalError
from standin.state import Counted, Standin

HOUR = timedelta(hours=1)
CONCURRENT = 5
EXPORTS = 60
JQL = 60
DOCUMENTATION = (
    "For more information, please consult our documentation at "
    "https://help.mixpanel.com/hc/en-us/articles/115004602563-Rate-Limits-for-Export-API-Endpoints"
)


def limit(state: Standin) -> int:
    return int(state.world.project.get("query_limit", 60))


def recent(state: Standin) -> list[Counted]:
    """What was counted in the hour up to now, and nothing a clock set back has yet to reach."""
    now = state.clock.now()
    return [entry for entry in state.counted if now - HOUR < entry.at <= now]


def counts(call: Call) -> bool:
    """Later pages of a profile query are free; everything else that reaches a query endpoint counts."""
    if endpoint_of(call) != "engage":
        return True
    return not (call.path.rstrip("/").endswith("/aliases") or call.text("session_id"))


def endpoint_of(call: Call) -> str:
    return call.path.split("/")[3]


@contextlib.contextmanager
def query_slot(state: Standin, call: Call) -> Iterator[bool]:
    """Count the request and hold one of the concurrent places while it runs; says whether it counted."""
    fault = state.faults.take("mixpanel", call.path, {"rate_limit", "concurrency", "load_shed"})
    if fault is not None and fault.fault == "load_shed":
        raise _load_shed(state)
    if state.running >= CONCURRENT or (fault is not None and fault.fault == "concurrency"):
        raise _too_many_at_once(state)
    counted = counts(call)
    exhausted = counted and _exhausted(state, endpoint_of(call))
    if exhausted or (fault is not None and fault.fault == "rate_limit"):
        raise _window_full(state, call)
    if counted:
        _count(state, "query", endpoint_of(call))
        if endpoint_of(call) == "jql":
            _count(state, "jql", "jql")
    state.running += 1
    state.most_running = max(state.most_running, state.running)
    try:
        yield counted
    finally:
        state.running -= 1


def count_export(state: Standin, call: Call) -> None:
    fault = state.faults.take("mixpanel", call.path, {"rate_limit", "load_shed"})
    used = sum(entry.system == "export" for entry in recent(state))
    if fault is not None or used >= EXPORTS:
        raise RefusalError(429, "Too many export requests")
    _count(state, "export", "export")


def _count(state: Standin, system: str, endpoint: str) -> None:
    state.counted.append(Counted(state.clock.now(), system, endpoint))


def _exhausted(state: Standin, endpoint: str) -> bool:
    systems = [entry.system for entry in recent(state)]
    if systems.count("query") >= limit(state):
        return True
    return endpoint == "jql" and systems.count("jql") >= JQL


def _policy(state: Standin) -> str:
    return f'"project";q={limit(state)};w=3600, "project-concurrency";q={CONCURRENT};qu="concurrent-requests"'


def _window_full(state: Standin, call: Call) -> RefusalError:
    most = limit(state)
    used = max(most, sum(entry.system == "query" for entry in recent(state)))
    message = (
        f"Query rate limit exceeded for project_id: {state.world.project['project_id']}. "
        f"This request exceeded the rate limit ({used + 1}/{most} queries running in the last hour). "
        + DOCUMENTATION
    )
    headers = {
        "RateLimit-Policy": _policy(state),
        "RateLimit": f'"project";r=0;t=3600, "project-concurrency";r={CONCURRENT - state.running}',
        "Retry-After": "3600",
    }
    return RefusalError(429, message, headers=headers)


def _too_many_at_once(state: Standin) -> RefusalError:
    used = sum(entry.system == "query" for entry in recent(state))
    message = (
        f"Query rate limit exceeded for project_id: {state.world.project['project_id']}. "
        f"This request exceeded the concurrency limit "
        f"({CONCURRENT + 1}/{CONCURRENT} queries running concurrently)."
    )
    headers = {
        "RateLimit-Policy": _policy(state),
        "RateLimit": f'"project";r={max(0, limit(state) - used)}, "project-concurrency";r=0;t=10',
    }
    return RefusalError(429, message, headers=headers, echo=False)


def _load_shed(state: Standin) -> RefusalError:
    message = (
        f"Query rate limit exceeded for project_id: {state.world.project['project_id']} "
        "For more information, please consult our documentation"
    )
    return RefusalError(429, message, echo=False)
