"""Events of an account, against an independent count."""

from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from handrail.context import ToolContext
from handrail.errors import CallerError
from tests import databases
from tests.conftest import OpenWith
from tests.oracle_reading import Event, read
from tools.find_accounts import find_accounts
from tools.query_events import query_events


async def test_events_of_every_account_equal_an_independent_count(
    ctx: ToolContext, expected: dict[str, Any]
) -> None:
    assert len(expected["accounts"]) >= 20
    for mixpanel_id, counted in expected["accounts"].items():
        answer = await query_events(ctx, account=mixpanel_id)

        assert answer.figures is not None
        assert answer.account is not None
        assert answer.account.mixpanel_id == mixpanel_id
        assert answer.figures.model_dump(exclude={"active_days", "days"}) == counted["period"]
        assert {str(row.day): row.total_events for row in answer.by_day} == {
            day: figures["total_events"] for day, figures in counted["days"].items()
        }
        assert answer.heatmap == counted["heatmap"]
        tops = [[row.event, row.total] for row in answer.top_events]
        assert tops == counted["top_events"][: len(tops)]


async def test_the_answer_names_account_dates_zone_and_age(ctx: ToolContext) -> None:
    answer = await query_events(ctx, account="acme")

    assert answer.account is not None
    assert answer.period is not None
    assert answer.account.name == "Acme"
    assert (str(answer.period.from_date), str(answer.period.to_date)) == ("2026-10-21", "2026-11-19")
    assert answer.period.zone == "America/New_York"
    assert answer.as_of is not None
    assert answer.summary.startswith("“Acme”: ")


async def test_acme_is_not_acme_labs(ctx: ToolContext, expected: dict[str, Any]) -> None:
    acme = await query_events(ctx, account="Acme")
    labs = await query_events(ctx, account="Acme Labs")

    assert acme.figures is not None
    assert labs.figures is not None
    assert acme.figures.total_events == expected["accounts"]["acct_1001"]["period"]["total_events"]
    assert labs.figures.total_events == expected["accounts"]["acct_1002"]["period"]["total_events"]


async def test_a_name_that_fits_two_gets_candidates_and_no_numbers(ctx: ToolContext) -> None:
    answer = await query_events(ctx, account="acm")

    assert {each.name for each in answer.candidates} >= {"Acme", "Acme Labs"}
    assert answer.candidates[0].name == "Acme"
    assert answer.figures is None
    assert answer.account is None
    assert answer.by_day == []


async def test_of_two_accounts_of_one_name_nobody_says_that_none_is_called_so(ctx: ToolContext) -> None:
    with databases.tables(ctx.settings.data_dir) as database:
        database.execute("update customers set name = 'Acme' where mixpanel_group_id = 'acct_1002'")

    answer = await query_events(ctx, account="acme")

    assert {each.mixpanel_id for each in answer.candidates} == {"acct_1001", "acct_1002"}
    assert answer.summary.startswith("2 accounts are called exactly 'acme'. Which one is meant: ")


async def test_an_unknown_name_is_an_error_that_says_what_to_do(ctx: ToolContext) -> None:
    with pytest.raises(CallerError, match="find_accounts"):
        await query_events(ctx, account="zzqqxxyy")


async def test_days_that_were_never_read_are_not_told_as_days_without_events(ctx: ToolContext) -> None:
    answer = await query_events(ctx, "Acme", from_date="2026-08-01", to_date="2026-08-31")

    assert "no events" not in answer.summary
    assert answer.no_data_because == "These days were not read: figures begin on 2026-10-07."


async def test_days_without_events_are_no_data_and_not_zero(ctx: ToolContext) -> None:
    answer = await query_events(ctx, account="Acme", from_date="2026-09-01", to_date="2026-09-07")

    assert answer.figures is None
    assert answer.no_data_because
    assert answer.caveats == ["Figures begin on 2026-10-07."]


async def test_where_no_event_names_an_account_the_answer_says_which_setting_does(ctx: ToolContext) -> None:
    with databases.tables(ctx.settings.data_dir) as database:
        database.execute("delete from mixpanel_metrics")

    answer = await query_events(ctx, account="Acme")

    assert answer.figures is None
    assert "HANDRAIL_MIXPANEL_ACCOUNT_PROPERTY" in answer.no_data_because
    assert "None" not in answer.no_data_because


async def test_between_the_projects_midnight_and_the_next_night_an_unread_day_is_no_fall(
    ctx: ToolContext, open_with: OpenWith
) -> None:
    night = await query_events(ctx, account="Acme", period="last_7_days")
    async with open_with(now=ctx.clock.now() + timedelta(hours=8)) as morning:
        later = await query_events(morning, account="Acme", period="last_7_days")
        book = await find_accounts(morning, period="last_7_days")

    assert later.period == book.period == night.period
    assert later.change_of_events == night.change_of_events
    assert later.caveats == []


async def test_a_change_is_only_told_against_a_period_that_the_figures_cover(ctx: ToolContext) -> None:
    month = await query_events(ctx, account="Acme")
    week = await query_events(ctx, account="Acme", period="last_7_days")

    assert month.change_of_events is None, "figures begin 14 days before these 30"
    assert week.change_of_events is not None


async def test_today_is_not_complete(ctx: ToolContext) -> None:
    with pytest.raises(CallerError, match="not complete"):
        await query_events(ctx, account="Acme", from_date="2026-11-19", to_date="2026-11-20")


async def test_before_the_first_sync_the_next_step_is_named(empty_ctx: ToolContext) -> None:
    with pytest.raises(CallerError, match="handrail sync"):
        await query_events(empty_ctx, account="Acme")


async def test_users_of_an_event_count_once_over_the_whole_period(
    ctx: ToolContext, acme_folder: Path
) -> None:
    users: dict[str, set[str]] = defaultdict(set)
    for event in read(acme_folder).events:
        if "acct_1001" in event.accounts and date(2026, 10, 21) <= event.day <= date(2026, 11, 19):
            users[event.name].add(event.user)

    answer = await query_events(ctx, account="Acme")

    assert len(answer.top_events) > 10
    assert {row.event: row.users for row in answer.top_events}.items() <= {
        name: len(each - {""}) for name, each in users.items()
    }.items()


async def test_a_breakdown_shows_groups_of_five_users_and_folds_the_others(
    ctx: ToolContext, acme_folder: Path
) -> None:
    answer = await query_events(ctx, account="Acme", breakdown="$browser")
    had: dict[str, list[Event]] = defaultdict(list)
    for event in read(acme_folder).events:
        if "acct_1001" in event.accounts and date(2026, 10, 21) <= event.day <= date(2026, 11, 19):
            had[event.properties["$browser"]].append(event)
    users = {browser: len({event.user for event in events} - {""}) for browser, events in had.items()}
    large = {browser: (len(had[browser]), count) for browser, count in users.items() if count >= 5}

    shown = {row.value: (row.total, row.users) for row in answer.breakdown if row.value != "(other)"}
    assert shown
    assert shown.items() <= large.items()
    assert answer.figures is not None
    assert sum(row.total for row in answer.breakdown) == answer.figures.total_events
    assert (answer.breakdown[-1].value == "(other)") == any("(other)" in caveat for caveat in answer.caveats)


async def test_no_small_group_is_shown_in_any_account_whatever_the_property(ctx: ToolContext) -> None:
    async with ctx.store.read() as work:
        accounts = await work.accounts.all()
    seen = 0
    for account in accounts:
        for name in ("$browser", "$os", "mp_country_code"):
            answer = await query_events(ctx, account=account.id, breakdown=name)
            groups = [row for row in answer.breakdown if row.value != "(other)"]
            seen += len(groups)
            assert all(row.users is not None and row.users >= 5 for row in groups)
    assert seen > 30


async def test_users_of_events_older_than_thirty_days_are_not_told(ctx: ToolContext) -> None:
    answer = await query_events(ctx, account="Acme", from_date="2026-10-15", to_date="2026-11-19")

    assert {row.users for row in answer.top_events[:5]} == {None}


async def test_a_property_that_is_not_counted_is_refused_with_those_that_are(ctx: ToolContext) -> None:
    with pytest.raises(CallerError, match=r"\$browser, \$os, mp_country_code"):
        await query_events(ctx, account="Acme", breakdown="$city")
