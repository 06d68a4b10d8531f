"""What holds for every tool."""

import inspect
import json
from pathlib import Path

import pytest
from mcp import Client
from mcp.types import Tool as ListedTool

from handrail.context import ToolContext
from mcp_server.server import create_server
from tools import Tool, catalogue
from tools._schema import slim
from tools._server import already_open

ROOT = Path(__file__).parents[2]


async def listed(ctx: ToolContext) -> list[ListedTool]:
    async with Client(create_server(already_open(ctx))) as client:
        return (await client.list_tools()).tools


@pytest.mark.parametrize("tool", catalogue(), ids=lambda tool: tool.name)
def test_a_tool_is_named_after_its_file_described_and_tested(tool: Tool) -> None:
    doc = inspect.getdoc(tool.function) or ""

    assert tool.function.__module__ == f"tools.{tool.name}"
    assert tool.name.split("_")[0] in {
        "find",
        "get",
        "query",
        "search",
        "draft",
        "send",
        "list",
        "analyze",
        "sync",
        "control",
    }
    assert "Use it" in doc, "a docstring says when, in a person's words"
    assert any(other.name in doc for other in catalogue() if other is not tool), "and which tool instead"
    assert (ROOT / "tests" / "tools" / f"test_{tool.name}.py").exists()


async def test_all_four_hints_are_set_and_true_to_the_effect(ctx: ToolContext) -> None:
    effects = {tool.name: tool.effect for tool in catalogue()}
    for tool in await listed(ctx):
        hints = tool.annotations
        assert hints is not None
        assert hints.read_only_hint == (effects[tool.name] == "read")
        assert hints.destructive_hint == (effects[tool.name] == "send")
        assert hints.idempotent_hint is True
        assert hints.open_world_hint == (effects[tool.name] == "send")


async def test_the_list_costs_at_most_six_thousand_tokens(ctx: ToolContext) -> None:
    tools = [tool.model_dump(by_alias=True, exclude_none=True, mode="json") for tool in await listed(ctx)]

    assert len(tools) <= 16
    assert len(json.dumps(tools)) / 4 <= 6000


async def test_arguments_are_flat_described_and_never_optional_unions(ctx: ToolContext) -> None:
    for tool in await listed(ctx):
        for name, schema in tool.input_schema["properties"].items():
            assert "anyOf" not in schema, f"{tool.name}.{name}"
            assert "description" in schema, f"{tool.name}.{name}"
            assert schema.get("type") in {"string", "integer", "boolean"}, f"{tool.name}.{name}"


def test_a_slim_schema_keeps_properties_called_title_and_says_null_as_a_type() -> None:
    schema = {
        "title": "Answer",
        "properties": {
            "title": {"title": "Title", "type": "string"},
            "rate": {
                "anyOf": [{"type": "number"}, {"type": "null"}],
                "default": None,
                "description": "0 to 1",
            },
        },
    }

    assert slim(schema) == {
        "properties": {
            "title": {"type": "string"},
            "rate": {"type": ["number", "null"], "description": "0 to 1"},
        }
    }
