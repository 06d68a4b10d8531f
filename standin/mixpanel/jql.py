"""JQL: the caller's script, run in a real JavaScript engine over the events it asks for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib.resources import files
from typing import Any

import quickjs

from standin.mixpanel.call import Call
from standin.mixpanel.events import Event
from standin.mixpanel.expressions import Expression, Row, parse
from standin.mixpanel.project import Project
from standin.mixpanel.refusal import RefusalError

SECONDS = 120
MEMORY = 2 * 1024**3
STACK = 512 * 1024
PRELUDES = [
    files("standin.mixpanel").joinpath(name).read_text("utf-8")
    for name in ("jql_prelude.js", "jql_underscore.js")
]

Item = dict[str, Any]


@dataclass(frozen=True)
class Selector:
    """Which events a source takes: of one name, of all names, and only those the expression keeps."""

    event: str | None
    where: Expression | None

    def keeps(self, event: Event, row: Row) -> bool:
        return self.event in (None, event.name) and (self.where is None or self.where.keeps(row))


def answer(project: Project, call: Call) -> Any:
    """The script's result. Runs on one thread from beginning to end, as the engine demands."""
    script = call.text("script")
    if not script:
        raise RefusalError(400, "Missing required parameter: script")
    params = call.parsed("params")
    context = quickjs.Context()
    context.set_memory_limit(MEMORY)
    context.set_max_stack_size(STACK)
    context.set_time_limit(SECONDS)
    try:
        for prelude in PRELUDES:
            context.eval(prelude)
        context.eval(f"globalThis.params = {json.dumps({} if params is None else params)};")
        context.eval(script)
        described = json.loads(context.eval("__describe(main)"))
        provide, collect = context.get("__provide"), context.get("__collect")
        for place, source in enumerate(described):
            if source is not None:
                items = SOURCES[source["kind"]](project, source["given"])
                provide(place, json.dumps(list(items)))
        return json.loads(collect())
    except (quickjs.JSException, quickjs.StackOverflow) as error:
        raise _script_failed(str(error)) from None


def _script_failed(said: str) -> RefusalError:
    message, _, stack = said.partition("\n")
    if message.startswith("InternalError: interrupted"):
        message = "Error: Query took longer than 2 minutes"
    if message.startswith("Error: ") and "<input>" not in stack.splitlines()[-1:]:
        message = message.removeprefix("Error: ")
    text = f"UserVisiblePreconditionFailedError: Uncaught exception {message}"
    return RefusalError(412, f"{text}\n\nStack trace:\n{message}\n{stack}")


def _events(project: Project, given: dict[str, Any]) -> Iterator[Item]:
    for event in _selected(project, given, _selectors(project, given.get("event_selectors"))):
        yield _event(event)


def _people(project: Project, given: dict[str, Any]) -> Iterator[Item]:
    wheres = [
        parse(selector["selector"], project.zone, "selector")
        for selector in given.get("user_selectors") or []
        if selector.get("selector")
    ]
    for distinct_id, properties in list(project.state.profiles.items()):
        row = Row(properties, user=properties)
        if not wheres or any(where.keeps(row) for where in wheres):
            yield _person(distinct_id, properties)


def _joined(project: Project, given: dict[str, Any]) -> Iterator[Item]:
    """Events beside their people; either side may be missing, depending on the type of join."""
    options = given["options"]
    kind = options.get("type", "full")
    if kind not in {"full", "left", "right", "inner"}:
        raise RefusalError(412, f"UserVisiblePreconditionFailedError: unknown join type {kind}")
    people = {person["distinct_id"]: person for person in _people(project, given["people"])}
    both = _selectors(project, options.get("selectors"))
    seen: set[str] = set()
    for event in _selected(
        project, given["events"], _selectors(project, given["events"].get("event_selectors"))
    ):
        person = people.get(event.distinct_id)
        if person is None and kind in {"right", "inner"}:
            continue
        if any(selector.keeps(event, project.row(event)) for selector in both):
            seen.add(event.distinct_id)
            item: Item = {"distinct_id": event.distinct_id, "event": _event(event)}
            yield item if person is None else item | {"user": person}
    if kind in {"full", "right"}:
        for distinct_id, person in people.items():
            if distinct_id not in seen and options.get("selectors") is None:
                yield {"distinct_id": distinct_id, "user": person}


SOURCES: dict[str, Callable[[Project, dict[str, Any]], Iterator[Item]]] = {
    "events": _events,
    "people": _people,
    "join": _joined,
}


def _selected(project: Project, given: dict[str, Any], selectors: list[Selector]) -> Iterator[Event]:
    """The events of the dates asked for that any selector keeps, in time order."""
    first, last = _day(given["from_date"]), _day(given["to_date"])
    names = {selector.event for selector in selectors}
    wanted = None if None in names else [name for name in names if name is not None]
    found = project.events.between(first, last, wanted)
    for event in sorted(found, key=lambda event: event.time):
        row = project.row(event)
        if any(selector.keeps(event, row) for selector in selectors):
            yield event


def _selectors(project: Project, given: Any) -> list[Selector]:
    return [
        Selector(
            selector.get("event"),
            parse(selector["selector"], project.zone, "selector") if selector.get("selector") else None,
        )
        for selector in given or [{}]
    ]


def _event(event: Event) -> Item:
    return {
        "name": event.name,
        "distinct_id": event.distinct_id,
        "time": int(event.local * 1000),
        "sampling_factor": 1,
        "properties": event.properties,
    }


def _person(distinct_id: str, properties: dict[str, Any]) -> Item:
    seen = _milliseconds(properties.get("$last_seen"))
    return {"distinct_id": distinct_id, "time": seen, "last_seen": seen, "properties": properties}


def _milliseconds(text: Any) -> int | None:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _day(given: Any) -> date:
    try:
        return date.fromisoformat(str(given)[:10])
    except ValueError:
        raise RefusalError(
            412, f"UserVisiblePreconditionFailedError: invalid date {str(given)[:40]!r}, must be yyyy-mm-dd"
        ) from None
