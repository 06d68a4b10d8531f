"""The probe: every case's own call, without a model. Its arguments fit, and its answer says what is true."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from jsonschema import Draft202012Validator
from mcp import Client
from mcp.types import CallToolResult, TextContent, Tool

from evals.cases import Case
from evals.reading import says, says_in_a_row, scalars
from evals.rooms import Rooms
from evals.truth import Truth


@dataclass
class Finding:
    """What became of one case."""

    case: Case
    wrong: list[str] = field(default_factory=list)
    skipped: str = ""

    @property
    def good(self) -> bool:
        return not self.wrong


async def probe(chosen: Sequence[Case], rooms: Rooms) -> AsyncIterator[Finding]:
    """Make the call that each case expects, and hold its answer against the truth.

    What only reads shares one client of its room; what changes something gets a copy of the store.
    """
    async with AsyncExitStack() as stack:
        shared: dict[str, Client] = {}
        for case in chosen:
            room = await asyncio.to_thread(rooms.enter, case.room)
            if case.room not in shared:
                shared[case.room] = await stack.enter_async_context(room.client())
            listed = {tool.name: tool for tool in (await shared[case.room].list_tools()).tools}
            if case.tool not in listed:
                skipped = f"{case.tool} is not in the catalogue" if case.tool else ""
                yield Finding(case, skipped=skipped)
            elif reads(listed[case.tool]):
                yield Finding(case, await _wrong(case, room.truth, shared[case.room], listed[case.tool]))
            else:
                with TemporaryDirectory(prefix="handrail-evals-") as copy:
                    async with room.client(Path(copy) / "data") as own:
                        yield Finding(case, await _wrong(case, room.truth, own, listed[case.tool]))


def reads(tool: Tool) -> bool:
    """Whether a tool says of itself that it changes nothing."""
    return tool.annotations is not None and tool.annotations.read_only_hint is True


async def _wrong(case: Case, truth: Truth, client: Client, tool: Tool) -> list[str]:
    arguments = given(case, truth)
    return misfits(tool, arguments) or await _called(case, truth, client, arguments)


async def _called(case: Case, truth: Truth, client: Client, arguments: dict[str, Any]) -> list[str]:
    answer = await client.call_tool(case.tool, arguments)
    told = text(answer)
    if case.refused:
        refused = answer.is_error and says(told, case.refused)
        return [] if refused else [f"is no refusal that says {case.refused!r}: {told[:300]}"]
    if answer.is_error:
        return [f"is an error: {told[:300]}"]
    return [*missing(case, truth, told), *_missing_rows(case, truth, answer.structured_content)]


def given(case: Case, truth: Truth) -> dict[str, Any]:
    """The case's arguments with truths told."""
    return {name: truth.tell(value)[0] for name, value in case.arguments.items()}


def misfits(tool: Tool, arguments: dict[str, Any]) -> list[str]:
    """What the published schema says against these arguments; one that it lacks is wrong, too."""
    schema = {**tool.input_schema, "additionalProperties": False}
    return [
        f"{tool.name} does not take this: {error.message}"
        for error in Draft202012Validator(schema).iter_errors(arguments)
    ]


def missing(case: Case, truth: Truth, told: str) -> list[str]:
    """What a text lacks of what it has to say, and what it says of what it must not."""
    lacks = [f"does not say {value!r}" for value in truth.all_of(case.says) if not says(told, value)]
    too_much = [f"says {value!r}" for value in truth.all_of(case.never_says) if says(told, value)]
    return [*lacks, *too_much]


def _missing_rows(case: Case, truth: Truth, answer: Any) -> list[str]:
    rows = [list(truth.all_of(row)) for row in case.rows]
    return [f"has no row with {row}" for row in rows if not says_in_a_row(answer, row)]


def text(answer: CallToolResult) -> str:
    """All that an answer says, in its text and in its fields."""
    written = [block.text for block in answer.content if isinstance(block, TextContent)]
    return "\n".join([*written, *scalars(answer.structured_content)])
