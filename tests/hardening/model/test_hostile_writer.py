"""A model in an attacker's hands: whatever it answers, a mail says and links what the document does."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from itertools import product
from pathlib import Path

import pytest

from agent import writing
from handrail.context import ToolContext, open_context
from handrail.domain.struggles import Signature
from handrail.domain.tutorials import Style, Tutorial
from handrail.flows.deliver import Tokens, mail_of
from handrail.services.people import Contact
from standin.state import Standin
from tests.conftest import settings_for
from tests.hardening.conftest import Promise
from tests.hardening.counts import tried
from tests.hardening.model import outputs
from tests.hardening.model.mails import documents, steps_told, wrong_with
from tests.hardening.model.outputs import CALLS, MESSAGES, Output
from tests.hardening.model.payloads import LINKS

KB = Path(__file__).parents[3] / "kb"
STYLES: tuple[Style, ...] = ("plain", "checklist", "story")
AT_ONCE = 300
"""Texts of one data directory: there are 336 different ones."""


@pytest.fixture
async def writing_ctx(standins: Standin, tmp_path: Path) -> AsyncIterator[ToolContext]:
    async with open_context(settings_for(standins, tmp_path / "data")) as ctx:
        yield ctx


def dictate(standins: Standin, route: str, output: Output) -> None:
    standins.faults.add({"neighbour": "anthropic", "route": route, "fault": "dictated", "times": 1, **output})


def texts(ctx: ToolContext, count: int) -> list[tuple[Signature, Style]]:
    found = [
        (Signature(feature=feature.slug, stuck_step=step.id, reason=hint.reason, band=band), style)
        for feature in ctx.kb.features()
        for step, hint, band, style in product(feature.steps, feature.errors, ("never", "sometimes"), STYLES)
    ]
    return found[:: max(1, len(found) // count)][:count]


async def mailed(ctx: ToolContext, standins: Standin, told: Sequence[Tutorial]) -> list[dict[str, object]]:
    """What SendGrid got of these tutorials, a mail each."""
    standins.mails.clear()
    for number, tutorial in enumerate(told):
        address = f"person{number}@acme.example"
        contact = Contact("k", "id", address, "Ana")
        mail = mail_of(ctx, tutorial, ctx.kb.feature(tutorial.feature), "Ana", Tokens())
        assert (await ctx.mail.send(mail, contact, f"d{number}")).kind == "accepted"
    assert len(standins.mails) == len(told)
    return list(standins.mails)


def some(of: Sequence[Output], count: int) -> list[Output]:
    """So many, spread over all of them."""
    return list(of[:: max(1, len(of) // count)])


async def test_whatever_a_hostile_model_answers_the_mail_is_the_documents(
    standins: Standin, tmp_path: Path, promise: Promise
) -> None:
    every = outputs.refused()
    chosen = some(every, tried(len(every)))
    passed: list[Tutorial] = []
    wrong: list[object] = []
    for at in range(0, len(chosen), AT_ONCE):
        part = chosen[at : at + AT_ONCE]
        async with open_context(settings_for(standins, tmp_path / str(at))) as ctx:
            for output in part:
                dictate(standins, "/batches", output)
            made = list((await writing.write(ctx, texts(ctx, len(part)))).values())
            assert len(made) == len(part)
            passed += [each for each in made if each.source == "model"]
            wrong += wrong_in(await mailed(ctx, standins, made), made)

    assert [(each.subject, each.intro, each.steps[0]) for each in passed] == []
    assert wrong == []
    promise(
        f"hostile model: 0 of {len(chosen)} outputs left a foreign link, image, recipient, header, "
        "markup or step in a mail"
    )


def wrong_in(mails: Sequence[dict[str, object]], told: Sequence[Tutorial]) -> list[object]:
    """What stands in these mails that may not, and steps that are not the document's, by it alone."""
    found: list[object] = []
    known = documents(KB)
    for number, (mail, tutorial) in enumerate(zip(mails, told, strict=True)):
        order = [step["id"] for step in known[tutorial.feature]["steps"]]
        own = order[order.index(tutorial.stuck_step) :]
        found += wrong_with(mail, f"person{number}@acme.example")
        if steps_told(mail, known[tutorial.feature]) != own:
            found.append(mail["text"])
    return found


async def test_tools_that_a_hostile_model_calls_are_not_there_or_only_read(
    writing_ctx: ToolContext, standins: Standin, promise: Promise
) -> None:
    """It then hands in a good text: what it tried has changed nothing."""
    wanted = texts(writing_ctx, len(CALLS))
    for output, (signature, style) in zip(CALLS, wanted, strict=True):
        dictate(standins, "/messages", output)
        drafted = await writing.draft(writing_ctx, signature, style)
        assert drafted.source == "model"

    results = [
        (block["is_error"], len(block["content"]))
        for each in standins.prompts
        for message in each["body"]["messages"]
        if isinstance(message["content"], list)
        for block in message["content"]
        if block.get("type") == "tool_result" and block["tool_use_id"] == "t"
    ]
    async with writing_ctx.store.read() as work:
        assert await work.deliveries.pauses() == []
        assert await work.metrics.last_sync() is None
    assert len(results) == len(CALLS)
    assert [size for is_error, size in results if not is_error or size > 20_000] == []
    assert standins.mails == []
    assert {each["path"].split("/")[1] for each in standins.requests} == {"anthropic"}
    promise(f"hostile model: 0 of {len(CALLS)} calls of tools had an effect or an answer")


@pytest.mark.parametrize("route", ["/messages", "/batches"])
async def test_a_message_of_any_shape_ends_in_a_text_and_never_in_a_crash(
    route: str, writing_ctx: ToolContext, standins: Standin, promise: Promise
) -> None:
    wanted = texts(writing_ctx, len(MESSAGES))
    if route == "/batches":
        for output in MESSAGES:
            dictate(standins, route, output)
        made = list((await writing.write(writing_ctx, wanted)).values())
    else:
        made = []
        for output, (signature, style) in zip(MESSAGES, wanted, strict=True):
            dictate(standins, route, output)
            made.append(await writing.draft(writing_ctx, signature, style))

    async with writing_ctx.store.read() as work:
        spent = await work.spending.of_day(writing_ctx.clock.now().date())
    assert len(made) == len(MESSAGES)
    assert 0 < spent.usd < writing_ctx.settings.model_budget_usd
    assert spent.usage.output_tokens >= 0
    mails = await mailed(writing_ctx, standins, made)
    assert [
        wrong
        for number, mail in enumerate(mails)
        for wrong in wrong_with(mail, f"person{number}@acme.example")
    ] == []
    promise(f"hostile model: {len(MESSAGES)} messages of wrong shapes by {route}: each person had a text")


async def test_one_answer_may_not_call_tools_without_end(writing_ctx: ToolContext, standins: Standin) -> None:
    call = {"type": "tool_use", "name": "search_feature_docs", "input": {}}
    many = [{**call, "id": f"t{number}"} for number in range(500)]
    dictate(standins, "/messages", {"content": many, "stop_reason": "tool_use"})
    [(signature, style)] = texts(writing_ctx, 1)

    assert (await writing.draft(writing_ctx, signature, style)).source == "model"

    answers = Counter(block["is_error"] for block in standins.prompts[-1]["body"]["messages"][-1]["content"])
    assert answers == {False: 8, True: 492}
    assert LINKS[0] not in json.dumps(standins.prompts[-1]["body"])
