"""Folding groups of users, by hand."""

import random
from datetime import UTC, date, datetime, timedelta
from itertools import chain, combinations
from typing import Any

import pytest

from handrail.domain.segments import AccountUsers, Seen
from handrail.engine.segments import Tally, fold, may_stand_beside, singles_out, values_of

AS_OF = date(2026, 11, 19)


def folded(users: dict[Any, int]) -> tuple[dict[str, int], int]:
    """The groups and the rest; keys are one value or a tuple of values."""
    combined = {
        frozenset(values if isinstance(values, tuple) else [values]): count for values, count in users.items()
    }
    done = fold("role", combined)
    return {group.value: group.users for group in done.groups}, done.other


NOTHING: tuple[dict[str, int], int] = ({}, 0)


def test_groups_of_five_and_more_are_told_and_the_small_ones_are_other_together() -> None:
    users = {"editor": 9, "viewer": 5, "admin": 3, "owner": 2}

    assert folded(users) == ({"editor": 9, "viewer": 5}, 5)


def test_a_small_rest_takes_the_smallest_group_with_it() -> None:
    users = {"editor": 9, "viewer": 8, "auditor": 6, "admin": 3}

    assert folded(users) == ({"editor": 9, "viewer": 8}, 9), "other = 3 would tell that there are 3 admins"


def test_fewer_than_two_groups_are_no_breakdown() -> None:
    assert folded({"editor": 40}) == NOTHING
    assert folded({"editor": 40, "admin": 4}) == NOTHING
    assert folded({"editor": 40, "viewer": 6, "admin": 4}) == NOTHING
    assert folded({}) == NOTHING


def test_users_without_the_property_are_a_group_like_any_other() -> None:
    assert folded({"editor": 9, "(not set)": 7}) == ({"editor": 9, "(not set)": 7}, 0)
    assert folded({"editor": 9, "viewer": 8, "(not set)": 4, "admin": 1}) == ({"editor": 9, "viewer": 8}, 5)


def test_a_user_of_several_small_groups_is_one_user_of_the_rest() -> None:
    users = {"editor": 20, "viewer": 20, ("admin", "owner"): 4, ("admin", "auditor"): 2}

    assert folded(users) == ({"editor": 20, "viewer": 20, "admin": 6}, 6), (
        "6 people, who share one large group"
    )
    assert folded({"editor": 20, "viewer": 20, ("a", "b", "c"): 4, "d": 1}) == (
        {"editor": 20, "viewer": 20},
        5,
    )


def test_the_difference_of_a_group_to_the_whole_is_no_small_group_either() -> None:
    users = {("editor", "viewer"): 6, "editor": 10, "viewer": 3}

    assert folded(users) == NOTHING, "19 users less 16 editors would tell that 3 are viewers only"


def test_what_two_groups_have_in_common_is_no_small_group_either() -> None:
    users = {("editor", "viewer"): 2, "editor": 10, "viewer": 9}

    assert folded(users) == NOTHING, "12 and 11 of 21 users would tell that 2 are both"


@pytest.mark.parametrize(
    "value",
    ["ada@vendor.example", "https://vendor.example/u/1", "4915551234567", "+49 155 512 345", "10.1.2.3",
     "550e8400-e29b-41d4-a716-446655440000", "5f2b9c01aa77de11", "Zx81Kq0Pw73LmN5rT2uV"],
)  # fmt: skip
def test_a_value_that_points_at_somebody_is_never_told_however_many_share_it(value: str) -> None:
    assert folded({"editor": 9, "viewer": 9, value: 30}) == ({"editor": 9, "viewer": 9}, 30)


def test_more_than_twenty_values_are_a_rest() -> None:
    users = {f"team {number:02}": 30 - number for number in range(25)}

    groups, other = folded(users)

    assert list(groups) == [f"team {number:02}" for number in range(20)]
    assert other == 10 + 9 + 8 + 7 + 6


@pytest.mark.parametrize(
    ("raw", "values"),
    [
        ("admin", {"admin"}),
        (["admin", "admin", "owner"], {"admin", "owner"}),
        ([True, 5, 5.0, 2.5], {"true", "5", "2.5"}),
        (None, {"(not set)"}),
        ("", {"(not set)"}),
        ([], {"(not set)"}),
        ({"a": 1}, {"(not set)"}),
        ("two\nlines\u202e", {"two lines"}),
    ],
)
def test_values_are_texts_each_once(raw: object, values: set[str]) -> None:
    assert values_of(raw) == values


def tally(seen: dict[str, tuple[int, int]], profiles: list[str], active_since: int = 60) -> AccountUsers:
    """Users of an account; days are counted back from the last one: (first, last) activity."""
    known = {
        user: Seen(first=AS_OF - timedelta(first), last=AS_OF - timedelta(last))
        for user, (first, last) in seen.items()
    }
    users = Tally([], known, AS_OF)
    for user in profiles:
        users.add(user, {})
    return users.result("account", AS_OF - timedelta(active_since), datetime(2026, 11, 20, tzinfo=UTC))


def test_activity_is_told_by_days_of_events() -> None:
    seen = {"daily": (50, 0), "week": (6, 6), "past": (50, 7), "late": (50, 13), "quiet": (40, 14)}
    seen |= {"month": (45, 29), "gone": (50, 30), "without profile": (3, 29)}

    users = tally(seen, ["daily", "week", "past", "late", "quiet", "month", "gone", "never"])

    assert users.users == 8
    assert users.active_7_days == 2
    assert users.active_30_days == 6
    assert users.new_7_days == 1
    assert users.quiet_14_days == 3
    assert users.never_active == 1
    assert users.active_without_profile == 1


def test_a_user_who_comes_twice_counts_once() -> None:
    users = Tally(["role"], {}, AS_OF)
    for number in range(20):
        users.add(f"user {number % 10}", {"role": "editor" if number % 2 else "viewer"})

    done = users.result("account", AS_OF, datetime(2026, 11, 20, tzinfo=UTC))

    assert done.users == 10
    assert [(group.value, group.users) for group in done.breakdowns[0].groups] == [
        ("editor", 5),
        ("viewer", 5),
    ]


def test_nobody_is_called_new_where_too_few_days_before_are_known() -> None:
    assert tally({"week": (1, 0)}, ["week"], active_since=35).new_7_days is None
    assert tally({"week": (1, 0)}, ["week"], active_since=36).new_7_days == 1


Person = dict[str, str]
SPLITS = ("plan", "role", "Insiders")


def company(seed: int) -> tuple[dict[str, Person], dict[str, int]]:
    """People with a plan, a role that often follows from it, a cohort that often follows from the role; and
    how many days ago each was active last (not in it: never)."""
    chance = random.Random(seed)
    people, last = {}, {}
    for number in range(chance.randint(10, 70)):
        plan = chance.choice(["free", "pro", "pro", "pro"])
        role = chance.choice(["editor", "editor", "viewer", "admin"]) if plan == "pro" else "viewer"
        inside = role in ("editor", "admin") if chance.random() < 0.97 else chance.random() < 0.5
        people[f"user {number}"] = {"plan": plan, "role": role, "Insiders": "in" if inside else "not in"}
        if chance.random() < 0.9:
            last[f"user {number}"] = chance.choice([0, 3, 10, 20, 40])
    return people, last


def counted(people: dict[str, Person], last: dict[str, int]) -> AccountUsers:
    seen = {
        user: Seen(first=AS_OF - timedelta(90), last=AS_OF - timedelta(ago)) for user, ago in last.items()
    }
    insiders = {user for user, each in people.items() if each["Insiders"] == "in"}
    users = Tally(SPLITS[:2], seen, AS_OF, {"Insiders": insiders})
    for user, profile in people.items():
        users.add(user, profile)
    return users.result("account", AS_OF - timedelta(90), datetime(2026, 11, 20, tzinfo=UTC))


def told_sets(people: dict[str, Person], last: dict[str, int], told: AccountUsers) -> list[list[set[str]]]:
    """Who stands behind each number that is told, a list for each figure of each split."""
    active = {user for user, ago in last.items() if ago < 30}
    quiet = {user for user, ago in last.items() if ago >= 14}
    found = []
    for split in told.breakdowns:
        groups = [
            {user for user, each in people.items() if group.value.startswith(each[split.property])
             and ("not" in group.value) == ("not" in each[split.property])}
            for group in split.groups
        ]  # fmt: skip
        found.append(groups)
        for name, who in (("active_30_days", active), ("quiet_14_days", quiet)):
            figures = [getattr(group, name) for group in split.groups]
            if None not in figures:
                assert figures == [len(group & who) for group in groups]
                found.append([group & who for group in groups])
        assert [group.users for group in split.groups] == list(map(len, groups))
    return [family for family in found if family]


@pytest.mark.parametrize("seed", range(150))
def test_no_two_numbers_that_are_told_can_be_subtracted_to_single_somebody_out(seed: int) -> None:
    people, last = company(seed)
    told = counted(people, last)
    families = told_sets(people, last, told)

    wholes = [set(people), *chain(*families)]
    for family in families:
        subsets = chain.from_iterable(combinations(family, n) for n in range(1, len(family) + 1))
        for some in subsets:
            together = set().union(*some)
            assert not 0 < len(together) < 5
            for whole in wholes:
                if together < whole:
                    assert len(whole - together) >= 5, (len(whole), [len(each) for each in some])


def test_there_is_much_to_tell_in_such_companies() -> None:
    told = [counted(*company(seed)) for seed in range(150)]

    assert sum(any(each.groups for each in one.breakdowns) for one in told) > 75
    assert any(sum(bool(each.groups) for each in one.breakdowns) > 1 for one in told)
    assert any(group.active_30_days for one in told for each in one.breakdowns for group in each.groups)


def test_a_group_that_another_property_cuts_by_a_few_people_hides_that_property() -> None:
    people = {f"e{n}": {"plan": "pro", "role": "editor", "Insiders": "in"} for n in range(12)}
    people |= {f"v{n}": {"plan": "free", "role": "viewer", "Insiders": "not in"} for n in range(9)}
    people |= {f"a{n}": {"plan": "pro", "role": "viewer", "Insiders": "in"} for n in range(2)}

    plan, role, cohort = counted(people, {}).breakdowns

    assert {group.value: group.users for group in plan.groups} == {"pro": 14, "free": 9}
    assert role.groups == (), "14 on pro less 12 editors would tell of the two who are on pro and view"
    assert {group.value: group.users for group in cohort.groups} == {
        "in the cohort": 14,
        "not in the cohort": 9,
    }


def test_sets_are_compared_by_what_one_leaves_of_the_other() -> None:
    first_ten, first_twelve, last_ten = (1 << 10) - 1, (1 << 12) - 1, ((1 << 10) - 1) << 20

    assert singles_out([[first_ten], [first_twelve]], [])
    assert not singles_out([[first_ten], [last_ten]], [])
    assert singles_out([[first_ten]], [first_twelve])
    assert singles_out([[0b111]], [])


@pytest.mark.parametrize(
    ("part", "whole", "told"),
    [
        ((20, 10), (40, 20), True),
        ((20, 0), (40, 0), True),
        ((20, 10), (22, 15), False),
        ((20, 3), (40, 20), False),
        ((20, 17), (40, 30), False),
        ((20, 10), (40, 12), False),
        ((20, 10), (20, 10), True),
    ],
)
def test_a_groups_funnel_stands_beside_the_whole_where_no_few_people_are_between(
    part: tuple[int, int], whole: tuple[int, int], told: bool
) -> None:
    assert may_stand_beside(part, whole) is told
