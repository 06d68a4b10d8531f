"""Every call of a tool is on record: who, what, of which account, how long and with which outcome."""

from datetime import timedelta
from typing import Any

import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp.types import ElicitResult

from agent import night
from handrail.context import ToolContext
from handrail.domain.access import ToolCall
from handrail.engine import keys
from mcp_server.server import create_server
from tests import databases
from tests.conftest import OpenWith
from tests.mcp_server.test_server import ERAS
from tests.tools.test_send_tutorial import FEATURE, stuck_person
from tools._server import already_open


async def on_record(ctx: ToolContext) -> list[ToolCall]:
    async with ctx.store.read() as work:
        return list(reversed(await work.calls.newest(100)))


@pytest.mark.parametrize("era", ERAS)
async def test_calls_are_on_record_with_a_hash_of_their_arguments_and_nothing_else_of_them(
    era: Any, ctx: ToolContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Client(create_server(already_open(ctx)), mode=era) as client:
        await client.call_tool("query_events", {"account": "Acme", "period": "last_7_days"})
        await client.call_tool("query_events", {"period": "last_7_days", "account": "Acme"})
        await client.call_tool("query_events", {"account": "nobody at all like this"})
        await client.call_tool("find_accounts", {"query": "jo.doe@acme.example"})
        await client.call_tool("find_accounts", {"limit": "many"})
        with pytest.raises(MCPError):
            await client.call_tool("jo.doe@acme.example", {"jo.doe@acme.example": 1})
        monkeypatch.setattr(type(ctx.store), "read", None)
        await client.call_tool("find_accounts", {})
    monkeypatch.undo()
    calls = await on_record(ctx)
    async with ctx.store.read() as work:
        acme = next(each.id for each in await work.accounts.all() if each.name == "Acme")

    assert [(each.tool, each.account_id, each.outcome) for each in calls] == [
        ("query_events", acme, "ok"),
        ("query_events", acme, "ok"),
        ("query_events", "", "error"),
        ("find_accounts", "", "ok"),
        ("find_accounts", "", "error"),
        ("unknown", "", "refused"),
        ("find_accounts", "", "broken"),
    ]
    assert {each.caller for each in calls} == {"local"}
    assert all(each.at >= ctx.clock.now() - timedelta(minutes=5) for each in calls)
    assert all(0 <= each.milliseconds < 300_000 for each in calls)
    assert calls[0].arguments == calls[1].arguments != calls[2].arguments
    assert calls[0].arguments == keys.arguments_key(
        ctx.secret, '{"account": "Acme", "period": "last_7_days"}'
    )
    assert calls[0].arguments != keys.arguments_key(b"another" * 5, '{"account": "Acme"}')
    with databases.tables(ctx.settings.data_dir) as database:
        kept = "\n".join(str(row) for row in database.execute("select * from tool_calls"))
    assert "Acme" not in kept
    assert "jo.doe" not in kept


@pytest.mark.parametrize("era", ERAS)
async def test_a_question_to_the_person_and_what_became_of_it_are_on_record(
    era: Any, ctx: ToolContext
) -> None:
    async def no(context: Any, params: Any) -> ElicitResult:
        return ElicitResult(action="decline")

    given = {"user_key": await stuck_person(ctx), "feature": FEATURE}
    async with Client(create_server(already_open(ctx)), mode=era, elicitation_callback=no) as client:
        await client.call_tool("send_tutorial", given)

    outcomes = [each.outcome for each in await on_record(ctx)]
    assert outcomes == (["error"] if era == "legacy" else ["asked", "error"])


async def test_a_night_forgets_calls_that_are_older_than_the_setting_says(
    ctx: ToolContext, open_with: OpenWith
) -> None:
    old = ToolCall(
        at=ctx.clock.now() - timedelta(days=8),
        caller="local",
        tool="find_accounts",
        account_id="",
        milliseconds=1,
        outcome="ok",
        arguments="",
    )
    async with ctx.store.begin() as work:
        await work.calls.record([old, old.model_copy(update={"at": ctx.clock.now() - timedelta(days=6)})])
    async with open_with(audit_days=7) as shorter:
        await night.run(shorter)

    assert [ctx.clock.now() - each.at < timedelta(days=7) for each in await on_record(ctx)] == [True]
