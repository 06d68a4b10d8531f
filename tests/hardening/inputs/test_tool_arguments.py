"""Every argument of every tool of the catalogue takes any string, or says in a sentence why not."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st
from mcp import Client
from mcp.types import CallToolResult, TextContent

from handrail.context import ToolContext, open_context
from handrail.settings import Settings
from mcp_server.server import create_server
from tests import databases
from tests.hardening.conftest import Promise
from tests.hardening.inputs.made_up import JSON, TEXT, examples
from tests.hardening.inputs.naughty import NAUGHTY, some
from tests.tools.test_catalogue import CALLS
from tools import Tool, catalogue
from tools._server import already_open, published

MOST_CHARACTERS = 3000
"""Of a refusal: a string is not repeated at its whole length."""

_INNARDS = re.compile(
    r"Traceback|\w+Error\b|\w+Exception\b|0x[0-9a-f]{6}|\bsqlalchemy\b|\bpydantic\b|line \d+, in"
)
_OF_A_SCREEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")

FILLED: dict[str, dict[str, Any]] = {
    **CALLS,
    "send_tutorial": {"user_key": "0" * 64, "feature": "connect-data-source"},
    "decide_review": {"review": "0" * 32, "decision": "approve", "proof": "0" * 64},
}
"""A call of each tool that reaches its work; one argument at a time is replaced."""


def arguments(tool: Tool) -> Iterator[str]:
    """Those that a client may fill with text."""
    [entry] = published({tool.effect}, {tool.name})
    for name, schema in entry.parameters["properties"].items():
        if schema["type"] == "string":
            yield name


def test_each_text_has_a_limit_of_length() -> None:
    """A refusal repeats what was asked for, and a hash or a search of megabytes costs."""
    without = [
        f"{tool.name}.{name}"
        for tool in catalogue()
        for entry in published({tool.effect}, {tool.name})
        for name, schema in entry.fn_metadata.arg_model.model_json_schema()["properties"].items()
        if schema.get("type") == "string" and "enum" not in schema and "maxLength" not in schema
    ]
    assert without == []


@st.composite
def made_up_calls(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A tool and arguments for it: of the right types as a rule, and any JSON now and then."""
    tool = draw(st.sampled_from(catalogue()))
    [entry] = published({tool.effect}, {tool.name})
    given = dict(FILLED[tool.name])
    for name, schema in entry.parameters["properties"].items():
        kinds: dict[str, st.SearchStrategy[Any]] = {
            "string": st.sampled_from(schema.get("enum", [""])) | TEXT,
            "integer": st.integers(-1, 60) | st.integers(),
            "boolean": st.booleans(),
        }
        if draw(st.integers(0, 2)) == 0:
            given[name] = draw(kinds[schema["type"]] | kinds[schema["type"]] | JSON)
    return tool.name, given


def told(answer: CallToolResult) -> str:
    return " ".join(block.text for block in answer.content if isinstance(block, TextContent))


def wrong_with(tool: str, answer: CallToolResult) -> str:
    """Why an answer would not do; empty where it does."""
    text = told(answer)
    if not answer.is_error:
        return "" if text else "an answer without words"
    if text.strip() == f"Error executing tool {tool}":
        return "a crash"
    sentence = text.removeprefix(f"Error executing tool {tool}: ")
    if found := _INNARDS.search(sentence.replace(tool, "")):
        return f"tells {found[0]!r} of our insides"
    if len(text) > MOST_CHARACTERS:
        return f"{len(text)} characters"
    if not sentence.endswith(".") and not sentence.endswith("?"):
        return "no sentence"
    return "characters that move a screen" if _OF_A_SCREEN.search(text) else ""


def test_no_mix_of_arguments_breaks_a_tool(
    settings: Settings,
    _night_data: Path,  # noqa: PT019  (its value is copied)
    promise: Promise,
) -> None:
    databases.copy(_night_data, settings.data_dir)
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        ctx = runner.run(stack.enter_async_context(open_context(settings)))
        calls = 0

        async def called(name: str, given: dict[str, Any]) -> CallToolResult:
            async with Client(create_server(already_open(ctx))) as client:
                return await client.call_tool(name, given)

        @examples(1500)
        @hypothesis.given(call=made_up_calls())
        def tried(call: tuple[str, dict[str, Any]]) -> None:
            nonlocal calls
            calls += 1
            assert wrong_with(call[0], runner.run(called(*call))) == ""

        tried()
        runner.run(stack.aclose())
    promise(f"made-up arguments: 0 of {calls} calls of all tools broke or answered in words not ours")


def test_each_tool_of_the_catalogue_has_a_call_that_is_tried() -> None:
    assert FILLED.keys() == {tool.name for tool in catalogue()}


def test_there_are_two_hundred_strings_and_more() -> None:
    assert len(NAUGHTY) >= 200


@pytest.mark.parametrize("tool", catalogue(), ids=lambda tool: tool.name)
async def test_no_string_breaks_a_tool(tool: Tool, morning: ToolContext, promise: Promise) -> None:
    tried, faults = 0, []
    place = [each.name for each in catalogue()].index(tool.name)
    async with Client(create_server(already_open(morning))) as client:
        for number, name in enumerate(arguments(tool)):
            for string in some(7 * place + number, one_in=5):
                answer = await client.call_tool(tool.name, {**FILLED[tool.name], name: string})
                tried += 1
                if wrong := wrong_with(tool.name, answer):
                    faults.append(f"{name}={ascii(string)[:60]}: {wrong}: {ascii(told(answer))[:160]}")

    assert faults == []
    promise(f"naughty strings: 0 of {tried} calls of {tool.name} broke or answered in words not ours")
