"""Funnels of an account, against an independent count."""

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import delete

from handrail.context import ToolContext
from handrail.errors import CallerError
from handrail.store.tables import FunnelMeasurement
from standin.state import Standin
from tests.conftest import OpenWith
from tools.query_funnel import FunnelAnswer, query_funnel


def figures(one: FunnelAnswer) -> tuple[object, ...]:
    """What both routes tell: Mixpanel knows no median of the time between steps."""
    return one.funnel, [(step.event, step.users, step.from_previous) for step in one.steps], one.bottleneck


async def forget_funnels(ctx: ToolContext) -> None:
    """Let the next question be asked anew."""
    async with ctx.store.begin() as work:
        await work.funnels._session.exec(delete(FunnelMeasurement))


async def test_every_funnel_of_every_account_equals_an_independent_count(
    ctx: ToolContext, expected: dict[str, Any]
) -> None:
    for mixpanel_id in expected["accounts"]:
        answer = await query_funnel(ctx, account=mixpanel_id)

        counted = {
            funnel["name"]: funnel["accounts"][mixpanel_id]
            for funnel in expected["funnels"]
            if mixpanel_id in funnel["accounts"] and funnel["accounts"][mixpanel_id]["users"][0]
        }
        assert {one.funnel: [step.users for step in one.steps] for one in answer.funnels} == {
            name: figures["users"] for name, figures in counted.items()
        }
        for one in answer.funnels:
            figures = counted[one.funnel]
            assert one.conversion == figures["conversion"]
            assert [step.from_previous for step in one.steps] == figures["step_conversion"]
            bottleneck = one.bottleneck.model_dump() if one.bottleneck else None
            assert bottleneck == figures["bottleneck"]


async def test_the_stuck_account_is_told_where_it_loses_people(ctx: ToolContext) -> None:
    answer = await query_funnel(ctx, account="Acme", funnel="data source")

    (one,) = answer.funnels
    assert [step.users for step in one.steps] == [21, 17, 3, 3]
    assert one.bottleneck is not None
    assert (one.bottleneck.event, one.bottleneck.lost) == ("Source Access Checked", 14)
    assert answer.summary == (
        "“Acme”, 2026-10-21 to 2026-11-19 (America/New_York): “Connect a data source” 14.3% (3 of 21 users)."
    )
    assert one.fleet_median is not None
    assert one.fleet_median > 0.6


async def test_kept_figures_cost_no_query(ctx: ToolContext, standins: Standin) -> None:
    await query_funnel(ctx, account="Acme")

    assert [each["path"] for each in standins.requests if each["counted"]] == []


async def test_between_the_projects_midnight_and_the_next_night_the_last_night_answers(
    ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    async with open_with(now=ctx.clock.now() + timedelta(hours=8)) as morning:
        answer = await query_funnel(morning, account="Acme")

    assert answer.period is not None
    assert answer.period.to_date == date(2026, 11, 19)
    assert [each["path"] for each in standins.requests if each["counted"]] == []


async def test_where_the_last_sync_is_old_mixpanel_is_asked_for_the_days_till_yesterday(
    ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    async with open_with(now=ctx.clock.now() + timedelta(hours=30)) as later:
        answer = await query_funnel(later, account="Acme", funnel="alert")

    assert answer.period is not None
    assert answer.period.to_date == date(2026, 11, 21)
    assert any("Figures reach to 2026-11-19 only" in each for each in answer.caveats)
    assert [each for each in standins.requests if each["counted"]]


async def test_another_period_costs_one_query_a_funnel_for_all_accounts(
    ctx: ToolContext, standins: Standin
) -> None:
    await query_funnel(ctx, account="Acme", funnel="alert", period="last_7_days")
    await query_funnel(ctx, account="Acme Labs", funnel="alert", period="last_7_days")

    assert len([each for each in standins.requests if each["counted"]]) == 1


async def test_each_route_gives_the_same_numbers_and_what_is_not_offered_is_not_asked_again(
    ctx: ToolContext, standins: Standin
) -> None:
    told = []
    for route, refused in (
        ("funnels", "query/funnels"),
        ("insights", "query/insights"),
        ("export", "nothing"),
    ):
        await forget_funnels(ctx)
        answer = await query_funnel(ctx, account="Acme", period="last_7_days")
        assert {one.route for one in answer.funnels} == {route}
        told.append([figures(one) for one in answer.funnels])
        standins.faults.add({"neighbour": "mixpanel", "route": refused, "fault": "status", "status": 402})

    assert told[0] == told[1] == told[2]
    refusals = [each["path"] for each in standins.requests if each["status"] == 402]
    assert [path.rsplit("/", 1)[-1] for path in refusals] == ["funnels", "insights"]


async def test_a_candidate_answer_holds_no_rates(ctx: ToolContext) -> None:
    answer = await query_funnel(ctx, account="acm")

    assert len(answer.candidates) >= 2
    assert answer.funnels == []


async def test_an_unknown_funnel_is_answered_with_the_known_ones(ctx: ToolContext) -> None:
    with pytest.raises(CallerError, match="Connect a data source"):
        await query_funnel(ctx, account="Acme", funnel="checkout")


async def test_asking_mixpanel_gives_what_an_independent_count_gives(
    ctx: ToolContext, expected: dict[str, Any]
) -> None:
    await forget_funnels(ctx)

    different = {}
    for mixpanel_id in expected["accounts"]:
        answer = await query_funnel(ctx, account=mixpanel_id)
        assert {one.route for one in answer.funnels} == {"funnels"}
        for one in answer.funnels:
            counted = next(each for each in expected["funnels"] if each["name"] == one.funnel)["accounts"]
            ours = [step.users for step in one.steps]
            if ours != counted[mixpanel_id]["users"]:
                different[one.funnel, mixpanel_id] = (ours, counted[mixpanel_id]["users"])

    # One person's first step carries the word "undefined", which Mixpanel takes for an account's name.
    assert different == {("Schedule an export", "acct_1008"): ([12, 12, 11, 9], [13, 13, 11, 9])}
