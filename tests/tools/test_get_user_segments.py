"""An account's users by property and cohort, against an independent count."""

from datetime import date
from pathlib import Path

import pytest

from handrail.context import ToolContext
from handrail.errors import CallerError
from handrail.flows.segments import count_users
from tests import oracle_users
from tests.conftest import OpenWith
from tools.get_user_segments import get_user_segments

AS_OF = date(2026, 11, 19)


async def test_groups_of_every_account_equal_an_independent_count(
    ctx: ToolContext, acme_folder: Path
) -> None:
    await count_users(ctx, AS_OF)
    expected = oracle_users.count(acme_folder, AS_OF, ["plan", "role"])

    divided = 0
    for account, one in expected.items():
        answer = await get_user_segments(ctx, account=account)
        groups, other = one["groups"]["role"]
        assert answer.figures is not None
        assert answer.figures.users == one["users"]
        rows = {row.segment: row.users for row in answer.segments if row.by == "role"}
        assert rows == {**groups, **({"(other)": other} if groups and other else {})}, account
        assert all(row.users >= 5 for row in answer.segments)
        divided += bool(rows)
    assert divided > 10


async def test_a_cohorts_members_stand_beside_those_who_are_not_in_it(
    ctx: ToolContext, open_with: OpenWith
) -> None:
    async with open_with(mixpanel_cohorts=("Admins",)) as tracking:
        await count_users(tracking, AS_OF)
        answer = await get_user_segments(tracking, account="Acme", by="admins")
        roles = await get_user_segments(tracking, account="Acme", by="role")

    sizes = {row.segment: row.users for row in roles.segments}
    assert {row.segment: row.users for row in answer.segments} == {
        "in the cohort": sizes["admin"],
        "not in the cohort": sizes["editor"] + sizes["viewer"],
    }
    assert {row.by for row in answer.segments} == {"cohort Admins"}


async def test_a_property_that_is_not_counted_is_refused_with_those_that_are(ctx: ToolContext) -> None:
    await count_users(ctx, AS_OF)

    with pytest.raises(CallerError, match="but by “plan”, “role”"):
        await get_user_segments(ctx, account="Acme", by="team")


async def test_users_that_were_never_counted_are_no_data_with_a_next_step(ctx: ToolContext) -> None:
    answer = await get_user_segments(ctx, account="Acme")

    assert answer.figures is None
    assert answer.segments == []
    assert "sync" in answer.next_step


async def test_a_name_that_fits_two_gets_candidates_and_no_numbers(ctx: ToolContext) -> None:
    await count_users(ctx, AS_OF)

    answer = await get_user_segments(ctx, account="acm")

    assert {each.name for each in answer.candidates} >= {"Acme", "Acme Labs"}
    assert (answer.figures, answer.segments, answer.account) == (None, [], None)
