"""Mixpanel expressions, built from values by one escaping function."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from handrail.errors import CallerError

Scalar = str | int | float | bool


@dataclass(frozen=True)
class Condition:
    """What `where` takes: made by the functions below, never from a text that somebody gave."""

    text: str


def literal(value: str) -> str:
    """A double-quoted string: backslash first, then the quote. Control characters are refused."""
    if any(ord(char) < 32 or ord(char) == 127 for char in value):
        raise CallerError("A name with control characters cannot be asked for.")
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def property_of_event(name: str) -> str:
    return f"properties[{literal(name)}]"


def equals(name: str, value: Scalar) -> Condition:
    """The property is this value and of its type: the text "5" is not the number 5."""
    return Condition(f"({property_of_event(name)} == {_constant(value)})")


def any_of(name: str, values: Iterable[Scalar]) -> Condition:
    """The property is one of these values."""
    listed = ", ".join(_constant(value) for value in values)
    if not listed:
        raise CallerError("Name at least one value to look for.")
    return Condition(f"({property_of_event(name)} in [{listed}])")


def both(*parts: Condition) -> Condition:
    """All of the conditions hold."""
    if not parts:
        raise CallerError("Name at least one condition.")
    return Condition("(" + " and ".join(part.text for part in parts) + ")")


def _constant(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return literal(value)
    if not math.isfinite(value):
        raise CallerError("Only finite numbers can be looked for.")
    return repr(value) if value >= 0 else f"({value!r})"
