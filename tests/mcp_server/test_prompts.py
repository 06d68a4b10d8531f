"""Prompts and the completion of their arguments, on both protocol eras."""

from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS, PromptReference, ResourceTemplateReference, TextContent

from agent import night
from handrail.context import ToolContext
from mcp_server import completion, prompts
from mcp_server.server import create_server
from tests.mcp_server.test_server import ERAS
from tools import catalogue
from tools._server import already_open

PROMPTS = {
    "account_health_check": {"account": True},
    "my_book_this_week": {"accounts": False},
    "prepare_qbr": {"account": True, "funnel": False, "report": False},
    "review_tonights_sends": {},
    "who_is_struggling_with": {"feature": True, "account": False},
}


def words(answer: Any) -> str:
    [message] = answer.messages
    assert message.role == "user"
    assert isinstance(message.content, TextContent)
    return message.content.text


@pytest.mark.parametrize("era", ERAS)
async def test_prompts_are_listed_described_and_filled(era: Any, ctx: ToolContext) -> None:
    async with Client(create_server(already_open(ctx)), mode=era) as client:
        listed = (await client.list_prompts()).prompts
        health = words(await client.get_prompt("account_health_check", {"account": "Acme {feature}"}))
        bare = words(await client.get_prompt("prepare_qbr", {"account": "Acme"}))
        full = words(await client.get_prompt("prepare_qbr", {"account": "Acme", "funnel": "Activation"}))

    assert {each.name: {a.name: a.required for a in each.arguments or []} for each in listed} == PROMPTS
    assert all(each.title and each.description for each in listed)
    assert all(a.description for each in listed for a in each.arguments or [])
    assert health.startswith("How is Acme {feature} doing?"), "what a person gives is never filled in again"
    assert "Put the funnel" not in bare, "a line about an argument that was left out is left out"
    assert "Put the funnel Activation first." in full
    assert "{" not in bare + full


@pytest.mark.parametrize("era", ERAS)
async def test_an_unknown_prompt_and_a_missing_argument_are_invalid_parameters(
    era: Any, ctx: ToolContext
) -> None:
    async with Client(create_server(already_open(ctx)), mode=era) as client:
        with pytest.raises(MCPError) as unknown:
            await client.get_prompt("nothing", {})
        with pytest.raises(MCPError) as lacking:
            await client.get_prompt("account_health_check", {"account": ""})

    assert unknown.value.error.code == lacking.value.error.code == INVALID_PARAMS
    assert "Ask prompts/list" in unknown.value.error.message
    assert lacking.value.error.message == "account_health_check needs: account."


def test_prompts_name_only_tools_and_resources_that_are_or_will_be_there() -> None:
    promised = {"get_account_health", "list_alerts", "get_saved_report"}
    known = {tool.name for tool in catalogue()} | promised
    for path in sorted(prompts.FOLDER.glob("*.md")):
        named = {
            word.strip(".,:")
            for word in path.read_text("utf-8").split()
            if word.split("_")[0] in {"get", "find", "query", "list", "draft", "send"} and "_" in word
        }
        assert named <= known, path.name


def test_a_new_file_is_a_new_prompt(tmp_path: Path) -> None:
    (tmp_path / "say_hello.md").write_text(
        "---\ntitle: Hello\ndescription: Says hello.\narguments:\n  name: Whom.\n---\nHello {name}\n", "utf-8"
    )

    prompt = prompts.read(tmp_path / "say_hello.md")

    assert (prompt.name, prompt.title) == ("say_hello", "Hello")
    assert [(each.name, each.required) for each in prompt.arguments or []] == [("name", True)]


@pytest.mark.parametrize("era", ERAS)
async def test_names_are_completed_for_prompts_and_templates(era: Any, ctx: ToolContext) -> None:
    await night.run(ctx)
    qbr = PromptReference(type="ref/prompt", name="prepare_qbr")
    struggling = PromptReference(type="ref/prompt", name="who_is_struggling_with")
    account = ResourceTemplateReference(type="ref/resource", uri="account://{id}/overview")
    document = ResourceTemplateReference(type="ref/resource", uri="kb://features/{slug}")
    one_night = ResourceTemplateReference(type="ref/resource", uri="run://{date}")
    async with Client(create_server(already_open(ctx)), mode=era) as client:

        async def complete(ref: Any, name: str, typed: str) -> list[str]:
            return list((await client.complete(ref, {"name": name, "value": typed})).completion.values)

        accounts = await complete(qbr, "account", "acme")
        funnels = await complete(qbr, "funnel", "data")
        reports = await complete(qbr, "report", "")
        features = await complete(struggling, "feature", "connect")
        ids = await complete(account, "id", "acct_1001")
        slugs = await complete(document, "slug", "source")
        nights = await complete(one_night, "date", "2026-11")
        unknown = await complete(qbr, "color", "r")

    assert accounts == ["Acme", "Acme Labs"]
    assert funnels == ["Connect a data source"]
    assert reports
    assert features == ["connect-data-source"]
    assert ids == ["acct_1001"]
    assert slugs == ["connect-data-source"]
    assert nights == ["2026-11-19"]
    assert unknown == []


def test_completion_puts_beginnings_first_caps_at_a_hundred_and_leaves_out_what_cannot_be_shown() -> None:
    few = completion.fitting(["New Acme", "acme", "Acme\u202eLabs", "Other"], " ACME")
    many = completion.fitting((f"account {number}" for number in range(140)), "")

    assert few.values == ["acme", "New Acme"]
    assert (len(many.values), many.total, many.has_more) == (100, 140, True)
