"""The server as a chat client starts it: a process, stdio, the example configuration."""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from handrail.context import ToolContext
from tests.agent.test_kill import environment

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_a_chat_client_gets_acmes_events_over_stdio(era: Any, ctx: ToolContext, tmp_path: Path) -> None:
    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-m", "handrail.cli", "mcp"],
        env={**environment(ctx.settings), "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
    )
    async with Client(parameters, mode=era) as client:
        answer = await client.call_tool("query_events", {"account": "Acme"})

    assert not answer.is_error
    assert answer.structured_content is not None
    assert answer.structured_content["figures"]["unique_users"] == 39


async def test_log_lines_are_json_where_a_collector_reads_them(tmp_path: Path) -> None:
    wanted = {"HANDRAIL_LOG_FORMAT": "json", "HANDRAIL_SECRET_KEY": "short", "PYTHONPATH": str(ROOT)}
    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-m", "handrail.cli", "mcp"],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), **wanted},
        cwd=tmp_path,
    )
    with (tmp_path / "log").open("w") as log:
        async with Client(stdio_client(parameters, errlog=log)) as client:
            answer = await client.call_tool("control_sending", {})

    assert answer.is_error
    [line] = [json.loads(each) for each in (tmp_path / "log").read_text().splitlines()]
    assert line["message"] == "1 calls were not put on record: no project was opened"


async def test_the_example_configuration_works_as_it_is_with_no_credentials(tmp_path: Path) -> None:
    example = json.loads((ROOT / "claude_desktop_config.example.json").read_text("utf-8"))
    demo = example["mcpServers"]["handrail-demo"]
    command = shutil.which(Path(demo["command"]).name, path=str(Path(sys.executable).parent))
    assert command, "the console script is installed beside this Python"
    parameters = StdioServerParameters(
        command=command,
        args=demo["args"],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), **demo.get("env", {})},
        cwd=tmp_path,
    )
    async with Client(parameters) as client:
        answer = await client.call_tool("query_funnel", {"account": "Acme", "funnel": "data source"})

    assert answer.structured_content is not None
    assert [step["users"] for step in answer.structured_content["funnels"][0]["steps"]] == [21, 17, 3, 3]
