"""Segmentation expressions: grammar, types and escaping."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from standin.mixpanel.expressions import Row, parse
from standin.mixpanel.refusal import RefusalError
from standin.mixpanel.values import UNDEFINED, Moment

ROW = Row(
    properties={
        "plan": "pro",
        "seats": 5,
        "text": "5",
        "active": True,
        "tags": ["a", "b"],
        "nothing": None,
        "email": "jo@yahoo.example",
        "seen": "2026-08-31T10:00:00",
    },
    user={"role": "admin"},
    behaviors={"tried": 3},
    epoch=1756684800,
    now=1756684900,
)


def value(text: str) -> Any:
    return parse(text, ZoneInfo("Europe/Berlin")).value(ROW)


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@given(st.text())
def test_an_escaped_string_reads_back_as_itself(text: str) -> None:
    assert value(quoted(text)) == text


@given(st.text())
def test_an_escaped_value_never_turns_a_filter_off(text: str) -> None:
    assert value(f'(properties["plan"] == {quoted(text)})') is (text == "pro")


@given(st.text(min_size=1))
def test_an_escaped_property_name_reads_its_own_property(name: str) -> None:
    row = Row({name: 1, "other": 2})

    assert parse(f"properties[{quoted(name)}]", ZoneInfo("UTC")).value(row) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('properties["plan"] == "pro"', True),
        ('properties["seats"] == properties["text"]', False),
        ('properties["seats"] != properties["text"]', True),
        ('properties["active"] == 1', False),
        ('number(properties["text"]) == 5', True),
        ('properties["missing"] == properties["missing"]', False),
        ('properties["missing"] != "x"', True),
        ('properties["seats"] > 4 and properties["seats"] <= 5', True),
        ('properties["text"] > 4', UNDEFINED),
        ('not properties["missing"]', True),
        ('not (properties["plan"] == "pro")', False),
        ('properties["missing"] or properties["active"]', True),
        ('properties["plan"] == "x" OR properties["plan"] == "pro" AND true', True),
        ('"yahoo" in properties["email"]', True),
        ('properties["plan"] in ["free", "pro"]', True),
        ('"b" in properties["tags"]', True),
        ('"c" in properties["tags"]', False),
        ('properties["tags"] == ["a", "b"]', True),
        ('defined(properties["nothing"])', False),
        ('defined(properties["plan"])', True),
        ('string(properties["nothing"])', None),
        ('string(properties["missing"])', UNDEFINED),
        ('string(properties["missing"], "undefined")', "undefined"),
        ("string(5)", "5"),
        ("string(2.5)", "2.5"),
        ("string(true)", "true"),
        ('number("x")', UNDEFINED),
        ("number(true)", 1),
        ('boolean("false")', False),
        ("boolean(0)", False),
        ('boolean("no")', True),
        ('list("a")', ["a"]),
        ("1 + 2 * 3 - 4 / 2", 5),
        ("-2 + 7 % 4", 1),
        ("1 / 0", UNDEFINED),
        ('"a" + "b"', "ab"),
        ('"a" + 1', UNDEFINED),
        ("floor(2.7) + ceil(2.1) + round(2.5)", 8),
        ('has_prefix(properties["email"], "jo@")', True),
        ('user["role"] == "admin"', True),
        ('behaviors["tried"] >= 3', True),
        ('datetime("2025-09-01T02:00:00")', Moment(1756684800)),
        ("datetime(1756684800000)", Moment(1756684800)),
        ("datetime(0)", UNDEFINED),
        ('event["$time"] >= datetime(1756684800)', True),
        ('properties["$time"] < datetime("2025-09-01T02:00:00")', False),
        ('properties["seen"] >= "2026-08-01T00:00:00"', True),
        ('properties["plan"] >= "a"', UNDEFINED),
        ("NOW - 100", 1756684800),
    ],
)
def test_values_are_typed_as_mixpanel_types_them(text: str, expected: object) -> None:
    found = value(text)

    assert found == expected
    assert type(found) in {type(expected), int, float}


@pytest.mark.parametrize(
    "text",
    [
        "company_id",
        'properties["plan" == "pro"',
        'properties["plan"] = "pro"',
        'properties["plan"] == pro',
        '"C:\\path"',
        "floor(1, 2)",
        'string("a", "b", "c")',
        "lower(1)",
        'properties["plan"] and true',
        "not 5",
        "",
    ],
)
def test_what_is_no_expression_is_a_400(text: str) -> None:
    with pytest.raises(RefusalError, match="Invalid where expression") as raised:
        value(text)

    assert raised.value.status == 400
