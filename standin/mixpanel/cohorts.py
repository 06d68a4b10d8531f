"""Which people belong to a cohort, and how often they did what it asks about."""

from __future__ import annotations

import operator
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from standin.mixpanel import values
from standin.mixpanel.expressions import parse
from standin.mixpanel.project import Project
from standin.mixpanel.refusal import RefusalError
from standin.mixpanel.values import UNDEFINED

WINDOW = re.compile(r"(\d+)([hdwm])\Z")
UNITS = {
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
    "m": timedelta(days=30),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
    "month": timedelta(days=30),
}
COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "==": values.equal,
    "!=": lambda left, right: not values.equal(left, right),
    ">": lambda left, right: values.order(operator.gt, left, right),
    ">=": lambda left, right: values.order(operator.ge, left, right),
    "<": lambda left, right: values.order(operator.lt, left, right),
    "<=": lambda left, right: values.order(operator.le, left, right),
    "in": values.contains,
    "contains": lambda left, right: values.contains(right, left),
    "set": lambda left, _: values.defined(left),
    "defined": lambda left, _: values.defined(left),
    "not set": lambda left, _: not values.defined(left),
    "not defined": lambda left, _: not values.defined(left),
}


@dataclass(frozen=True)
class Behavior:
    """Something a user may have done in a window of time; any of the selectors counts."""

    window: timedelta
    selectors: list[dict[str, Any]]

    def counts(self, project: Project, until: float) -> Counter[str]:
        """Events by user in the window that ends at the epoch `until`."""
        since = until - self.window.total_seconds()
        found: Counter[str] = Counter()
        for selector in self.selectors:
            text = selector.get("selector")
            where = parse(text, project.zone, "selector") if isinstance(text, str) and text else None
            for event in project.events.named(str(selector["event"])):
                if since < event.time <= until and (where is None or where.keeps(project.row(event))):
                    found[event.distinct_id] += 1
        return found


def named(listed: list[Any]) -> dict[str, Behavior]:
    """The `behaviors` parameter of a profile query."""
    try:
        return {
            str(given["name"]): Behavior(_length(given["window"]), list(given["event_selectors"]))
            for given in listed
        }
    except (KeyError, TypeError):
        raise RefusalError(400, "Error in behaviors: needs name, window and event_selectors") from None


def members(project: Project, cohort: Any, until: float) -> Callable[[str], bool]:
    """Whether a distinct_id is in a cohort given as `{"id": n}` or `{"raw_cohort": {...}}`."""
    definition = _definition(project, cohort)
    try:
        counts = {
            name: Behavior(_length(given["window"]), [given["count"]["event_selector"]]).counts(
                project, until
            )
            for name, given in definition.get("behaviors", {}).items()
        }
        selector = definition["selector"]
    except (KeyError, TypeError):
        raise RefusalError(400, "Error in filter_by_cohort: invalid cohort definition") from None
    return lambda distinct_id: _holds(selector, project.profile(distinct_id), counts, distinct_id)


def _definition(project: Project, cohort: Any) -> dict[str, Any]:
    if isinstance(cohort, dict) and isinstance(cohort.get("raw_cohort"), dict):
        return dict(cohort["raw_cohort"])
    wanted = str(cohort.get("id")) if isinstance(cohort, dict) else ""
    for saved in project.settings.get("cohorts", []):
        if str(saved["id"]) == wanted:
            return dict(saved["definition"])
    raise RefusalError(404, f"Cohort {wanted} not found")


def _holds(
    selector: dict[str, Any],
    profile: dict[str, Any],
    counts: Mapping[str, Counter[str]],
    distinct_id: str,
) -> bool:
    children = selector.get("children")
    if children:
        found = (_holds(child, profile, counts, distinct_id) for child in children)
        return any(found) if selector.get("operator") == "or" else all(found)
    if "property" not in selector:
        return True
    compare = COMPARISONS.get(str(selector.get("operator")))
    if compare is None:
        raise RefusalError(400, f"Error in filter_by_cohort: unknown operator {selector.get('operator')}")
    name = str(selector["value"])
    value = counts[name][distinct_id] if selector["property"] == "behaviors" else profile.get(name, UNDEFINED)
    return compare(value, selector.get("operand")) is True


def _length(window: Any) -> timedelta:
    if isinstance(window, dict):
        unit, amount = str(window.get("unit")), window.get("value")
        if unit in UNITS and isinstance(amount, int):
            return UNITS[unit] * amount
    elif match := WINDOW.match(str(window)):
        return UNITS[match[2]] * int(match[1])
    raise RefusalError(400, f"Invalid window: {window}")
