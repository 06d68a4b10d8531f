"""Whether an answer says a value: a number as it may be written, or words."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

_DAY = re.compile(r"\d{4}-\d\d-\d\d(?:T[\d:.]+Z?)?")
_NUMBER = re.compile(r"(?<![\w.-])[-−+]?\d+(?:,\d{3})*(?:\.\d+)?(?: ?%)?")

Told = str | int | float | bool


def says(text: str, value: Told) -> bool:
    """Words in any case; a number as such, a share also as a percentage, rounded as it is written."""
    if isinstance(value, str):
        return value.casefold() in text.casefold()
    return any(_is(written, float(value)) for written in _NUMBER.findall(_DAY.sub(" ", text)))


def _is(written: str, value: float) -> bool:
    share = written.endswith("%")
    digits = written.rstrip(" %").replace(",", "").replace("−", "-")
    unit = 10.0 ** -len(digits.partition(".")[2])
    if float(value).is_integer() and not share:
        return float(digits) == value
    # A whole number is no way to write a fraction, unless it is a percentage.
    scale = 100 if share else 1
    return (share or "." in digits) and abs(float(digits) - value * scale) <= unit / 2 + 1e-9


def says_in_a_row(answer: Any, values: Iterable[Told]) -> bool:
    """Whether one item of one of the answer's lists says all of them."""
    wanted = list(values)
    return any(all(says(row, value) for value in wanted) for row in _rows(answer))


def _rows(answer: Any) -> Iterator[str]:
    for item in answer.values() if isinstance(answer, dict) else answer if isinstance(answer, list) else []:
        if isinstance(answer, list):
            yield " ".join(scalars(item))
        yield from _rows(item)


def scalars(value: Any) -> Iterator[str]:
    """Every value inside a value, as text."""
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from scalars(item)
    elif value is not None:
        yield f"{value:f}" if isinstance(value, float) and 0 < abs(value) < 1e-3 else str(value)
