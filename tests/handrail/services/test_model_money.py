"""The model's money, over HTTP: booked before it is spent, kept over restarts, never more than the budget."""

from datetime import date
from pathlib import Path

import pytest

from handrail.context import ToolContext
from handrail.domain.spending import Spent
from handrail.domain.struggles import Signature
from handrail.engine import prices
from standin.state import Standin
from tests.handrail.services.test_writer import fault, opened, written

TODAY = date(2026, 11, 21)
OTHER = Signature(feature="connect-data-source", stuck_step="finish", reason="no_tables", band="never")


async def spent(ctx: ToolContext) -> Spent:
    async with ctx.store.read() as work:
        return await work.spending.of_day(TODAY)


async def test_every_call_is_kept_with_its_tokens_and_its_cost(
    empty_ctx: ToolContext, standins: Standin
) -> None:
    found = await written(empty_ctx)

    kept = await spent(empty_ctx)
    assert kept.calls == found.calls == len(standins.prompts) == 2
    assert kept.usage == found.usage
    used = found.usage
    assert kept.usd == pytest.approx(
        (
            0.10 * used.input_tokens
            + 0.125 * used.cache_write_tokens
            + 0.01 * used.cache_read_tokens
            + 0.50 * used.output_tokens
        )
        / 1_000_000
    )


async def test_tools_and_system_prompt_are_cached_for_the_next_text(empty_ctx: ToolContext) -> None:
    first = await written(empty_ctx)
    second = await written(empty_ctx, OTHER)

    assert first.usage.cache_write_tokens > 512, "both calls of the first text share one beginning"
    assert first.usage.cache_read_tokens == first.usage.cache_write_tokens
    assert second.usage.cache_write_tokens == 0
    assert second.usage.cache_read_tokens == 2 * first.usage.cache_write_tokens


async def test_without_money_nothing_is_asked_and_the_reason_is_said(
    standins: Standin, tmp_path: Path
) -> None:
    async with opened(standins, tmp_path, model_budget_usd=0) as ctx:
        found = await written(ctx)

    assert (found.draft, found.problem, found.passing) == (
        None,
        "the model's budget for this day is used up",
        True,
    )
    assert standins.requests == []


async def test_money_that_was_spent_stays_spent_after_a_restart(standins: Standin, tmp_path: Path) -> None:
    async with opened(standins, tmp_path) as ctx:
        assert (await written(ctx)).draft is not None
        used = (await spent(ctx)).usd
    asked = len(standins.requests)

    async with opened(standins, tmp_path, model_budget_usd=used + 0.0001) as again:
        assert (await written(again, OTHER)).problem == "the model's budget for this day is used up"
    assert len(standins.requests) == asked

    async with opened(standins, tmp_path, model_budget_usd=used + 0.1) as richer:
        assert (await written(richer, OTHER)).draft is not None


@pytest.mark.parametrize("name", ["cut", "answer_lost"])
async def test_a_call_without_an_answer_counts_as_the_most_it_could_have_cost(
    empty_ctx: ToolContext, standins: Standin, name: str
) -> None:
    fault(standins, name)

    await written(empty_ctx)

    kept = await spent(empty_ctx)
    assert (kept.calls, kept.usage.output_tokens) == (1, 0)
    assert kept.usd > prices.most("claude-haiku-5-5", 0, 4096)


async def test_a_call_that_the_service_refused_costs_nothing(
    empty_ctx: ToolContext, standins: Standin
) -> None:
    fault(standins, "status", status=400, body={})

    await written(empty_ctx)

    assert await spent(empty_ctx) == Spent()


async def test_no_series_of_texts_costs_more_than_the_budget(standins: Standin, tmp_path: Path) -> None:
    budget = 0.006
    async with opened(standins, tmp_path, model_budget_usd=budget) as ctx:
        results = [
            await written(ctx, Signature(feature=feature.slug, stuck_step=step.id, reason="", band="never"))
            for feature in ctx.kb.features()
            for step in feature.steps
        ]
        total = await spent(ctx)

    assert 0.003 < total.usd <= budget
    assert {each.problem for each in results} == {"", "the model's budget for this day is used up"}


async def test_another_day_has_its_own_money(standins: Standin, tmp_path: Path) -> None:
    fault(standins, "cut", times=2)
    async with opened(standins, tmp_path, model_budget_usd=0.004) as ctx:
        await written(ctx)
        assert (await spent(ctx)).usd > 0.002, "the call that broke off counts as the most"
        assert (await written(ctx)).problem == "the model's budget for this day is used up"

    tomorrow = standins.world.start().replace(day=22)
    async with opened(standins, tmp_path, model_budget_usd=0.004, now=tomorrow) as ctx:
        assert (await written(ctx)).draft is not None
