"""One ledger for every process of a project: over real requests to the stand-in."""

import asyncio
from datetime import timedelta

import pytest

from handrail.context import ToolContext
from handrail.errors import ConfigError, NotOffered, RateLimited, UpstreamError
from standin.state import Standin
from tests.conftest import OpenWith
from tools.query_funnel import query_funnel

LIST_FAULT = {"neighbour": "mixpanel", "route": "funnels/list", "fault": "status"}


async def funnels_by_query(ctx: ToolContext) -> None:
    """One counted query."""
    await ctx.mixpanel._wire.send(
        "GET",
        ctx.settings.query_url,
        "/api/query/funnels/list",
        "the list",
        params={"project_id": str(ctx.mixpanel.project_id)},
    )


async def left(ctx: ToolContext) -> int:
    assert ctx.ledger is not None
    return await ctx.ledger.left("query")


async def use_up(ctx: ToolContext) -> None:
    """Ask until this door's share of the hour is gone."""
    for _ in range(await left(ctx)):
        await funnels_by_query(ctx)
    assert await left(ctx) == 0


async def test_a_counted_question_is_in_the_books_and_a_free_one_is_not(ctx: ToolContext) -> None:
    before = await left(ctx)

    await ctx.mixpanel.zone()
    free = await left(ctx)
    await funnels_by_query(ctx)

    assert (free, await left(ctx)) == (before, before - 1)


async def test_our_books_and_mixpanels_agree(ctx: ToolContext, standins: Standin) -> None:
    before = await left(ctx)
    await ctx.people.fetch([ctx.people.key(each) for each in list(standins.profiles)[:5]])
    await ctx.people.fetch(["0" * 64])  # walks over all pages: one question
    await funnels_by_query(ctx)

    assert before - await left(ctx) == sum(each["counted"] for each in standins.requests) == 3


@pytest.mark.parametrize(("status", "error"), [(401, ConfigError), (402, NotOffered), (429, RateLimited)])
async def test_what_mixpanel_gives_back_is_given_back(
    status: int, error: type[Exception], ctx: ToolContext, standins: Standin
) -> None:
    before = await left(ctx)
    standins.faults.add(
        {"neighbour": "mixpanel", "route": "funnels/list", "fault": "status", "status": status}
    )

    with pytest.raises(error):
        await funnels_by_query(ctx)

    assert await left(ctx) == before


async def test_a_failed_query_counts(ctx: ToolContext, standins: Standin) -> None:
    before = await left(ctx)
    standins.faults.add({**LIST_FAULT, "status": 500})

    with pytest.raises(UpstreamError):
        await funnels_by_query(ctx)

    assert await left(ctx) == before - 2, "a 500 is tried once more"


async def test_chat_is_refused_at_once_with_the_time_of_the_next_question(
    ctx: ToolContext, standins: Standin
) -> None:
    await use_up(ctx)
    standins.requests.clear()

    async with asyncio.timeout(5):
        with pytest.raises(RateLimited, match=r"possible in 6[01] minutes, at \d\d:\d\d:\d\d UTC") as refused:
            await funnels_by_query(ctx)

    assert standins.requests == [], "nothing was asked"
    assert 3000 < refused.value.retry_after <= 3610


async def test_the_share_of_chat_is_one_for_all_processes_and_survives_a_restart(
    ctx: ToolContext, open_with: OpenWith
) -> None:
    await funnels_by_query(ctx)
    rest = await left(ctx)

    async with open_with() as another:
        assert await left(another) == rest > 10
        await use_up(another)
        with pytest.raises(RateLimited):
            await funnels_by_query(another)
    with pytest.raises(RateLimited):
        await funnels_by_query(ctx)


async def test_an_hour_later_there_is_room_again(
    ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    await use_up(ctx)

    standins.clock.set(standins.clock.now() + timedelta(hours=1, minutes=1))
    async with open_with(now=ctx.clock.now() + timedelta(hours=1, minutes=1)) as later:
        assert await left(later) == 20
        await funnels_by_query(later)


async def test_many_at_once_never_run_more_than_four(ctx: ToolContext, standins: Standin) -> None:
    await asyncio.gather(*(funnels_by_query(ctx) for _ in range(12)))

    assert sum(each["counted"] for each in standins.requests) == 12
    assert {each["status"] for each in standins.requests} == {200}, "Mixpanel never had to refuse"


async def test_a_refusal_that_names_a_limit_teaches_it(ctx: ToolContext, standins: Standin) -> None:
    standins.faults.add({"neighbour": "mixpanel", "route": "funnels/list", "fault": "rate_limit", "times": 1})
    with pytest.raises(RateLimited):
        await funnels_by_query(ctx)

    async with ctx.store.read() as work:
        project = f"{ctx.settings.query_url}/{ctx.mixpanel.project_id}"
        told = await work.budget.told(project, "query")
    assert told.hourly == 60
    assert told.refused_until is not None
    assert told.refused_until <= ctx.clock.now() + timedelta(minutes=5)


async def test_without_budget_chat_still_answers_from_the_table(ctx: ToolContext, standins: Standin) -> None:
    await use_up(ctx)

    answer = await query_funnel(ctx, account="Acme")

    assert [step.users for step in answer.funnels[0].steps] == [21, 17, 3, 3]


async def test_a_passing_failure_is_tried_again_and_a_lasting_one_is_not(
    ctx: ToolContext, standins: Standin
) -> None:
    standins.faults.add({**LIST_FAULT, "status": 503, "times": 2})
    await funnels_by_query(ctx)
    tries = len(standins.requests)
    standins.requests.clear()
    standins.faults.add({**LIST_FAULT, "status": 400, "times": 2})
    with pytest.raises(Exception, match="status 400"):
        await funnels_by_query(ctx)

    assert tries == 3
    assert len(standins.requests) == 1
