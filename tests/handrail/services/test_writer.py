"""The writing stage: a draft, or in our words why there is none, whatever the model and its service do."""

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from handrail.context import ToolContext, open_context
from handrail.domain.struggles import Signature
from handrail.domain.tutorials import Task
from handrail.engine.grounding import problems
from handrail.services.model import writer
from handrail.services.model.asking import Written
from standin.state import Standin
from tests.conftest import settings_for
from tools._server import reading_client

SIGNATURE = Signature(
    feature="connect-data-source", stuck_step="credentials", reason="ip_not_allowed", band="never"
)


@contextlib.asynccontextmanager
async def opened(state: Standin, folder: Path, **changes: Any) -> AsyncIterator[ToolContext]:
    async with open_context(settings_for(state, folder / "data", **changes)) as ctx:
        yield ctx


async def written(ctx: ToolContext, signature: Signature = SIGNATURE) -> Written:
    async with reading_client(ctx) as catalogue:
        return await ctx.writer.write(Task(signature, "plain"), catalogue)


def fault(standins: Standin, name: str, **details: Any) -> None:
    standins.faults.add({"neighbour": "anthropic", "route": "/messages", "fault": name, **details})


async def test_a_draft_is_written_from_the_document_in_two_calls(
    empty_ctx: ToolContext, standins: Standin
) -> None:
    found = await written(empty_ctx)

    assert found.problem == ""
    assert found.draft is not None
    assert found.draft.feature == "connect-data-source"
    assert [step.step for step in found.draft.steps] == ["credentials", "finish"]
    assert problems(found.draft, empty_ctx.kb.feature("connect-data-source")) == []
    assert found.calls == len(standins.prompts) == 2
    assert found.usage.input_tokens + found.usage.cache_write_tokens > 1000
    assert found.usage.output_tokens > 50


@pytest.mark.parametrize(
    ("name", "problem", "calls"),
    [
        ("refuse", "the model refused", 1),
        ("truncate", "the model's answer was cut off", 2),
        ("nonsense", "the model's answer was no tutorial", 2),
        ("wrong_shape", "the model's answer was no tutorial", 2),
        ("loop", "the model did not finish within 5 turns", 5),
        ("unknown_tool", "the model did not finish within 5 turns", 5),
    ],
)
async def test_what_goes_wrong_with_the_model_is_said_and_leaves_no_draft(
    empty_ctx: ToolContext, standins: Standin, name: str, problem: str, calls: int
) -> None:
    fault(standins, name)

    found = await written(empty_ctx)

    assert (found.draft, found.problem, found.calls) == (None, problem, calls)


async def test_a_tool_that_is_not_offered_is_answered_with_an_error_and_the_task_goes_on(
    empty_ctx: ToolContext, standins: Standin
) -> None:
    fault(standins, "unknown_tool", times=1)

    found = await written(empty_ctx)

    [results] = [message for message in found.messages if message["role"] == "user"][1:]
    assert [(block["is_error"], block["content"]) for block in results["content"]] == [
        (True, "There is no such tool here.")
    ]
    assert found.calls == 2


async def test_a_draft_with_invented_steps_is_handed_on_and_does_not_pass_the_gate(
    empty_ctx: ToolContext, standins: Standin
) -> None:
    fault(standins, "inventive")

    found = await written(empty_ctx)

    assert found.draft is not None
    assert "a step id is not in the document" in problems(
        found.draft, empty_ctx.kb.feature("connect-data-source")
    )


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413])
async def test_a_refusal_of_the_service_is_told_by_its_status_alone(
    empty_ctx: ToolContext, standins: Standin, status: int
) -> None:
    body = {"type": "error", "error": {"type": "zqx", "message": "key sk-test of ana@acme.example"}}
    fault(standins, "status", status=status, body=body)

    found = await written(empty_ctx)

    assert (found.draft, found.problem) == (None, f"the model's service answered with status {status}")
    assert len(standins.requests) == 1


@pytest.mark.parametrize("body", ["busy", {}, {"type": "message"}, [], None, {"content": None, "usage": {}}])
async def test_a_good_status_without_a_message_is_no_draft(
    empty_ctx: ToolContext, standins: Standin, body: Any
) -> None:
    fault(standins, "status", status=200, body=body)

    assert (await written(empty_ctx)).problem == (
        "the model's service answered with something that is no message"
    )


async def test_arguments_that_the_tool_does_not_take_are_answered_with_an_error(
    empty_ctx: ToolContext, standins: Standin
) -> None:
    call = {"type": "tool_use", "id": "t", "name": "search_feature_docs", "input": {"limit": "many"}}
    usage = {"input_tokens": 1, "output_tokens": 1}
    body = {
        "type": "message",
        "role": "assistant",
        "content": [call],
        "stop_reason": "tool_use",
        "usage": usage,
    }
    fault(standins, "status", status=200, body=body, times=1)

    found = await written(empty_ctx)

    [results] = [message for message in found.messages if message["role"] == "user"][1:]
    assert [block["is_error"] for block in results["content"]] == [True]


async def test_an_overloaded_service_is_asked_once_more(empty_ctx: ToolContext, standins: Standin) -> None:
    fault(standins, "overloaded")

    found = await written(empty_ctx)

    assert (found.draft, found.problem) == (None, "the model's service answered with status 529")
    assert len(standins.requests) == 2


async def test_a_service_that_is_overloaded_for_a_moment_writes_all_the_same(
    empty_ctx: ToolContext, standins: Standin
) -> None:
    fault(standins, "overloaded", times=1)

    found = await written(empty_ctx)

    assert found.problem == ""
    assert found.draft is not None


async def test_a_service_that_asks_for_an_hour_of_patience_is_not_waited_for(
    empty_ctx: ToolContext, standins: Standin
) -> None:
    fault(standins, "status", status=429, headers={"retry-after": "3600"})

    assert (await written(empty_ctx)).problem == "the model's service answered with status 429"
    assert len(standins.requests) == 1


async def test_a_silent_service_is_given_up(standins: Standin, tmp_path: Path) -> None:
    fault(standins, "stall", seconds=0.6)

    async with opened(standins, tmp_path, model_seconds=0.2) as ctx:
        found = await written(ctx)

    assert (found.draft, found.problem, found.calls) == (None, "the model did not finish in time", 0)


async def test_a_service_that_is_down_is_not_asked_for_every_text(standins: Standin, tmp_path: Path) -> None:
    fault(standins, "status", status=402)

    async with opened(standins, tmp_path) as ctx:
        problems = [(await written(ctx)).problem for _ in range(5)]

    assert problems == ["the model's service answered with status 402"] * 3 + [writer.RESTING] * 2
    assert len(standins.requests) == 3


async def test_a_service_that_failed_now_and_then_is_asked_again(
    empty_ctx: ToolContext, standins: Standin
) -> None:
    problems = []
    for fails in (True, True, False, True, True, False):
        if fails:
            fault(standins, "status", status=402, times=1)
        problems.append((await written(empty_ctx)).problem)

    assert writer.RESTING not in problems
    assert problems[2] == problems[5] == ""


@pytest.mark.parametrize("name", ["cut", "answer_lost"])
async def test_an_answer_that_breaks_off_is_no_draft(
    empty_ctx: ToolContext, standins: Standin, name: str
) -> None:
    fault(standins, name)

    assert (await written(empty_ctx)).problem == "the model's service cannot be reached"


async def test_a_service_that_cannot_be_reached_is_said(standins: Standin, tmp_path: Path) -> None:
    async with opened(standins, tmp_path, anthropic_base_url="http://127.0.0.1:9") as ctx:
        assert (await written(ctx)).problem == "the model's service cannot be reached"


async def test_without_a_key_nothing_is_asked(standins: Standin, tmp_path: Path) -> None:
    async with opened(standins, tmp_path, anthropic_api_key=None) as ctx:
        found = await written(ctx)

    assert (found.draft, found.problem, found.calls) == (None, "no model is configured", 0)
    assert standins.requests == []


async def test_the_model_is_offered_the_documents_and_nothing_else(
    empty_ctx: ToolContext, standins: Standin
) -> None:
    await written(empty_ctx)

    for prompt in standins.prompts:
        assert [tool["name"] for tool in prompt["body"]["tools"]] == [
            "get_tutorial_results",
            "search_feature_docs",
        ]


async def test_the_task_holds_ids_and_bands_alone(empty_ctx: ToolContext, standins: Standin) -> None:
    await written(empty_ctx)

    [block] = standins.prompts[0]["body"]["messages"][0]["content"]
    assert json.loads(block["text"]) == {
        "task": "write_tutorial",
        "feature": "connect-data-source",
        "stuck_step": "credentials",
        "main_error": "ip_not_allowed",
        "band": "never",
        "style": "plain",
    }


async def test_no_prompt_holds_an_address_a_name_an_id_or_an_account(
    ctx: ToolContext, standins: Standin
) -> None:
    for feature in ctx.kb.features():
        for step in feature.steps:
            await written(
                ctx, Signature(feature=feature.slug, stuck_step=step.id, reason="other", band="never")
            )

    prompts = json.dumps([prompt["body"] for prompt in standins.prompts], ensure_ascii=False)
    people = [
        str(value)
        for distinct_id, properties in standins.profiles.items()
        for value in (distinct_id, properties.get("$email"), properties.get("$name"))
        if value
    ]
    accounts = [
        value
        for group_id, properties in standins.groups["company_id"].items()
        for value in (group_id, str(properties["$name"]))
    ]
    assert len(standins.prompts) == 2 * 16
    assert len(people) > 1500
    assert len(accounts) > 40
    assert [private for private in people + accounts if private in prompts] == []


async def test_what_was_written_prints_without_the_conversation(empty_ctx: ToolContext) -> None:
    found = await written(empty_ctx)

    assert found.messages
    assert "messages" not in repr(found)
