"""How a night's mails are shared out."""

from hypothesis import given
from hypothesis import strategies as st

from handrail.engine.blocks import blocks, wave_size

KEYS = st.lists(st.integers(0, 12), max_size=3)


def test_a_block_ends_at_its_size_and_never_inside_an_account() -> None:
    cases = [("a1", ["a"]), ("b1", ["b"]), ("a2", ["a"]), ("c1", ["c"]), ("b2", ["b"]), ("d1", [])]

    assert blocks(cases, 2) == [["a1", "a2"], ["b1", "b2"], ["c1", "d1"]]


def test_accounts_that_share_a_person_stand_in_one_block() -> None:
    cases = [("a", ["a", "ana"]), ("b", ["b"]), ("c", ["c"]), ("ana again", ["c", "ana"])]

    assert blocks(cases, 1) == [["a", "c", "ana again"], ["b"]]


def test_few_cases_are_one_block_and_none_are_none() -> None:
    assert blocks([("a", ["a"]), ("b", ["b"])], 2) == [["a", "b"]]
    assert blocks([], 5) == []


def test_a_wave_is_as_large_as_the_mails_that_may_still_leave_but_a_block_at_least() -> None:
    assert [wave_size(room, 500) for room in (5000, 500, 3, 0, -2)] == [5000, 500, 500, 500, 500]


@given(st.lists(KEYS, max_size=60), st.integers(1, 10))
def test_every_case_is_in_one_block_in_its_order_and_no_key_is_in_two(
    keys: list[list[int]], size: int
) -> None:
    made = blocks(list(enumerate(keys)), size)

    assert sorted(case for block in made for case in block) == list(range(len(keys)))
    assert all(block == sorted(block) and block for block in made)
    assert [block[0] for block in made] == sorted(block[0] for block in made)
    if len(keys) > size:
        homes = [{key for case in block for key in keys[case]} for block in made]
        assert sum(map(len, homes)) == len(set().union(*homes)) if homes else True
