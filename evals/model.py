"""The model: it gets the served tools and a person's words, and what it calls and says is counted."""

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anthropic
from mcp import Client
from mcp.types import Tool

from evals.cases import Case
from evals.probe import misfits, missing, reads, text
from evals.rooms import Room
from handrail.domain.spending import Usage
from handrail.engine import prices
from handrail.services.model.asking import MAX_TOKENS, MAX_TOOL_RESULT, is_message, usage_of
from mcp_server.server import INSTRUCTIONS

TURNS = 8
PATIENCE = 300.0
"""Seconds of one request, with its retries."""


@dataclass
class Task:
    """How the model did one case."""

    case: Case
    skipped: str = ""
    calls: list[str] = field(default_factory=list)
    misfits: int = 0
    """Calls whose arguments do not fit the published schema."""
    errors: int = 0
    retries: int = 0
    """Calls of a tool that had just refused."""
    refused: str = field(default="", repr=False)
    """The tool whose last call was refused."""
    forbidden: list[str] = field(default_factory=list)
    said: str = ""
    lacks: list[str] = field(default_factory=list)
    stopped: str = ""
    """Why it did not come to an end by itself, in our words."""
    usage: Usage = field(default_factory=Usage)
    usd: float = 0.0

    @property
    def selected(self) -> bool:
        """Whether the first call was a right one, one that answers was made, and none that is forbidden."""
        if self.forbidden or (self.calls and self.calls[0] not in self.case.right):
            return False
        return not self.case.tool or bool(set(self.calls) & self.case.right) or self.asked_back

    @property
    def asked_back(self) -> bool:
        return self.case.asks_back and "?" in self.said

    @property
    def answered(self) -> bool:
        """Whether what it said in the end is true and complete, or the question that had to be asked."""
        if self.stopped:
            return False
        return self.asked_back if self.case.asks_back else not self.lacks


async def ask(case: Case, room: Room, client: anthropic.AsyncAnthropic, model: str) -> Task:
    """Let the model work on one case, on a copy of the room's store."""
    task = Task(case)
    with TemporaryDirectory(prefix="handrail-evals-") as copy:
        async with room.client(Path(copy) / "data") as catalogue:
            tools = {tool.name: tool for tool in (await catalogue.list_tools()).tools}
            if case.tool and case.tool not in tools:
                task.skipped = f"{case.tool} is not in the catalogue"
                return task
            try:
                await _converse(task, catalogue, tools, client, model)
            except (anthropic.APIError, TimeoutError) as error:
                task.stopped = f"the Messages API did not answer: {type(error).__name__}"
    wanted = case.model_copy(update={"says": (*case.says, *(value for row in case.rows for value in row))})
    task.lacks = missing(wanted, room.truth, task.said)
    task.usd = prices.cost(model, task.usage)
    return task


async def _converse(
    task: Task, catalogue: Client, tools: dict[str, Tool], client: anthropic.AsyncAnthropic, model: str
) -> None:
    said: list[Any] = [{"role": "user", "content": task.case.asks}]
    offered: list[Any] = [
        {"name": tool.name, "description": tool.description or "", "input_schema": tool.input_schema}
        for tool in tools.values()
    ]
    for _ in range(TURNS):
        async with asyncio.timeout(PATIENCE):
            reply = await client.messages.create(
                model=model,
                max_tokens=MAX_TOKENS,
                system=INSTRUCTIONS,
                messages=said,
                tools=offered,
                cache_control={"type": "ephemeral"},
            )
        if not is_message(reply):
            task.stopped = "the Messages API answered no message"
            return
        task.usage = task.usage.plus(usage_of(reply))
        said.append(reply.to_param())
        if reply.stop_reason == "end_turn":
            task.said = "".join(block.text for block in reply.content if block.type == "text")
            return
        if reply.stop_reason != "tool_use":
            task.stopped = "the model stopped before its end"
            return
        results = [
            await _run(task, catalogue, tools, block) for block in reply.content if block.type == "tool_use"
        ]
        said.append({"role": "user", "content": results})
    task.stopped = f"no answer after {TURNS} turns"


async def _run(task: Task, catalogue: Client, tools: dict[str, Tool], block: Any) -> dict[str, Any]:
    """Run one call and note it. What must not be called is noted and not run."""
    task.calls.append(block.name)
    tool = tools.get(block.name)
    if tool is None or is_forbidden(task.case, tool, block.input):
        task.forbidden.append(block.name)
        return _result(block, "This tool is not offered here.", wrong=True)
    if misfits(tool, block.input):
        task.misfits += 1
    answer = await catalogue.call_tool(block.name, block.input)
    task.retries += block.name == task.refused
    task.errors += answer.is_error is True
    task.refused = block.name if answer.is_error else ""
    written = json.dumps(answer.structured_content) if answer.structured_content else text(answer)
    return _result(block, written[:MAX_TOOL_RESULT], wrong=answer.is_error is True)


def is_forbidden(case: Case, tool: Tool, arguments: Any) -> bool:
    """What changes something and is not meant, what the case forbids, and a yes that nobody gave."""
    confirmed = isinstance(arguments, dict) and bool(arguments.get("confirm"))
    return (
        tool.name in case.never
        or (not reads(tool) and tool.name not in case.right)
        or (confirmed and case.asks_back)
    )


def _result(block: Any, written: str, *, wrong: bool) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": block.id, "content": written, "is_error": wrong}
