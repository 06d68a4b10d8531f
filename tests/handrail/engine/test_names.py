"""Finding an account: exactly one by its name or ids, else candidates and never a guess."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.domain.accounts import Account
from handrail.engine.names import match


def account(number: int, name: str, domain: str = "") -> Account:
    return Account(id=f"id-{number}", mixpanel_id=f"acct_{number}", name=name, domain=domain)


ACME = account(1, "Acme", "acme.example")
LABS = account(2, "Acme Labs")
MOLLER = account(3, "Møller & Sønner")
HALDEN = account(4, "Halden Freight", "halden-freight.example")
TWIN = account(5, "Northwind")
OTHER_TWIN = account(6, "northwind")
ALL = [ACME, LABS, MOLLER, HALDEN, TWIN, OTHER_TWIN]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("Acme", ACME),
        ("ACME", ACME),
        ("  acme ", ACME),
        ("id-1", ACME),
        ("acct_1", ACME),
        ("acme.example", ACME),
        ("ACME.example", ACME),
        ("acme labs", LABS),
        ("MØLLER & SØNNER", MOLLER),
        ("Northwind", TWIN),
        ("northwind", OTHER_TWIN),
    ],
)
def test_name_id_or_domain_name_exactly_one_account(asked: str, found: Account) -> None:
    assert match(asked, ALL) == found


def test_a_mixpanel_id_counts_in_its_own_case_only() -> None:
    assert match("ACCT_1", [ACME]) != ACME


def test_a_name_that_two_accounts_share_gives_both_and_neither() -> None:
    assert match("NORTHWIND", ALL) == [TWIN, OTHER_TWIN]


def test_an_account_that_is_named_like_the_id_of_another_does_not_stand_in_for_it() -> None:
    impostor = account(7, "acct_1")

    assert match("acct_1", [impostor, ACME]) == [impostor, ACME]


def test_an_empty_domain_is_no_name() -> None:
    assert match("", ALL) == []


@pytest.mark.parametrize(
    ("asked", "first"),
    [("Halden", HALDEN), ("halden frieght", HALDEN), ("moller sonner", MOLLER)],
)
def test_what_is_only_similar_gives_candidates_best_first(asked: str, first: Account) -> None:
    found = match(asked, ALL)

    assert isinstance(found, list)
    assert found[0] == first


def test_even_one_candidate_is_a_candidate_and_no_answer() -> None:
    assert match("Halden", [HALDEN, MOLLER]) == [HALDEN]


@pytest.mark.parametrize("asked", ["Zzyzx", "", "   ", "!!!", "🙂"])
def test_what_resembles_nobody_gives_no_candidates(asked: str) -> None:
    assert match(asked, ALL) == []


def test_there_are_at_most_five_candidates() -> None:
    many = [account(number, f"Harbour Group {number}") for number in range(9)]
    same = [account(number, "Harbour") for number in range(9)]

    near = match("Harbour Gruop", many)
    equal = match("harbour", same)

    assert isinstance(near, list)
    assert isinstance(equal, list)
    assert (len(near), len(equal)) == (5, 5)


@given(asked=st.text(max_size=20), names=st.lists(st.text(min_size=1, max_size=12), max_size=5))
def test_one_account_is_answered_only_where_it_was_named(asked: str, names: list[str]) -> None:
    accounts = [account(number, name) for number, name in enumerate(names)]

    found = match(asked, accounts)

    if isinstance(found, Account):
        wanted = asked.strip()
        assert wanted in (found.id, found.mixpanel_id) or found.name.casefold() == wanted.casefold()
    else:
        assert len(found) <= 5
        assert all(each in accounts for each in found)
