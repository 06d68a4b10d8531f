"""A night's bulk as one message batch, over HTTP: half the price, paid once, and never waited for in vain."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from agent import writing
from handrail.context import ToolContext
from handrail.domain.struggles import Signature
from handrail.domain.tutorials import Style, Tutorial
from handrail.flows.writing import BULK_FROM
from handrail.services.model import bulk
from standin.state import Standin
from tests.handrail.services.test_model_money import spent
from tests.handrail.services.test_writer import fault, opened


def wanted(ctx: ToolContext, count: int = 16) -> list[tuple[Signature, Style]]:
    found = [
        Signature(feature=feature.slug, stuck_step=step.id, reason="", band="never")
        for feature in ctx.kb.features()
        for step in feature.steps
    ]
    return [(each, "plain") for each in found[:count]]


def asked(standins: Standin) -> Counter[str]:
    """Requests that cost money, by what they are."""
    posted = [each["path"] for each in standins.requests if each["method"] == "POST"]
    return Counter(path.rsplit("/", 1)[-1] for path in posted if "/anthropic" in path)


def sources(tutorials: Mapping[tuple[str, Style], Tutorial]) -> Counter[str]:
    return Counter(each.source for each in tutorials.values())


async def test_many_texts_are_one_batch_at_half_the_price(empty_ctx: ToolContext, standins: Standin) -> None:
    tutorials = await writing.write(empty_ctx, wanted(empty_ctx))

    assert sources(tutorials) == {"model": 16}
    assert asked(standins) == {"batches": 1}
    kept = await spent(empty_ctx)
    assert kept.calls == 16
    used = kept.usage
    assert kept.usd == pytest.approx(
        (
            0.10 * used.input_tokens
            + 0.125 * used.cache_write_tokens
            + 0.01 * used.cache_read_tokens
            + 0.50 * used.output_tokens
        )
        / 2_000_000
    )


async def test_each_text_is_asked_for_with_the_passages_and_the_results_of_its_feature_and_no_tools(
    empty_ctx: ToolContext, standins: Standin
) -> None:
    await writing.write(empty_ctx, wanted(empty_ctx))

    for prompt in standins.prompts:
        body = prompt["body"]
        read, task = body["messages"][0]["content"]
        assert "tools" not in body
        assert f'"feature": "{task["text"].split(chr(34))[7]}"' in task["text"]
        assert read["cache_control"] == {"type": "ephemeral"}
        assert '"passages"' in read["text"]


async def test_what_tasks_of_a_feature_share_is_cached(empty_ctx: ToolContext) -> None:
    await writing.write(empty_ctx, wanted(empty_ctx))

    used = (await spent(empty_ctx)).usage
    assert used.cache_read_tokens > 2 * used.cache_write_tokens, "four features with four texts each"


async def test_a_few_texts_are_asked_for_one_by_one(empty_ctx: ToolContext, standins: Standin) -> None:
    tutorials = await writing.write(empty_ctx, wanted(empty_ctx, BULK_FROM - 1))

    assert sources(tutorials) == {"model": BULK_FROM - 1}
    assert asked(standins) == {"messages": 2 * (BULK_FROM - 1)}


async def test_a_batch_that_is_not_ready_in_time_is_called_off_and_the_texts_are_asked_for_one_by_one(
    standins: Standin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "FIRST_PAUSE", 0.02)
    fault(standins, "batch_slow")
    async with opened(standins, tmp_path, model_batch_minutes=0.005) as ctx:
        tutorials = await writing.write(ctx, wanted(ctx))

    assert sources(tutorials) == {"model": 16}
    assert asked(standins) == {"batches": 1, "cancel": 1, "messages": 32}


async def test_a_batch_that_was_waited_for_when_the_process_died_is_fetched_and_not_paid_again(
    standins: Standin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "FIRST_PAUSE", 0.02)
    fault(standins, "batch_slow")
    async with opened(standins, tmp_path) as ctx:
        dying = asyncio.create_task(writing.write(ctx, wanted(ctx)))
        while not any(each["method"] == "GET" for each in standins.requests):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        dying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await dying
    standins.faults.clear()

    async with opened(standins, tmp_path) as again:
        tutorials = await writing.write(again, wanted(again))
        kept = await spent(again)

    assert sources(tutorials) == {"model": 16}
    assert asked(standins) == {"batches": 1}
    assert (kept.calls, kept.usage.output_tokens > 0) == (16, True)


async def test_a_text_that_the_batch_did_not_bring_is_asked_for_alone_and_costs_once(
    empty_ctx: ToolContext, standins: Standin
) -> None:
    fault(standins, "errored", times=1)
    fault(standins, "expired", times=1)

    tutorials = await writing.write(empty_ctx, wanted(empty_ctx))

    assert sources(tutorials) == {"model": 16}
    assert asked(standins) == {"batches": 1, "messages": 4}
    assert (await spent(empty_ctx)).calls == 14 + 4


async def test_a_service_that_takes_no_batches_is_asked_text_by_text(
    empty_ctx: ToolContext, standins: Standin
) -> None:
    standins.faults.add(
        {"neighbour": "anthropic", "route": "/batches", "fault": "status", "status": 404, "body": {}}
    )

    tutorials = await writing.write(empty_ctx, wanted(empty_ctx))

    assert sources(tutorials) == {"model": 16}
    assert (await spent(empty_ctx)).calls == 32


async def test_a_batch_is_no_larger_than_the_money(standins: Standin, tmp_path: Path) -> None:
    async with opened(standins, tmp_path, model_budget_usd=0.015) as ctx:
        tutorials = await writing.write(ctx, wanted(ctx))
        total = (await spent(ctx)).usd

    [batch] = standins.batches.values()
    assert 1 < len(batch["requests"]) < 16
    assert total <= 0.015
    assert sum(sources(tutorials).values()) == 16


async def test_without_patience_there_is_no_batch(standins: Standin, tmp_path: Path) -> None:
    async with opened(standins, tmp_path, model_batch_minutes=0) as ctx:
        await writing.write(ctx, wanted(ctx))

    assert asked(standins) == {"messages": 32}


async def test_a_draft_of_a_batch_passes_the_same_gate(empty_ctx: ToolContext, standins: Standin) -> None:
    fault(standins, "inventive")

    tutorials = await writing.write(empty_ctx, wanted(empty_ctx))

    assert sources(tutorials) == {"document": 16}
    assert all("a step id is not in the document" in each.refused_because for each in tutorials.values())
