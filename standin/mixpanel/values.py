"""What the values of expressions mean: Mixpanel's types, comparisons and casts."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo


class Undefined:
    """The value of a property that is not there, and of operations that make no sense."""

    def __repr__(self) -> str:
        return "undefined"


UNDEFINED = Undefined()
ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?Z?)?\Z")
LARGEST_SECONDS = 4_294_967_295


class EvaluationError(Exception):
    """An operation that Mixpanel refuses instead of calling it undefined."""


@dataclass(frozen=True, order=True)
class Moment:
    """A point in time, in epoch seconds."""

    epoch: float


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return type(value).__name__


def equal(left: Any, right: Any) -> bool:
    """False on a type mismatch, and for undefined."""
    if isinstance(left, Moment) or isinstance(right, Moment):
        return left is not None and to_moment(left) == to_moment(right) != UNDEFINED
    if left is UNDEFINED or right is UNDEFINED:
        return False
    return kind(left) == kind(right) and bool(left == right)


def order(operator: Callable[[Any, Any], bool], left: Any, right: Any) -> Any:
    """Two numbers or two dates can be put in order; anything else is undefined."""
    if isinstance(left, Moment) or isinstance(right, Moment):
        left, right = to_moment(left), to_moment(right)
        return UNDEFINED if left is UNDEFINED or right is UNDEFINED else operator(left, right)
    if is_number(left) and is_number(right):
        return operator(left, right)
    if isinstance(left, str) and isinstance(right, str) and ISO_DATE.match(left) and ISO_DATE.match(right):
        return operator(left, right)
    return UNDEFINED


def contains(item: Any, container: Any) -> Any:
    if isinstance(item, str) and isinstance(container, str):
        return item in container
    if isinstance(container, list):
        return any(equal(item, element) for element in container)
    return UNDEFINED


def truth(value: Any) -> bool:
    """What `and`, `or` and `not` see: undefined counts as false, other types are an error."""
    if value is UNDEFINED:
        return False
    if isinstance(value, bool):
        return value
    raise EvaluationError(f"expected a boolean, got {kind(value)}")


def arithmetic(operator: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
    if isinstance(left, Moment) or isinstance(right, Moment):
        left, right = _epoch(left), _epoch(right)
    if not (is_number(left) and is_number(right)):
        return UNDEFINED
    try:
        return operator(left, right)
    except (ZeroDivisionError, OverflowError):
        return UNDEFINED


def add(left: Any, right: Any) -> Any:
    if isinstance(left, str) and isinstance(right, str):
        return left + right
    return arithmetic(lambda a, b: a + b, left, right)


def to_string(value: Any) -> Any:
    if value is UNDEFINED or value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if is_number(value):
        return str(value)
    if isinstance(value, Moment):
        return datetime.fromtimestamp(value.epoch, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return json.dumps(value, ensure_ascii=False)


def to_number(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, Moment):
        return value.epoch
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return UNDEFINED
        if not math.isfinite(value):
            return UNDEFINED
        return int(value) if value.is_integer() else value
    return value if is_number(value) else UNDEFINED


def to_boolean(value: Any) -> bool:
    return not (value is UNDEFINED or value in ("false", "", None) or (is_number(value) and value == 0)) and (
        value is not False
    )


def to_list(value: Any) -> Any:
    if value is UNDEFINED or isinstance(value, list):
        return value
    return [value]


def rounded(operator: Callable[[float], int], value: Any) -> Any:
    return operator(value) if is_number(value) else UNDEFINED


def has_prefix(value: Any, prefix: Any) -> Any:
    if isinstance(value, str) and isinstance(prefix, str):
        return value.startswith(prefix)
    return UNDEFINED


def defined(value: Any) -> bool:
    return value is not UNDEFINED and value is not None


def to_moment(value: Any, zone: ZoneInfo | None = None) -> Any:
    """A point in time from a number (ms when too large for seconds) or ISO text (UTC unless `zone`)."""
    if isinstance(value, Moment):
        return value
    if is_number(value):
        if value < 1:
            return UNDEFINED
        return Moment(value if value <= LARGEST_SECONDS else value / 1000)
    if isinstance(value, str) and ISO_DATE.match(value):
        try:
            parsed = datetime.fromisoformat(value)
        except ValueError:
            return UNDEFINED
        return Moment((parsed if parsed.tzinfo else parsed.replace(tzinfo=zone or UTC)).timestamp())
    return UNDEFINED


def segments(value: Any) -> list[str]:
    """The keys a breakdown puts a value under: each element of a list counts on its own."""
    if isinstance(value, list) and value:
        return list(dict.fromkeys(key for element in value for key in segments(element)))
    if value is UNDEFINED or value == []:
        return ["undefined"]
    return ["null"] if value is None else [str(to_string(value))]


def _epoch(value: Any) -> Any:
    return value.epoch if isinstance(value, Moment) else value
