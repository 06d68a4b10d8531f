"""Names in Mixpanel expressions: whatever they hold, they stay one string."""

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.errors import CallerError
from handrail.services.mixpanel.expressions import literal, property_of_event
from standin.mixpanel.expressions import Row, parse

UTC = ZoneInfo("UTC")
CONTROLS = "".join(map(chr, [*range(32), 127]))
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=CONTROLS))
NASTY = st.text(st.sampled_from("\\\"'[]()=nut/ a1é李\u2028\u0085🙂"), max_size=20)
HOSTILE = [
    'x" or "1" == "1',
    'x\\" or \\"1\\" == \\"1',
    "\\",
    '\\"',
    '"]) or (properties["company_id"',
    "\\u0041",
    "\\n",
    "O'Brien & Søn",
    "line\u2028separator",
    "",
]


def means(expression: str, **properties: object) -> object:
    return parse(expression, UTC).value(Row(properties, properties))


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_read_back_as_itself(name: str) -> None:
    assert means(literal(name)) == name


@given(NAMES | NASTY)
def test_any_name_is_read_back_as_itself(name: str) -> None:
    assert means(literal(name)) == name


@given(NAMES | NASTY, st.sampled_from(HOSTILE))
def test_a_property_of_any_name_is_that_property_and_no_other(name: str, other: str) -> None:
    expression = property_of_event(name)

    assert parse(expression, UTC).value(Row({other: "there", name: "here"})) == "here"


@given(NAMES | NASTY, NAMES | NASTY)
def test_a_filter_built_from_any_name_lets_that_name_through_alone(name: str, other: str) -> None:
    expression = f"({property_of_event('company_id')} == {literal(name)})"

    assert means(expression, company_id=name) is True
    assert means(expression, company_id=other) is (other == name)


@pytest.mark.parametrize("char", CONTROLS, ids=ascii)
def test_names_with_control_characters_are_refused_and_not_repeated(char: str) -> None:
    with pytest.raises(CallerError) as caught:
        literal(f"zqx{char}")

    assert "zqx" not in str(caught.value)
