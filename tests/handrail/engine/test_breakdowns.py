"""Which values may be kept, and which groups are shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.engine.breakdowns import Group, fold, value
from tests import oracle_tables


def group(label: str, total: int, users: str, *, daily: int = 0, whole: bool = True) -> Group:
    marks = frozenset(letter.encode() for letter in users)
    return Group("value", label, total, marks, max(daily, 0), whole)


@pytest.mark.parametrize(
    "raw",
    [
        "ana@acme.example", "ana＠acme.example", "ana%40acme.example", "<ana@acme.example>",
        "+49 170 123 45 67",
        "0d6f2d6f-0e6a-4b0e-9a64-8f8d4b1c7a11", "0D6F2D6F0E6A4B0E9A648F8D4B1C7A11", "1234567890",
        "192.168.0.17",
        "abcdefghijklmnopqrst1", '["Chrome"]', '{"a": 1}',
    ],
)  # fmt: skip
def test_what_looks_like_a_persons_address_or_id_is_never_kept(raw: str) -> None:
    assert value(raw) == ("other", "")


@pytest.mark.parametrize(
    "raw", ["Chrome", "Mac OS X", "119.0.6045.105", "1920", "2026-11-20", "李", "__proto__"]
)
def test_ordinary_values_are_kept_as_they_are(raw: str) -> None:
    assert value(raw) == ("value", raw)


@pytest.mark.parametrize("raw", ["", " ", "\u2028", "\u202e\u200b"])
def test_a_value_with_nothing_to_show_is_not_set(raw: str) -> None:
    assert value(raw) == ("unset", "")


@given(st.text(max_size=140) | st.from_regex(r"[0-9a-fA-F@. +()-]{0,40}"))
def test_any_text_is_kept_or_not_as_the_oracle_says(raw: str) -> None:
    assert value(raw) == oracle_tables.value_of(raw, "somebody else")


def test_of_a_link_its_path_is_kept_and_not_what_follows() -> None:
    assert value("https://app.example/reset?user=ana#x") == ("value", "https://app.example/reset")
    assert value("https://app.example/#ana") == ("value", "https://app.example/")
    assert value("Is it a link?") == ("value", "Is it a link?")


def test_a_group_that_nearly_everybody_is_in_is_not_shown_since_the_others_could_be_counted() -> None:
    groups = [group("a", 90, "abcdefgh"), group("b", 80, "abcdefghij")]

    assert [row.value for row in fold(groups)[0]] == ["b"], "8 of 10 had a: two would be known"
    assert [row.value for row in fold([group("a", 90, "abcde"), groups[1]])[0]] == ["a", "b"]


def test_groups_of_five_users_are_shown_and_smaller_ones_are_counted_together() -> None:
    kept, other = fold(
        [group("a", 50, "abcde"), group("b", 90, "fghij"), group("c", 7, "kl"), group("d", 8, "mno")]
    )

    assert [(row.value, row.total, row.users) for row in kept] == [("b", 90, 5), ("a", 50, 5)]
    assert other == 15


def test_a_small_rest_takes_the_smallest_shown_group_with_it_since_it_could_be_subtracted() -> None:
    kept, other = fold([group("a", 50, "abcdefg"), group("b", 90, "hijkl"), group("c", 7, "mn")])

    assert [row.value for row in kept] == ["a"]
    assert other == 97


def test_a_rest_whose_users_are_the_same_few_everywhere_is_small() -> None:
    kept, other = fold([group("a", 50, "abcde"), *(group(str(n), 1, "ab") for n in range(5))])

    assert (kept, other) == ([], 55)


def test_where_marks_are_gone_the_most_users_of_a_day_decide() -> None:
    kept, other = fold([group("a", 50, "", daily=5, whole=False), group("b", 9, "", daily=4, whole=False)])

    assert (kept, other) == ([], 59), "4 users of b would be told by the difference"
    [row], other = fold([group("a", 50, "", daily=5, whole=False)])
    assert (row.value, row.users, other) == ("a", None, 0)


def test_values_beyond_the_twentieth_are_counted_together() -> None:
    kept, other = fold(group(f"v{n:02}", 100 - n, "abcde") for n in range(25))

    assert [row.value for row in kept] == [f"v{n:02}" for n in range(20)]
    assert other == sum(100 - n for n in range(20, 25))


def test_the_kept_rest_is_never_a_value() -> None:
    rest = group("", 500, "abcdefgh")._replace(kind="other")

    assert fold([rest]) == ([], 500)
