"""Which accounts the value of the account property names, and whose an address is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.domain.accounts import Account
from handrail.engine.accounts import NO_ACCOUNT, account_ids, elsewhere

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
)


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("acct_1", ("acct_1",)),
        (17, ("17",)),
        (-3, ("-3",)),
        (17.0, ("17",)),
        (17.5, ("17.5",)),
        (["b", "a"], ("b", "a")),
        ([1, "1", 1.0], ("1",)),
        (["a", "b", "a"], ("a", "b")),
        (["a", None, "", "undefined", 7], ("a", "7")),
        ("Møller & Sønner", ("Møller & Sønner",)),
    ],
)
def test_strings_numbers_and_lists_of_them_name_accounts_each_once(
    value: object, named: tuple[str, ...]
) -> None:
    assert account_ids(value) == named


@pytest.mark.parametrize(
    "value",
    ["", "undefined", "null", "<null>", "(not set)", "$other", "$overall", "$average", None, [], [None]],
)
def test_what_mixpanel_writes_for_nothing_names_no_account(value: object) -> None:
    assert account_ids(value) == ()
    assert account_ids(["acct_1", value]) == ("acct_1",)


@pytest.mark.parametrize("value", [True, False, {"id": "acct_1"}, [["acct_1"]], [True, {"id": "acct_1"}]])
def test_booleans_objects_and_nested_lists_name_no_account(value: object) -> None:
    assert account_ids(value) == ()


def test_ids_that_differ_in_case_are_two_accounts() -> None:
    assert account_ids(["Acme", "acme"]) == ("Acme", "acme")


@given(ANYTHING)
def test_whatever_arrives_each_id_is_a_string_that_is_named_once(value: object) -> None:
    named = account_ids(value)

    assert len(set(named)) == len(named)
    assert not NO_ACCOUNT & set(named)
    assert all(isinstance(name, str) for name in named)


@given(st.lists(SCALARS, max_size=6))
def test_a_list_names_what_its_elements_name_in_their_order(values: list[object]) -> None:
    one_by_one = [name for value in values for name in account_ids(value)]

    assert list(account_ids(values)) == list(dict.fromkeys(one_by_one))


ACME = Account(id="1", mixpanel_id="acme", name="Acme", domain="acme.example", domains=("Acme.Example.Org",))
GLOBEX = Account(id="2", mixpanel_id="globex", name="Globex", domains=("globex.example",))
NAMELESS = Account(id="3", mixpanel_id="x", name="X")


@pytest.mark.parametrize(
    ("address", "accounts", "found"),
    [
        ("ana@acme.example", [ACME], False),
        ("ana@ACME.example.org", [ACME], False),
        ("ana@globex.example", [ACME], True),
        ("ana@globex.example", [ACME, GLOBEX], False),
        ("ana@sub.acme.example", [ACME], True),
        ("ana@mail.example", [NAMELESS], False),
        ("ana@mail.example", [ACME, NAMELESS], False),
        ("ana@mail.example", [], False),
        ("", [ACME], False),
    ],
)
def test_an_address_is_elsewhere_if_none_of_its_accounts_has_the_domain(
    address: str, accounts: list[Account], found: bool
) -> None:
    assert elsewhere(address, accounts) is found
