"""The server through the in-memory client, on both protocol eras."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.types import CallToolResult, TextContent

from agent import night
from handrail.context import ToolContext, open_context
from mcp_server.server import create_server
from standin.state import Standin
from tests.conftest import settings_for
from tools import catalogue
from tools._server import already_open

ERAS = ["auto", "legacy"]
Ask = Callable[..., Awaitable[CallToolResult]]


@pytest.fixture(params=ERAS)
def ask(request: pytest.FixtureRequest, ctx: ToolContext) -> Ask:
    """Call one tool as a client of this era; the client checks the answer against the tool's schema."""

    async def call(name: str, **arguments: Any) -> CallToolResult:
        async with Client(create_server(already_open(ctx)), mode=request.param) as client:
            return await client.call_tool(name, arguments)

    return call


def text(answer: CallToolResult) -> str:
    return " ".join(block.text for block in answer.content if isinstance(block, TextContent))


def content(answer: CallToolResult) -> dict[str, Any]:
    assert not answer.is_error, text(answer)
    assert answer.structured_content is not None
    return dict(answer.structured_content)


@pytest.mark.parametrize("era", ERAS)
async def test_the_server_says_who_it_is_and_what_it_can(era: Any, ctx: ToolContext) -> None:
    async with Client(create_server(already_open(ctx)), mode=era) as client:
        tools = {tool.name for tool in (await client.list_tools()).tools}

    assert tools == {tool.name for tool in catalogue()} - {"decide_review"}
    assert tools >= {
        "draft_tutorial",
        "find_accounts",
        "find_struggling_users",
        "get_night_report",
        "query_events",
        "query_funnel",
        "search_feature_docs",
        "send_tutorial",
    }


async def test_whats_the_funnel_conversion_for_acme(ask: Ask) -> None:
    answer = content(await ask("query_funnel", account="Acme"))

    source = next(one for one in answer["funnels"] if one["funnel"] == "Connect a data source")
    assert [step["users"] for step in source["steps"]] == [21, 17, 3, 3]
    assert answer["account"]["name"] == "Acme"


async def test_show_mixpanel_events_for_acme(ask: Ask, acme_totals: dict[str, int]) -> None:
    answer = content(await ask("query_events", account="Acme"))

    assert {name: answer["figures"][name] for name in acme_totals} == acme_totals


async def test_acm_gets_candidates_and_no_numbers(ask: Ask) -> None:
    answer = content(await ask("query_events", account="acm"))

    assert [each["name"] for each in answer["candidates"]] == ["Acme", "Acme Labs"]
    assert answer["figures"] is None


async def test_find_accounts_lists_the_book(ask: Ask) -> None:
    answer = content(await ask("find_accounts", sort_by="name", limit=3))

    assert [each["name"] for each in answer["accounts"]][:2] == ["Acme", "Acme Labs"]


async def test_search_feature_docs_cites_by_id(ask: Ask) -> None:
    answer = content(await ask("search_feature_docs", query="allow list"))

    assert answer["passages"][0]["id"].startswith("connect-data-source#")


async def test_who_is_stuck_what_to_tell_them_and_send_it(ask: Ask, ctx: ToolContext) -> None:
    cards = content(await ask("find_struggling_users", account="Acme"))["cards"]
    drafted = content(
        await ask(
            "draft_tutorial",
            feature=cards[0]["feature"],
            stuck_step=cards[0]["stuck_step"],
            reason=cards[0]["main_reason"],
        )
    )
    person = {"user_key": cards[0]["user_key"], "feature": cards[0]["feature"]}
    shown = content(await ask("send_tutorial", **person))
    sent = content(await ask("send_tutorial", **person, confirm=shown["confirm"]))

    assert drafted["tutorial"]["steps"][0]["step"] == "credentials"
    assert "Nothing was sent" in shown["summary"]
    assert sent["status"] == "sent"


async def test_the_night_report_is_told(ask: Ask, ctx: ToolContext) -> None:
    await night.run(ctx)

    answer = content(await ask("get_night_report"))

    assert answer["report"]["sent"] == 26


async def test_an_error_is_in_our_words_with_a_next_step(ask: Ask) -> None:
    answer = await ask("query_events", account="nobody at all like this")

    assert answer.is_error
    assert "find_accounts" in text(answer)
    assert "Traceback" not in text(answer)


async def test_an_upstream_failure_shows_nothing_of_upstream(
    ask: Ask, ctx: ToolContext, standins: Any
) -> None:
    for route in ("/query/", "/export"):
        standins.faults.add(
            {
                "neighbour": "mixpanel",
                "route": route,
                "fault": "status",
                "status": 500,
                "body": "SECRET-UPSTREAM",
            }
        )

    answer = await ask("query_funnel", account="Acme", period="last_7_days")

    assert answer.is_error
    assert "SECRET-UPSTREAM" not in text(answer)
    assert "try again" in text(answer)


@pytest.mark.sqlite("its file is damaged")
async def test_a_damaged_database_is_told_with_what_to_do(ask: Ask, ctx: ToolContext) -> None:
    tables = ctx.settings.data_dir / "handrail.db"
    with tables.open("r+b") as file:
        file.write(b"\xff" * tables.stat().st_size)

    answer = await ask("find_accounts")

    assert answer.is_error
    assert "The database is damaged: restore the last backup" in text(answer)


async def test_a_server_without_a_project_starts_lists_and_says_what_is_missing(
    standins: Standin, tmp_path: Path
) -> None:
    bare = settings_for(standins, tmp_path / "bare", mixpanel_project_id=None)
    async with Client(create_server(lambda: open_context(bare))) as client:
        tools = (await client.list_tools()).tools
        answer = await client.call_tool("find_struggling_users", {})

    assert len(tools) == len(catalogue()) - 1, "all but the one that a page calls"
    assert answer.is_error
    assert "HANDRAIL_MIXPANEL_PROJECT_ID" in text(answer)
