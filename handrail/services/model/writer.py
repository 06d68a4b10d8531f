"""The writing stage: a bounded conversation that ends with a draft, or with why there is none."""

import asyncio
import json
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anthropic
import httpx2
from anthropic.types import Message, ToolUseBlock
from mcp import Client
from mcp.types import TextContent
from pydantic import ValidationError

from handrail.domain.struggles import Signature
from handrail.domain.tutorials import Draft, Style
from handrail.settings import Settings

MAX_TURNS = 5
MAX_TOKENS = 4096
CALL_SECONDS = 60.0
TASK_SECONDS = 180.0
MAX_TOOL_RESULT = 20_000

_PROMPT = (Path(__file__).parent / "write_tutorial.md").read_text("utf-8")
# At DEBUG this logger prints prompts.
logging.getLogger("anthropic").setLevel(logging.WARNING)


@dataclass
class Written:
    """What the model handed in and what it cost. `problem` is our words, never the model's."""

    draft: Draft | None = None
    problem: str = ""
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    messages: list[dict[str, Any]] = field(default_factory=list, repr=False)


class Writer:
    """Asks the model for tutorials. It reads through the catalogue's own tools and can do nothing else."""

    def __init__(self, settings: Settings, http: httpx2.AsyncClient) -> None:
        self._model = settings.model
        key = settings.anthropic_api_key
        self._client = (
            anthropic.AsyncAnthropic(
                api_key=key.get_secret_value(),
                base_url=settings.anthropic_base_url,
                http_client=http,
                timeout=CALL_SECONDS,
                max_retries=1,
            )
            if key
            else None
        )

    async def write(self, signature: Signature, style: Style, catalogue: Client) -> Written:
        """One draft for one signature. Never raises for the model's or the vendor's faults."""
        written = Written()
        if self._client is None:
            written.problem = "no model is configured"
            return written
        try:
            async with asyncio.timeout(TASK_SECONDS):
                await self._converse(self._client, written, signature, style, catalogue)
        except TimeoutError:
            written.problem = "the model did not finish in time"
        except anthropic.APIStatusError as error:
            written.problem = f"the model's service answered with status {error.status_code}"
        except anthropic.APIError:
            written.problem = "the model's service cannot be reached"
        return written

    async def _converse(
        self,
        client: anthropic.AsyncAnthropic,
        written: Written,
        signature: Signature,
        style: Style,
        catalogue: Client,
    ) -> None:
        tools: list[dict[str, Any]] = [
            {"name": tool.name, "description": tool.description or "", "input_schema": tool.input_schema}
            for tool in (await catalogue.list_tools()).tools
        ]
        task = {"type": "text", "text": _task(signature, style)}
        written.messages.append({"role": "user", "content": [task]})
        request: dict[str, Any] = {
            "model": self._model,
            "max_tokens": MAX_TOKENS,
            "system": _PROMPT,
            "tools": tools,
            "messages": written.messages,
            "output_config": {"format": {"type": "json_schema", "schema": Draft.model_json_schema()}},
        }
        for _ in range(MAX_TURNS):
            reply: Message = await client.messages.create(**request)
            if not isinstance(reply, Message) or reply.usage is None or reply.content is None:
                # The SDK hands on whatever came with a 200: a proxy's page, an empty object.
                written.problem = "the model's service answered with something that is no message"
                return
            _book(written, reply)
            if reply.stop_reason == "end_turn":
                _finish(written, reply)
                return
            if reply.stop_reason != "tool_use":
                written.problem = _STOPPED.get(str(reply.stop_reason), "the model stopped for another reason")
                return
            written.messages.append(dict(reply.to_param()))
            calls = [block for block in reply.content if isinstance(block, ToolUseBlock)]
            results = [await _call(catalogue, call, {tool["name"] for tool in tools}) for call in calls]
            written.messages.append({"role": "user", "content": results})
        written.problem = f"the model did not finish within {MAX_TURNS} turns"


_STOPPED = {
    "refusal": "the model refused",
    "max_tokens": "the model's answer was cut off",
    "model_context_window_exceeded": "the model's answer was cut off",
}


def _task(signature: Signature, style: Style) -> str:
    """Ids and bands only: nothing of a person, nothing raw from analytics."""
    return json.dumps(
        {
            "task": "write_tutorial",
            "feature": signature.feature,
            "stuck_step": signature.stuck_step,
            "main_error": signature.reason or None,
            "band": signature.band,
            "style": style,
        }
    )


def _book(written: Written, reply: Message) -> None:
    written.calls += 1
    usage = reply.usage
    cached = (usage.cache_creation_input_tokens or 0) + (usage.cache_read_input_tokens or 0)
    written.input_tokens += usage.input_tokens + cached
    written.output_tokens += usage.output_tokens


def _finish(written: Written, reply: Message) -> None:
    text = "".join(block.text for block in reply.content if block.type == "text")
    try:
        written.draft = Draft.model_validate_json(text)
    except ValidationError:
        written.problem = "the model's answer was no tutorial"


async def _call(catalogue: Client, call: ToolUseBlock, offered: set[str]) -> dict[str, Any]:
    """Run one tool call of the model; what it may not do comes back to it as an error."""
    result: dict[str, Any] = {"type": "tool_result", "tool_use_id": call.id}
    if call.name not in offered or not isinstance(call.input, dict):
        return {**result, "is_error": True, "content": "There is no such tool here."}
    answer = await catalogue.call_tool(call.name, call.input)
    text = "\n".join(block.text for block in answer.content if isinstance(block, TextContent))
    return {**result, "is_error": bool(answer.is_error), "content": text[:MAX_TOOL_RESULT]}
