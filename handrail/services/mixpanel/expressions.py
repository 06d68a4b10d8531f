"""Mixpanel expressions, built from values by one escaping function."""

import math
import re
from collections.abc import Iterable, Sequence
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


def is_or_contains(name: str, value: Scalar) -> Condition:
    """The property is this value, or a list that has it as an element: as a breakdown counts lists.

    `in` alone would also find a text inside a longer text; only a text equals its cast to a text.
    """
    one, wanted = property_of_event(name), _constant(value)
    return Condition(f"(({one} == {wanted}) or (({wanted} in {one}) and (not ({one} == string({one})))))")


def of_account(name: str, account: str) -> Condition:
    """The property names this account: alone or in a list, as a text or as the number of that text."""
    number = _number(account)
    parts = [is_or_contains(name, account)]
    if number is not None:
        parts.append(is_or_contains(name, number))
    return either(*parts)


def happened(behavior: str, at_least: int, at_most: int | None) -> Condition:
    """People who did what the query names so, at least and at most so often."""
    count = f"behaviors[{literal(behavior)}]"
    parts = [Condition(f"({count} >= {at_least})")] if at_least > 0 else []
    if at_most is not None:
        parts.append(Condition(f"({count} <= {at_most})"))
    return both(*parts)


def either(*parts: Condition) -> Condition:
    """At least one of the conditions holds."""
    return _joined("or", parts)


def both(*parts: Condition) -> Condition:
    """All of the conditions hold."""
    return _joined("and", parts)


def _joined(word: str, parts: Sequence[Condition]) -> Condition:
    if not parts:
        raise CallerError("Name at least one condition.")
    return Condition("(" + f" {word} ".join(part.text for part in parts) + ")")


def _number(text: str) -> int | None:
    """The whole number that is written just so: "007" and "1e3" are names."""
    return int(text) if re.fullmatch(r"-?[1-9][0-9]{0,14}|0", text) else None


def _constant(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return literal(value)
    if not math.isfinite(value):
        raise CallerError("Only finite numbers can be looked for.")
    return repr(value) if value >= 0 else f"({value!r})"
