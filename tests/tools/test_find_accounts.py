"""The book of accounts."""

from typing import Any

import pytest

from handrail.context import ToolContext
from handrail.errors import CallerError
from tools.find_accounts import find_accounts


async def test_users_and_events_of_the_book_equal_an_independent_count(
    ctx: ToolContext, expected: dict[str, Any]
) -> None:
    answer = await find_accounts(ctx, limit=200)

    book = {row.mixpanel_id: row for row in answer.accounts}
    assert len(book) == 25
    for mixpanel_id, counted in expected["accounts"].items():
        row, period = book[mixpanel_id], counted["period"]
        assert (row.total_events, row.unique_users, row.sessions) == (
            period["total_events"],
            period["unique_users"],
            period["sessions"],
        )
    users = [row.unique_users or 0 for row in answer.accounts]
    assert users == sorted(users, reverse=True)


async def test_a_part_of_a_name_finds_its_accounts(ctx: ToolContext) -> None:
    answer = await find_accounts(ctx, query="acme")

    assert [row.name for row in answer.accounts] == ["Acme", "Acme Labs"]


async def test_a_near_spelling_finds_the_account(ctx: ToolContext) -> None:
    answer = await find_accounts(ctx, query="Marigld Helth")

    assert "Marigold Health" in [row.name for row in answer.accounts]


async def test_the_fading_account_leads_the_list_by_decline(ctx: ToolContext) -> None:
    answer = await find_accounts(ctx, sort_by="decline", period="last_7_days", limit=200)

    changes = [row.change_of_events for row in answer.accounts if row.change_of_events is not None]
    assert changes == sorted(changes)
    first = answer.accounts[0]
    assert first.change_of_events is not None
    assert first.change_of_events < 0


async def test_where_no_decline_is_known_the_summary_says_that_names_give_the_order(ctx: ToolContext) -> None:
    answer = await find_accounts(ctx, sort_by="decline", period="last_30_days", limit=200)

    names = [row.name for row in answer.accounts]
    assert names == sorted(names, key=str.casefold)
    assert answer.summary.startswith("25 accounts, by name (decline is not known), ")
    assert any("Nothing to compare with" in each for each in answer.caveats)


async def test_a_feature_that_would_choose_nothing_is_refused_and_one_that_does_is_named(
    ctx: ToolContext,
) -> None:
    with pytest.raises(CallerError, match="uses_feature or never_tried"):
        await find_accounts(ctx, feature="schedule-export")
    with pytest.raises(CallerError, match="Name the feature"):
        await find_accounts(ctx, only="never_tried")

    answer = await find_accounts(ctx, only="never_tried", feature="schedule-export")

    assert "accounts that never tried schedule-export, by users" in answer.summary


async def test_the_pages_of_the_book_hold_every_account_once(ctx: ToolContext) -> None:
    answer = await find_accounts(ctx, limit=10)
    names, showing = [row.name for row in answer.accounts], [answer.showing]
    while answer.cursor:
        answer = await find_accounts(ctx, limit=10, cursor=answer.cursor)
        names += [row.name for row in answer.accounts]
        showing.append(answer.showing)

    assert showing == ["1 to 10 of 25", "11 to 20 of 25", "21 to 25 of 25"]
    assert len(names) == len(set(names)) == 25


async def test_a_cursor_of_another_question_is_refused(ctx: ToolContext) -> None:
    answer = await find_accounts(ctx, limit=10)

    with pytest.raises(CallerError, match="without cursor"):
        await find_accounts(ctx, sort_by="events", limit=10, cursor=answer.cursor)
