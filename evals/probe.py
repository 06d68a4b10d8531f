"""The probe: every case's own call, without a model. Its arguments fit, and its answer says what is true."""

from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from jsonschema import Draft202012Validator
from mcp import Client
from mcp.types import CallToolResult, TextContent, Tool

from evals.cases import Case
from evals.reading import says, says_in_a_row, scalars
from evals.rooms import Room
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


async def probe(case: Case, room: Room) -> Finding:
    """Make the call that the case expects, on a copy of the store, and hold its answer against the truth."""
    finding = Finding(case)
    with TemporaryDirectory(prefix="handrail-evals-") as copy:
        async with room.client(Path(copy) / "data") as client:
            listed = {tool.name: tool for tool in (await client.list_tools()).tools}
            if not case.tool:
                return finding
            if case.tool not in listed:
                finding.skipped = f"{case.tool} is not in the catalogue"
                return finding
            arguments = given(case, room.truth)
            finding.wrong += misfits(listed[case.tool], arguments)
            if not finding.wrong:
                finding.wrong += await _called(case, room.truth, client, arguments)
    return finding


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
