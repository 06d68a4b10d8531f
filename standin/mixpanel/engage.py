"""Profiles of users and groups: filtered, projected, and paged from a snapshot."""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from standin.mixpanel import cohorts
from standin.mixpanel.call import Call
from standin.mixpanel.events import seconds
from standin.mixpanel.expressions import Row, parse
from standin.mixpanel.project import Project
from standin.mixpanel.refusal import RefusalError

PAGE_SIZE = 1000
MOST_IDS = 2000
LIFETIME = timedelta(minutes=30)
UNCACHED = "request for page in uncached query for params"


@dataclass(frozen=True)
class Snapshot:
    """What a query found when its first page was asked for."""

    made: datetime
    page_size: int
    results: list[dict[str, Any]]
    asked: dict[str, Any]
    """The parameters, which each page has to repeat."""

    def page(self, number: int) -> list[dict[str, Any]]:
        return self.results[number * self.page_size : (number + 1) * self.page_size]


def answer(project: Project, call: Call) -> dict[str, Any]:
    session_id, page = call.text("session_id"), call.number("page", 0)
    if session_id:
        snapshot = project.state.sessions.get(session_id)
        if snapshot is None or project.state.clock.now() - snapshot.made > LIFETIME:
            raise RefusalError(400, UNCACHED)
        if snapshot.asked != _asked(call) or (snapshot.asked.get("behaviors") and not _as_of(call)):
            raise RefusalError(400, UNCACHED)
    elif page > 0:
        raise RefusalError(400, UNCACHED)
    else:
        now = project.state.clock.now()
        page_size = min(max(1, call.number("page_size", PAGE_SIZE)), PAGE_SIZE)
        snapshot = Snapshot(now, page_size, _find(project, call), _asked(call))
        session_id = _new_session(now)
        project.state.sessions[session_id] = snapshot
    found = {
        "page": page,
        "page_size": snapshot.page_size,
        "session_id": session_id,
        "status": "ok",
        "computed_at": project.computed_at(),
        "results": snapshot.page(page),
    }
    return found | {"total": len(snapshot.results)} if page == 0 else found


def cohorts_list(project: Project, _: Call) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in cohort.items() if name != "definition"}
        for cohort in project.settings.get("cohorts", [])
    ]


def _find(project: Project, call: Call) -> list[dict[str, Any]]:
    rows = _population(project, call)
    keeps = _filter(project, call)
    wanted = call.listed("output_properties")
    found = [
        {"$distinct_id": distinct_id, "$properties": _projected(properties, wanted)}
        for distinct_id, properties in rows
        if keeps(distinct_id, properties)
    ]
    return found[: call.number("limit", len(found))]


def _population(project: Project, call: Call) -> Iterable[tuple[str, dict[str, Any]]]:
    group = call.text("data_group_id")
    profiles = _group_profiles(project, group) if group else project.state.profiles
    ids = _ids(call)
    if ids is not None:
        return [(distinct_id, profiles[distinct_id]) for distinct_id in ids if distinct_id in profiles]
    rows = list(profiles.items())
    if not group and call.text("filter_by_cohort") and call.flag("include_all_users", True):
        seen = dict.fromkeys(event.distinct_id for event in project.events.all if event.distinct_id)
        rows += [(distinct_id, {}) for distinct_id in seen if distinct_id not in profiles]
    return rows


def _ids(call: Call) -> list[str] | None:
    one, several = call.text("distinct_id"), call.listed("distinct_ids")
    if one and several is not None:
        raise RefusalError(400, "distinct_id and distinct_ids are mutually exclusive")
    if several is not None and len(several) > MOST_IDS:
        raise RefusalError(400, f"distinct_ids: at most {MOST_IDS} ids, {len(several)} were given")
    if several is not None:
        return list(dict.fromkeys(map(str, several)))
    return [one] if one else None


def _group_profiles(project: Project, data_group_id: str) -> dict[str, dict[str, Any]]:
    for key, known in project.settings.get("group_keys", {}).items():
        if str(known) == data_group_id:
            return project.state.groups.get(key, {})
    raise RefusalError(400, f"Invalid data_group_id: {data_group_id}")


def _filter(project: Project, call: Call) -> Callable[[str, dict[str, Any]], bool]:
    """What `where`, `behaviors` and the cohort leave."""
    behaviors, cohort = call.listed("behaviors"), call.parsed("filter_by_cohort")
    if behaviors is not None and cohort is not None:
        raise RefusalError(400, "behaviors and filter_by_cohort are mutually exclusive")
    now = _as_of(call) or project.state.clock.now().timestamp()
    text = call.text("where")
    where = parse(text, project.zone) if text else None
    counts = {name: one.counts(project, now) for name, one in cohorts.named(behaviors or []).items()}
    member = cohorts.members(project, cohort, now) if cohort is not None else None

    def keeps(distinct_id: str, properties: dict[str, Any]) -> bool:
        if member is not None and not member(distinct_id):
            return False
        if where is None:
            return not counts or any(counted[distinct_id] for counted in counts.values())
        done = {name: counted[distinct_id] for name, counted in counts.items()}
        known = {"$distinct_id": distinct_id} | properties
        return where.keeps(Row(known, known, known, done, now=now))

    return keeps


def _asked(call: Call) -> dict[str, Any]:
    return {name: value for name, value in call.params.items() if name not in {"session_id", "page"}}


def _as_of(call: Call) -> float:
    return seconds(call.number("as_of_timestamp", 0))


def _projected(properties: dict[str, Any], wanted: list[Any] | None) -> dict[str, Any]:
    if wanted is None:
        return dict(properties)
    return {name: properties[name] for name in wanted if name in properties}


def _new_session(now: datetime) -> str:
    letters = "".join(random.choices(string.ascii_uppercase, k=6))  # noqa: S311  # nosec B311  # no secret
    return f"{int(now.timestamp())}-{letters}"
