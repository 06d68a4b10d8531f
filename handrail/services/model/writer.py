"""The writing stage: a bounded conversation that ends with a draft, or with why there is none."""

import asyncio
import logging
import math
from collections.abc import Mapping
from time import monotonic
from typing import Any

import anthropic
import httpx2
from anthropic import APIRequest, AsyncAPIResponse, AsyncCallNext
from anthropic.types import Message, ToolUseBlock
from mcp import Client
from mcp.types import TextContent

from handrail.domain.tutorials import Task
from handrail.services.model import asking, bulk
from handrail.services.model.asking import MAX_TOOL_RESULT, Purse, Written
from handrail.settings import Settings

MAX_TURNS = 5
MAX_CALLS = 8
"""Tools that one reply may call; it needs two."""

CALLS_A_TASK = 3
"""A whole conversation may take as long as so many calls may."""

LONGEST_PAUSE = 10.0
"""Seconds that the service may ask to be left alone for before a call is tried again; else it is given up."""

MOST_FAILURES = 3
REST = 600.0
"""After so many tasks in a row that the service did not answer, it is left alone for so many seconds."""

RESTING = "the model's service did not answer several times in a row, and is left alone for ten minutes"
OVER_BUDGET = "the model's budget for this day is used up"
NO_MESSAGE = "the model's service answered with something that is no message"

# At DEBUG this logger prints prompts.
logging.getLogger("anthropic").setLevel(logging.WARNING)


class Writer:
    """Asks the model for tutorials. It reads through the catalogue's own tools and can do nothing else."""

    def __init__(self, settings: Settings, http: httpx2.AsyncClient, purse: Purse) -> None:
        self._model = settings.model
        self._purse = purse
        self._batch_seconds = settings.model_batch_minutes * 60.0
        self._task_seconds = CALLS_A_TASK * settings.model_seconds
        self._failures, self._rests_until = 0, 0.0
        key = settings.anthropic_api_key
        self._client = (
            anthropic.AsyncAnthropic(
                api_key=key.get_secret_value(),
                base_url=settings.anthropic_base_url,
                http_client=http,
                timeout=settings.model_seconds,
                max_retries=1,
                middleware=[_no_long_pause],
            )
            if key
            else None
        )

    async def write(self, task: Task, catalogue: Client) -> Written:
        """One draft for one task. Never raises for the model's or the vendor's faults."""
        written = Written()
        if self._client is None:
            written.fail("no model is configured")
        elif monotonic() < self._rests_until:
            written.fail(RESTING)
        else:
            self._note(await self._asked(self._client, written, task, catalogue))
        return written

    async def _asked(
        self, client: anthropic.AsyncAnthropic, written: Written, task: Task, catalogue: Client
    ) -> bool:
        """Whether the service answered at all; if not, why not stands in `written`."""
        try:
            async with asyncio.timeout(self._task_seconds):
                await self._converse(client, written, task, catalogue)
        except (TimeoutError, anthropic.APITimeoutError):
            written.fail("the model did not finish in time")
        except anthropic.APIStatusError as error:
            written.fail(f"the model's service answered with status {error.status_code}")
        except anthropic.APIError:
            written.fail("the model's service cannot be reached")
        except (ValueError, RecursionError):
            written.fail(NO_MESSAGE)
        return not written.passing or written.problem == OVER_BUDGET

    def _note(self, answered: bool) -> None:
        """A service that is down is not asked for each of a night's texts: every try may take minutes."""
        self._failures = 0 if answered else self._failures + 1
        if self._failures >= MOST_FAILURES:
            self._failures, self._rests_until = 0, monotonic() + REST

    async def write_all(self, tasks: Mapping[str, Task], catalogue: Client) -> dict[str, Written]:
        """Drafts by a message batch, at half the price, as far as they come in time. `tasks`: by an id.

        What is missing in the answer has to be asked for one by one, and so has everything if the service
        takes no batch. Never raises for the model's or the vendor's faults.
        """
        found: dict[str, Written] = {}
        if self._client is None or not self._batch_seconds:
            return found
        try:
            await bulk.write_all(
                self._client, self._model, self._purse, tasks, catalogue, self._batch_seconds, found
            )
        except (anthropic.APIError, ValueError, TypeError, AttributeError, RecursionError) as error:
            # Of an answer of another shape the SDK makes objects whose parts are missing.
            logging.getLogger(__name__).warning("a batch did not go through: %s", type(error).__name__)
        return {each: written for each, written in found.items() if each in tasks}

    async def _converse(
        self,
        client: anthropic.AsyncAnthropic,
        written: Written,
        task: Task,
        catalogue: Client,
    ) -> None:
        tools: list[dict[str, Any]] = [
            {"name": tool.name, "description": tool.description or "", "input_schema": tool.input_schema}
            for tool in (await catalogue.list_tools()).tools
        ]
        written.messages.append({"role": "user", "content": [asking.task(task)]})
        body = {**asking.request(self._model), "tools": tools, "messages": written.messages}
        for _ in range(MAX_TURNS):
            reply = await self._ask(client, body, written)
            if reply is None:
                return
            if reply.stop_reason != "tool_use":
                asking.read(written, reply)
                return
            written.messages.append(dict(reply.to_param()))
            calls = [block for block in reply.content if isinstance(block, ToolUseBlock)]
            offered = {tool["name"] for tool in tools}
            results = [await _call(catalogue, call, offered) for call in calls[:MAX_CALLS]]
            results += [_refused(call, "These are too many calls at once.") for call in calls[MAX_CALLS:]]
            written.messages.append({"role": "user", "content": results})
        written.problem = f"the model did not finish within {MAX_TURNS} turns"

    async def _ask(
        self, client: anthropic.AsyncAnthropic, body: dict[str, Any], written: Written
    ) -> Message | None:
        """One call, paid for before it leaves; None with a problem if it may not be made or says nothing."""
        slot = await self._purse.reserve([asking.size(body)])
        if not slot:
            written.fail(OVER_BUDGET)
            return None
        try:
            reply: Message = await client.messages.create(**body)
        except anthropic.APIStatusError:
            await self._purse.give_back(slot)
            raise
        if not asking.is_message(reply):
            written.fail(NO_MESSAGE)
            return None
        usage = asking.usage_of(reply)
        await self._purse.book(slot[0], usage)
        written.calls += 1
        written.usage = written.usage.plus(usage)
        return reply


async def _no_long_pause(request: APIRequest, call_next: AsyncCallNext) -> AsyncAPIResponse[Any]:
    """The SDK would wait for as long as a refusal says, for weeks if it said so."""
    answer = await call_next(request)
    headers = answer.http_response.headers
    if not 0 <= _seconds(headers) <= LONGEST_PAUSE:
        headers["x-should-retry"] = "false"
    return answer


def _seconds(headers: httpx2.Headers) -> float:
    """What `retry-after` asks for; 0 where it says nothing. A date counts as long."""
    try:
        return float(headers.get("retry-after", 0))
    except ValueError:
        return math.inf


async def _call(catalogue: Client, call: ToolUseBlock, offered: set[str]) -> dict[str, Any]:
    """Run one tool call of the model; what it may not do comes back to it as an error."""
    if call.name not in offered:
        return _refused(call, "There is no such tool here.")
    answer = await catalogue.call_tool(call.name, call.input)
    text = "\n".join(block.text for block in answer.content if isinstance(block, TextContent))
    return _result(call, text[:MAX_TOOL_RESULT], is_error=bool(answer.is_error))


def _refused(call: ToolUseBlock, words: str) -> dict[str, Any]:
    return _result(call, words, is_error=True)


def _result(call: ToolUseBlock, words: str, *, is_error: bool) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": call.id, "is_error": is_error, "content": words}
