"""The structured filters of Insights: what keeps an event, and what a breakdown reads off it."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from standin.mixpanel import cohorts, values
from standin.mixpanel.events import Event
from standin.mixpanel.matching import Attempt
from standin.mixpanel.project import Project
from standin.mixpanel.refusal import RefusalError
from standin.mixpanel.values import UNDEFINED

Keeps = Callable[[Event], bool]
Test = Callable[[Any, Any], bool]


def _text(test: Callable[[str, str], bool]) -> Test:
    return lambda value, wanted: isinstance(value, str) and test(value.lower(), str(wanted).lower())


def _number(test: Callable[[Any, Any], bool]) -> Test:
    return lambda value, wanted: values.order(test, value, wanted) is True


def _one_of(value: Any, wanted: Any) -> bool:
    elements = value if isinstance(value, list) else [value]
    choices = wanted if isinstance(wanted, list) else [wanted]
    return any(values.to_string(element) == str(choice) for element in elements for choice in choices)


def _between(value: Any, wanted: Any) -> bool:
    return values.is_number(value) and wanted[0] <= value <= wanted[1]


TESTS: dict[str, Test] = {
    "equals": _one_of,
    "does not equal": lambda value, wanted: not _one_of(value, wanted),
    "contains": _text(lambda value, wanted: wanted in value),
    "does not contain": lambda value, wanted: not TESTS["contains"](value, wanted),
    "starts with": _text(str.startswith),
    "ends with": _text(str.endswith),
    "is set": lambda value, _: values.defined(value),
    "is not set": lambda value, _: not values.defined(value),
    "is equal to": lambda value, wanted: values.is_number(value) and bool(value == wanted),
    "is greater than": _number(operator.gt),
    "is less than": _number(operator.lt),
    "is at least": _number(operator.ge),
    "is at most": _number(operator.le),
    "is between": _between,
    "not between": lambda value, wanted: not _between(value, wanted),
    "true": lambda value, _: value is True,
    "false": lambda value, _: value is False,
}


def all_of(project: Project, filters: list[dict[str, Any]], determiner: str = "all") -> Keeps:
    """All filters, or any of them, in one."""
    tests = [_filter(project, given) for given in filters]
    if not tests:
        return lambda _: True
    if determiner == "any":
        return lambda event: any(test(event) for test in tests)
    return lambda event: all(test(event) for test in tests)


def of_attempts(project: Project, filters: list[dict[str, Any]]) -> Callable[[Attempt], bool]:
    """A funnel's global filters: each looks at the first step whose event has the property."""
    tests = [(reader(project, given), _filter(project, given)) for given in filters]

    def keeps(attempt: Attempt) -> bool:
        return all(
            test(next((event for event in attempt.events if values.defined(read(event))), attempt.entry))
            for read, test in tests
        )

    return keeps


def reader(project: Project, given: dict[str, Any]) -> Callable[[Event], Any]:
    """The property a filter or breakdown is about, of the event or of the person."""
    name = str(given.get("value") or given.get("propertyName"))
    if given.get("resourceType") in {"people", "user"}:
        return lambda event: project.profile(event.distinct_id).get(name, UNDEFINED)
    return lambda event: event.properties.get(name, UNDEFINED)


def _filter(project: Project, given: dict[str, Any]) -> Keeps:
    wanted, name = given.get("filterValue"), str(given.get("filterOperator"))
    if given.get("value") == "$cohorts":
        return _in_cohort(project, wanted, name)
    read = reader(project, given)
    if given.get("filterType") == "datetime":
        return _dated(project, given, read)
    test = TESTS.get(name)
    if test is None:
        raise RefusalError(400, f"Unknown filterOperator: {name}")
    return lambda event: test(read(event), wanted)


def _in_cohort(project: Project, wanted: Any, name: str) -> Keeps:
    now = project.state.clock.now().timestamp()
    found = [(entry["cohort"], cohorts.members(project, entry["cohort"], now)) for entry in wanted]
    inverted = name == "does not contain"

    def keeps(event: Event) -> bool:
        held = any(member(event.distinct_id) != bool(cohort.get("negated")) for cohort, member in found)
        return held != inverted

    return keeps


def _dated(project: Project, given: dict[str, Any], read: Callable[[Event], Any]) -> Keeps:
    name, wanted = str(given["filterOperator"]), given["filterValue"]
    if name not in {"was in the", "was not in the"}:
        raise RefusalError(400, f"Unknown filterOperator: {name}")
    length = cohorts.UNITS[str(given.get("filterDateUnit", "day"))] * int(wanted)
    since = (project.state.clock.now() - length).timestamp()

    def keeps(event: Event) -> bool:
        moment = values.to_moment(read(event))
        inside = moment is not UNDEFINED and moment.epoch >= since
        return inside if name == "was in the" else not inside

    return keeps
