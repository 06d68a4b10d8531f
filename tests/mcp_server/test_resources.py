"""What a chat client reads without asking a tool, on both protocol eras."""

from typing import Any

import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp.types import TextResourceContents

from agent import night
from handrail.context import ToolContext
from handrail.engine import brief_words
from handrail.flows.brief import kept
from mcp_server.server import create_server
from tests.mcp_server.test_server import ERAS
from tools._server import already_open

BRIEF = "handrail://brief/latest"


@pytest.mark.parametrize("era", ERAS)
async def test_the_latest_brief_is_listed_and_read_as_text(era: Any, ctx: ToolContext) -> None:
    await night.run(ctx)
    async with Client(create_server(already_open(ctx)), mode=era) as client:
        listed = (await client.list_resources()).resources
        [content] = (await client.read_resource(BRIEF)).contents

    assert [str(each.uri) for each in listed] == [BRIEF]
    assert listed[0].description
    assert isinstance(content, TextResourceContents)
    assert content.mime_type == "text/plain"
    assert content.text == brief_words.text(await kept(ctx))
    assert "Acme" in content.text


@pytest.mark.parametrize("era", ERAS)
async def test_before_the_first_night_the_next_step_is_named(era: Any, ctx: ToolContext) -> None:
    async with Client(create_server(already_open(ctx)), mode=era) as client:
        with pytest.raises(MCPError, match="handrail agent run"):
            await client.read_resource(BRIEF)
