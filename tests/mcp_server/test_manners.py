"""What is not there, wrong arguments, and which tools there are at all, on both protocol eras."""

from typing import Any

import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS

from handrail.context import ToolContext
from handrail.settings import SendMode
from mcp_server.server import create_server
from standin.state import Standin
from tests.conftest import OpenWith
from tests.mcp_server.test_server import ERAS, text
from tools import catalogue
from tools._server import already_open

READS = {tool.name for tool in catalogue() if tool.effect == "read"}
WRITES = {tool.name for tool in catalogue() if tool.effect == "write" and not tool.of_a_page}


@pytest.mark.parametrize("era", ERAS)
async def test_an_unknown_tool_is_an_invalid_parameter_and_its_name_is_not_repeated_raw(
    era: Any, ctx: ToolContext
) -> None:
    async with Client(create_server(already_open(ctx)), mode=era) as client:
        with pytest.raises(MCPError) as unknown:
            await client.call_tool("fly <b>\u202e" + "x" * 200, {})

    assert unknown.value.error.code == INVALID_PARAMS
    assert unknown.value.error.message.startswith("Unknown tool: 'fly??b??xxx")
    assert len(unknown.value.error.message) < 90


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("query_events", {}, "account: Field required"),
    ("query_events", {"account": ""}, "account: String should have at least 1 character"),
    ("query_events", {"account": 5}, "account: Input should be a valid string"),
    ("find_accounts", {"limit": 1000}, "limit: Input should be less than or equal to 50"),
    ("find_accounts", {"sort_by": "rev'enue"}, "sort_by: Input should be"),
    ("find_accounts", {"timeframe": "last_7_days"}, "no argument 'timeframe'. It takes: query, sort_by"),
]


@pytest.mark.parametrize("era", ERAS)
async def test_wrong_arguments_are_told_in_a_line_and_none_is_dropped_in_silence(
    era: Any, ctx: ToolContext
) -> None:
    async with Client(create_server(already_open(ctx)), mode=era) as client:
        answers = [(await client.call_tool(name, given), name, words) for name, given, words in WRONG]

    for answer, name, words in answers:
        told = text(answer)
        assert answer.is_error
        assert told.startswith(f"{name} was not called: ")
        assert words in told
        assert not any(
            noise in told for noise in ("pydantic", "[type=", "input_value", "validation error", "\n")
        )


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"send_mode": SendMode.AUTO}, READS | WRITES | {"send_tutorial"}),
        ({"send_mode": SendMode.REVIEW}, READS | WRITES | {"send_tutorial"}),
        ({"send_mode": SendMode.OFF}, READS | WRITES),
        ({"send_mode": SendMode.AUTO, "read_only": True}, READS),
    ],
)
async def test_only_what_may_be_done_is_listed_and_can_be_called(
    era: Any,
    changes: dict[str, Any],
    expected: set[str],
    ctx: ToolContext,
    open_with: OpenWith,
    standins: Standin,
) -> None:
    async with (
        open_with(**changes) as opened,
        Client(create_server(already_open(opened), opened.settings), mode=era) as client,
    ):
        listed = {tool.name for tool in (await client.list_tools()).tools}
        for hidden in {tool.name for tool in catalogue() if not tool.of_a_page} - expected:
            with pytest.raises(MCPError, match="Unknown tool"):
                await client.call_tool(hidden, {})

    assert listed == expected
    assert standins.mails == []


async def test_a_crash_tells_nothing_of_itself(ctx: ToolContext, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken() -> None:
        raise RuntimeError("SECRET of the inside")

    monkeypatch.setattr(type(ctx.store), "read", broken)
    async with Client(create_server(already_open(ctx))) as client:
        answer = await client.call_tool("query_events", {"account": "Acme"})

    assert answer.is_error
    assert text(answer) == "Error executing tool query_events"
