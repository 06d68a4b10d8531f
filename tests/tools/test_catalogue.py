"""What holds for every tool."""

import inspect
import json
from pathlib import Path
from typing import Literal

import pytest
from jsonschema import Draft202012Validator
from mcp import Client
from mcp.types import Tool as ListedTool
from pydantic import BaseModel, Field

from agent import night
from handrail.context import ToolContext
from mcp_server.server import create_server
from tools import Tool, _schema, catalogue
from tools._server import already_open

VERBS = {"find", "get", "query", "search", "draft", "send", "list", "analyze", "sync", "control"}
GIVEN: dict[str, dict[str, object]] = {
    "control_sending": {"account": "Acme"},
    "draft_tutorial": {"feature": "connect-data-source"},
    "find_struggling_users": {"account": "Acme"},
    "get_account_health": {"account": "Acme"},
    "get_user_segments": {"account": "Acme"},
    "query_events": {"account": "Acme"},
    "query_funnel": {"account": "Acme"},
    "search_feature_docs": {"query": "credentials"},
}
"""What a tool is called with here; the others are called with nothing."""

CALLS = {
    tool.name: GIVEN.get(tool.name, {})
    for tool in catalogue()
    if tool.effect != "send" and not tool.of_a_page
}
"""A call of each tool that answers without a person's consent."""

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
        *(["decide"] if tool.of_a_page else []),
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


async def test_no_tool_costs_more_than_a_thousand_tokens_and_none_has_a_union(ctx: ToolContext) -> None:
    for tool in await listed(ctx):
        schema = json.dumps(tool.model_dump(by_alias=True, exclude_none=True, mode="json"))
        assert len(schema) <= 4000, tool.name
        assert "anyOf" not in schema, tool.name


def test_what_many_answers_have_is_told_once_in_the_instructions() -> None:
    told = (ROOT / "mcp_server" / "instructions.md").read_text("utf-8")

    assert [field for field in _schema.EVERYWHERE if f"`{field}`" not in told] == []


async def test_sixteen_tools_like_these_fit_into_six_thousand_tokens(ctx: ToolContext) -> None:
    tools = [tool.model_dump(by_alias=True, exclude_none=True, mode="json") for tool in await listed(ctx)]

    assert len(json.dumps(tools)) / 4 / len(tools) <= 6000 / 16


@pytest.mark.parametrize("name", CALLS)
async def test_what_a_tool_answers_fits_the_schema_that_is_published(name: str, ctx: ToolContext) -> None:
    if name == "get_night_report":
        await night.run(ctx)
    async with Client(create_server(already_open(ctx))) as client:
        schema = next(tool.output_schema for tool in (await client.list_tools()).tools if tool.name == name)
        answer = await client.call_tool(name, CALLS[name])
    assert schema is not None
    assert answer.structured_content is not None

    Draft202012Validator.check_schema(schema)
    fits = Draft202012Validator(schema)
    fits.validate(answer.structured_content)
    told_once = set(answer.structured_content) & _schema.EVERYWHERE
    assert set(answer.structured_content) - told_once == set(schema["properties"]), "every field is published"
    for field in schema["properties"]:
        assert not fits.is_valid({**answer.structured_content, field: b"no JSON at all"}), field


def test_a_published_answer_has_types_of_its_first_level_and_null_as_a_type() -> None:
    class Row(BaseModel):
        name: str

    class Answer(BaseModel):
        title: str
        rate: float | None = Field(None, description="0 to 1.")
        row: Row | None = None
        rows: list[Row] = Field(default_factory=list)
        kind: Literal["a", "b"] = "a"

    assert _schema.answer(Answer.model_json_schema()) == {
        "type": "object",
        "properties": {
            "title": {"type": "string"},
            "rate": {"type": ["number", "null"], "description": "0 to 1."},
            "row": {"type": ["object", "null"]},
            "rows": {"type": "array"},
            "kind": {"type": "string"},
        },
        "required": ["title"],
    }


def test_published_arguments_keep_choices_limits_above_and_defaults_that_say_something() -> None:
    class Arguments(BaseModel):
        account: str = Field(description="Name.", min_length=1, max_length=9)
        title: Literal["a", "b"] = "b"
        limit: int = Field(20, ge=1, le=200)
        note: str = ""

    assert _schema.arguments(Arguments.model_json_schema()) == {
        "type": "object",
        "properties": {
            "account": {"type": "string", "description": "Name."},
            "title": {"type": "string", "enum": ["a", "b"], "default": "b"},
            "limit": {"type": "integer", "default": 20, "maximum": 200},
            "note": {"type": "string"},
        },
        "required": ["account"],
    }
