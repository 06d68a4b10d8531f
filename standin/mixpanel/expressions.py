"""Segmentation expressions, the language of `where`, `on` and `selector`: parsed to functions of a row."""

from __future__ import annotations

import functools
import json
import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from lark import Lark, Token, Transformer
from lark.exceptions import LarkError, VisitError

from standin.mixpanel import values
from standin.mixpanel.refusal import RefusalError
from standin.mixpanel.values import UNDEFINED, EvaluationError, Moment

GRAMMAR = r"""
?start: either
?either: both | either _OR both -> either
?both: negation | both _AND negation -> both
?negation: _NOT negation -> negation | comparison
?comparison: sum | comparison COMPARE sum -> compare | comparison _IN sum -> member
?sum: product | sum PLUS_MINUS product -> arithmetic
?product: unary | product TIMES unary -> arithmetic
?unary: "-" unary -> minus | atom
?atom: NUMBER -> number
     | STRING -> text
     | TRUE -> true
     | FALSE -> false
     | NOW -> now
     | SOURCE "[" STRING "]" -> property
     | FUNCTION "(" either ("," either)* ")" -> call
     | "[" [either ("," either)*] "]" -> listing
     | "(" either ")"

_AND.3: /(and|AND)\b/
_OR.3: /(or|OR)\b/
_NOT.3: /(not|NOT)\b/
_IN.3: /in\b/
TRUE.3: /true\b/
FALSE.3: /false\b/
NOW.3: /NOW\b/
SOURCE.2: /(properties|user|event|behaviors)\b/
FUNCTION.2: /(floor|round|ceil|boolean|number|string|list|datetime|defined|has_prefix)\b/
COMPARE: "==" | "!=" | ">=" | "<=" | ">" | "<"
PLUS_MINUS: "+" | "-"
TIMES: "*" | "/" | "%"
NUMBER: /\d+(\.\d+)?([eE][+-]?\d+)?/
STRING: /"(\\.|[^"\\])*"/s
%ignore /\s+/
"""

ESCAPE = re.compile(r'\\(u[0-9a-fA-F]{4}|["\\/bfnrt])|\\')
ARGUMENTS = {"string": (1, 2), "has_prefix": (2, 2)}
ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": math.fmod,
}
ORDER = {">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le}


@dataclass
class Row:
    """What an expression looks at: one event, or one profile as `properties`."""

    properties: Mapping[str, Any]
    event: Mapping[str, Any] = field(default_factory=dict)
    user: Mapping[str, Any] = field(default_factory=dict)
    behaviors: Mapping[str, Any] = field(default_factory=dict)
    epoch: float | None = None
    now: float = 0


Value = Callable[[Row], Any]


class Expression:
    """A parsed expression. `name` is the parameter that carried it, for error messages."""

    def __init__(self, text: str, value: Value, name: str) -> None:
        self.text = text
        self._value = value
        self._name = name

    def value(self, row: Row) -> Any:
        try:
            return self._value(row)
        except EvaluationError as error:
            raise RefusalError(400, f"Invalid {self._name} expression: {error}") from None

    def keeps(self, row: Row) -> bool:
        return self.value(row) is True

    def segments(self, row: Row) -> list[str]:
        return values.segments(self.value(row))


def parse(text: str, zone: ZoneInfo, name: str = "where") -> Expression:
    """Raises a 400 that says where the text stops being an expression."""
    try:
        return Expression(text, _compiled(text, zone.key), name)
    except (LarkError, EvaluationError) as error:
        reason = error.orig_exc if isinstance(error, VisitError) else str(error).splitlines()[0]
        raise RefusalError(400, f"Invalid {name} expression: {reason}") from None


@functools.lru_cache(maxsize=256)
def _compiled(text: str, zone: str) -> Value:
    compiled: Value = _Compiler(ZoneInfo(zone)).transform(_grammar().parse(text))
    return compiled


@functools.cache
def _grammar() -> Lark:
    return Lark(GRAMMAR, parser="lalr")


def unquoted(literal: str) -> str:
    """The string a double-quoted literal stands for."""

    def character(match: re.Match[str]) -> str:
        if not match[1]:
            raise EvaluationError("bad escape in string")
        return match[1] if match[1] in '"\\/' else str(json.loads(f'"{match[0]}"'))

    return ESCAPE.sub(character, literal[1:-1])


class _Compiler(Transformer[Token, Value]):
    def __init__(self, zone: ZoneInfo) -> None:
        super().__init__()
        self._functions = functions(zone)

    def either(self, parts: list[Value]) -> Value:
        left, right = parts
        return lambda row: values.truth(left(row)) or values.truth(right(row))

    def both(self, parts: list[Value]) -> Value:
        left, right = parts
        return lambda row: values.truth(left(row)) and values.truth(right(row))

    def negation(self, parts: list[Value]) -> Value:
        return lambda row: not values.truth(parts[0](row))

    def compare(self, parts: list[Any]) -> Value:
        left, sign, right = parts
        if sign == "==":
            return lambda row: values.equal(left(row), right(row))
        if sign == "!=":
            return lambda row: not values.equal(left(row), right(row))
        return lambda row: values.order(ORDER[sign], left(row), right(row))

    def member(self, parts: list[Value]) -> Value:
        item, container = parts
        return lambda row: values.contains(item(row), container(row))

    def arithmetic(self, parts: list[Any]) -> Value:
        left, sign, right = parts
        if sign == "+":
            return lambda row: values.add(left(row), right(row))
        return lambda row: values.arithmetic(ARITHMETIC[sign], left(row), right(row))

    def minus(self, parts: list[Value]) -> Value:
        return lambda row: values.arithmetic(operator.sub, 0, parts[0](row))

    def number(self, parts: list[Token]) -> Value:
        return _constant(values.to_number(str(parts[0])))

    def text(self, parts: list[Token]) -> Value:
        return _constant(unquoted(parts[0]))

    def true(self, _: list[Token]) -> Value:
        return _constant(True)

    def false(self, _: list[Token]) -> Value:
        return _constant(False)

    def now(self, _: list[Token]) -> Value:
        return lambda row: row.now

    def property(self, parts: list[Token]) -> Value:
        source, name = str(parts[0]), unquoted(parts[1])
        if name == "$time" and source in {"properties", "event"}:
            return _time
        return lambda row: getattr(row, source).get(name, UNDEFINED)

    def call(self, parts: list[Any]) -> Value:
        name, *arguments = parts
        fewest, most = ARGUMENTS.get(name, (1, 1))
        if not fewest <= len(arguments) <= most:
            raise EvaluationError(f"{name} does not take {len(arguments)} arguments")
        function = self._functions[name]
        return lambda row: function(*(argument(row) for argument in arguments))

    def listing(self, parts: list[Value | None]) -> Value:
        elements = [part for part in parts if part is not None]
        return lambda row: [element(row) for element in elements]


def functions(zone: ZoneInfo) -> dict[str, Callable[..., Any]]:
    def string(value: Any, default: Any = UNDEFINED) -> Any:
        return values.to_string(default if value is UNDEFINED else value)

    return {
        "floor": lambda value: values.rounded(math.floor, value),
        "round": lambda value: values.rounded(lambda number: math.floor(number + 0.5), value),
        "ceil": lambda value: values.rounded(math.ceil, value),
        "boolean": values.to_boolean,
        "number": values.to_number,
        "string": string,
        "list": values.to_list,
        "datetime": lambda value: values.to_moment(value, zone),
        "defined": values.defined,
        "has_prefix": values.has_prefix,
    }


def _constant(value: Any) -> Value:
    return lambda _: value


def _time(row: Row) -> Any:
    """`$time` is the event's true time as a date; a profile may have a property of that name."""
    if row.epoch is not None:
        return Moment(row.epoch)
    return row.properties.get("$time", UNDEFINED)
