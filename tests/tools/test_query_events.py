"""Events of an account, against an independent count."""

from typing import Any

import pytest

from handrail.context import ToolContext
from handrail.errors import CallerError
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
        assert answer.figures.model_dump(exclude={"active_days"}) == counted["period"]
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
    assert answer.summary.startswith("Acme: ")


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


async def test_an_unknown_name_is_an_error_that_says_what_to_do(ctx: ToolContext) -> None:
    with pytest.raises(CallerError, match="find_accounts"):
        await query_events(ctx, account="zzqqxxyy")


async def test_days_without_events_are_no_data_and_not_zero(ctx: ToolContext) -> None:
    answer = await query_events(ctx, account="Acme", from_date="2026-09-01", to_date="2026-09-07")

    assert answer.figures is None
    assert answer.no_data_because
    assert answer.caveats == ["Figures begin on 2026-10-07."]


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
