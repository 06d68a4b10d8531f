"""Tokens: how they are written, and who is recognised by them."""

import hmac
from typing import Any

import pytest

from handrail.domain.access import Role, Sees
from handrail.engine.access import enough_others, read_tokens, recognise
from handrail.errors import ConfigError

TOKENS = "ana:read:aaaaaaaaaaaaaaaaaaaa, ben:approve:bbbb:bbbbbbbbbbbbbbbb,eve:admin:cccccccccccccccccccc,"


def test_tokens_are_read_with_their_names_and_roles() -> None:
    found = read_tokens(TOKENS)

    assert [(each.name, each.role) for each in found] == [
        ("ana", Role.READ),
        ("ben", Role.APPROVE),
        ("eve", Role.ADMIN),
    ]
    assert found[1].token.get_secret_value() == "bbbb:bbbbbbbbbbbbbbbb"
    assert "aaaa" not in repr(found)


@pytest.mark.parametrize(
    "text",
    [
        ",",
        "ana",
        "ana:read",
        "ana:read:short",
        "ana:owner:aaaaaaaaaaaaaaaaaaaa",
        ":read:aaaaaaaaaaaaaaaaaaaa",
        "a n a:read:aaaaaaaaaaaaaaaaaaaa",
        "ana:read:aaaa aaaa aaaa aaaa aaaa",
        "ana:read:äääääääääääääääääääää",
        "ana:read:aaaaaaaaaaaaaaaaaaaa,ana:admin:bbbbbbbbbbbbbbbbbbbb",
    ],
)
def test_what_is_no_token_is_refused_in_a_line_that_holds_none(text: str) -> None:
    with pytest.raises(ConfigError, match="HANDRAIL_API_TOKENS") as refused:
        read_tokens(text)

    assert "\n" not in str(refused.value)
    assert "aaaa" not in str(refused.value)


def test_a_fourth_part_says_which_accounts_a_token_sees() -> None:
    found = read_tokens(
        "anna:read:aaaaaaaaaaaaaaaaaaaa:csm=Anna Smith| Ben Ode ,"
        "eve:approve:bbbb:bbbbbbbbbbbbbbbb: segment = north"
    )

    assert found[0].sees == Sees(by="csm", values=("Anna Smith", "Ben Ode"))
    assert found[0].token.get_secret_value() == "a" * 20
    assert found[1].sees == Sees(by="segment", values=("north",))
    assert found[1].token.get_secret_value() == "bbbb:bbbbbbbbbbbbbbbb"
    assert [each.sees for each in read_tokens(TOKENS)] == [None, None, None]


@pytest.mark.parametrize("rule", ["csm=", "csm= |", "cms=Anna", "=Anna", "CSM=Anna", "csm=An\x07na"])
def test_a_rule_that_is_none_is_refused_in_a_line_without_the_token(rule: str) -> None:
    with pytest.raises(ConfigError, match=r"HANDRAIL_API_TOKENS, the token of anna: .* csm=NAME") as refused:
        read_tokens(f"anna:read:aaaaaaaaaaaaaaaaaaaa:{rule}")

    assert "aaaa" not in str(refused.value)


@pytest.mark.parametrize("rule", ["csm", "csm:Anna", "csm-Anna"])
def test_a_slip_of_the_pen_makes_no_token_that_sees_all(rule: str) -> None:
    """What follows the colon is the token's then, and nobody has that one."""
    found = read_tokens(f"anna:read:aaaaaaaaaaaaaaaaaaaa:{rule}")

    assert recognise(found, "a" * 20) is None


def test_an_admin_sees_all() -> None:
    with pytest.raises(ConfigError, match="an admin sees all"):
        read_tokens("eve:admin:aaaaaaaaaaaaaaaaaaaa:csm=Anna")


def test_five_others_have_to_stand_behind_a_figure_over_all() -> None:
    assert [enough_others(total, 3) for total in (3, 7, 8, 100)] == [False, False, True, True]


def test_each_role_includes_those_before_it() -> None:
    assert [[one.includes(other) for other in Role] for one in Role] == [
        [True, False, False],
        [True, True, False],
        [True, True, True],
    ]


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("aaaaaaaaaaaaaaaaaaaa", "ana"),
        ("bbbb:bbbbbbbbbbbbbbbb", "ben"),
        ("aaaaaaaaaaaaaaaaaaa", None),
        ("aaaaaaaaaaaaaaaaaaaaa", None),
        ("AAAAAAAAAAAAAAAAAAAA", None),
        ("", None),
        ("\udcff", None),
    ],
)
def test_only_the_whole_token_is_recognised(given: str, name: str | None) -> None:
    found = recognise(read_tokens(TOKENS), given)

    assert (found.name if found else None) == name


def test_every_token_is_compared_in_constant_time_whichever_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    lengths: list[tuple[int, int]] = []
    compare = hmac.compare_digest

    def watched(one: Any, other: Any) -> bool:
        lengths.append((len(one), len(other)))
        return compare(one, other)

    monkeypatch.setattr(hmac, "compare_digest", watched)
    recognise(read_tokens(TOKENS), "aaaaaaaaaaaaaaaaaaaa")

    assert lengths == [(32, 32)] * 3
