"""Names in Mixpanel expressions: whatever they hold, they stay one string."""

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.errors import CallerError
from handrail.services.mixpanel.expressions import is_or_contains, literal, of_account, property_of_event
from standin.mixpanel import values
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


ELEMENTS = NAMES | NASTY | st.sampled_from(HOSTILE) | st.integers(-9, 9) | st.booleans() | st.none()


@given(NAMES | NASTY | st.integers(-9, 9) | st.booleans(), ELEMENTS | st.lists(ELEMENTS, max_size=3))
def test_a_value_is_found_alone_or_in_a_list_and_never_inside_a_longer_text(
    wanted: str | int, kept: object
) -> None:
    elements = kept if isinstance(kept, list) else [kept]
    condition = is_or_contains("company_id", wanted).text

    expected = any(type(one) is type(wanted) and one == wanted for one in elements)
    assert (means(condition, company_id=kept) is True) == expected
    assert means(condition) is False


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_found_alone_in_a_list_and_under_a_hostile_property(name: str) -> None:
    for kept in (name, [name], ["other", name]):
        condition = is_or_contains(name, name).text
        assert parse(condition, UTC).value(Row({name: kept})) is True
        assert parse(condition, UTC).value(Row({"other": kept, name: f"{name}x"})) is False


@given(ELEMENTS | st.lists(st.sampled_from([*HOSTILE, "5", 5, "-3", -3, "007", 7, "0", 0]), min_size=1))
def test_an_account_has_the_events_that_a_breakdown_counts_under_its_name(kept: object) -> None:
    counted = values.segments(kept)

    for account in {*counted, *HOSTILE, "5", "-3", "007", "7", "0"}:
        found = means(of_account("company_id", account).text, company_id=kept) is True
        texts = kept if isinstance(kept, list) else [kept]
        if any(isinstance(one, bool) or one is None for one in texts):
            continue  # a truth value or nothing names no account
        assert found == (account in counted)


@pytest.mark.parametrize("char", CONTROLS, ids=ascii)
def test_names_with_control_characters_are_refused_and_not_repeated(char: str) -> None:
    with pytest.raises(CallerError) as caught:
        literal(f"zqx{char}")

    assert "zqx" not in str(caught.value)
