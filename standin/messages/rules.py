"""What the Messages API refuses with a 400, so that the stand-in hides no fault of its caller."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from standin.messages import schemas, wire

COUNT_KEYS = {
    *("cache_control", "messages", "model", "output_config", "speed", "system", "thinking"),
    *("tool_choice", "tools"),
}
CREATE_KEYS = COUNT_KEYS | {
    *("container", "diagnostics", "inference_geo", "max_tokens", "metadata", "service_tier"),
    *("stop_sequences", "stream"),
}
_SAMPLING = ("temperature", "top_p", "top_k")
VERSION = "2026-10-21"
_BLOCKS = {
    "user": {"text", "image", "document", "search_result", "tool_result"},
    "assistant": {"text", "thinking", "redacted_thinking", "tool_use"},
    "system": {"text"},
}


def refusal(body: Any, version: str | None, keys: set[str]) -> str | None:
    """The first thing wrong with a request, or None."""
    return next(_wrong(body, version, keys), None)


def _wrong(body: Any, version: str | None, keys: set[str]) -> Iterator[str]:
    if version is None:
        yield "anthropic-version: header is required"
    elif version != VERSION:
        yield f'anthropic-version: "{version}" is not a valid version'
    if not isinstance(body, dict):
        yield "The request body is not valid JSON."
        return
    yield from _top_level(body, keys)
    yield from _tools(body)
    yield from _output(body)
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        yield "messages: at least one message is required"
        return
    for number, each in enumerate(messages):
        yield from _message(each, f"messages.{number}")
    yield from _turns(messages)
    yield from _pairs(messages)
    yield from _append_only(body)


def _top_level(body: dict[str, Any], keys: set[str]) -> Iterator[str]:
    for key in body:
        if key in _SAMPLING:
            yield f"{key}: sampling parameters are not supported by this API version"
        elif key not in keys:
            yield f"{key}: Extra inputs are not permitted"
    if not isinstance(body.get("model"), str):
        yield "model: Field required"
    limit = body.get("max_tokens", 1 if "max_tokens" not in keys else None)
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
        yield "max_tokens: Field required, an integer of at least 1"
    if body.get("stream"):
        yield "stream: this stand-in answers whole messages only"
    choice = (body.get("tool_choice") or {}).get("type", "auto")
    if choice not in ("auto", "none"):
        yield f"tool_choice: type `{choice}` is not supported on this model"
    if (body.get("thinking") or {}).get("type") == "enabled":
        yield "thinking: type `enabled` is not supported on this model; use `adaptive`"


def _tools(body: dict[str, Any]) -> Iterator[str]:
    names: set[str] = set()
    for number, tool in enumerate(body.get("tools") or []):
        name = tool.get("name", "") if isinstance(tool, dict) else ""
        if not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name):
            yield f"tools.{number}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,64}}$'"
        elif name in names:
            yield "tools: Tool names must be unique."
        elif (tool.get("input_schema") or {}).get("type") != "object":
            yield f"tools.{number}.input_schema.type: Field required, `object`"
        names.add(name)


def _output(body: dict[str, Any]) -> Iterator[str]:
    config = body.get("output_config") or {}
    if config.get("effort", "medium") not in ("low", "medium", "high", "xhigh", "max", None):
        yield "output_config.effort: Input should be low, medium, high, xhigh or max"
    form = config.get("format")
    if form is None:
        return
    if form.get("type") != "json_schema" or not isinstance(form.get("schema"), dict):
        yield "output_config.format: Input should be a json_schema with a schema"
    else:
        for wrong in schemas.unsupported(form["schema"]):
            yield f"output_config.format.schema: {wrong}"


def _message(each: Any, field: str) -> Iterator[str]:
    role = each.get("role") if isinstance(each, dict) else None
    if role not in _BLOCKS:
        yield f"{field}.role: Input should be 'user', 'assistant' or 'system'"
        return
    content = each.get("content")
    if not isinstance(content, (str, list)) or (not content and role == "user"):
        yield f"{field}.content: Field required, and not empty"
        return
    for number, block in enumerate(_blocks(each)):
        kind = block.get("type") if isinstance(block, dict) else None
        if kind not in _BLOCKS[role]:
            yield f"{field}.content.{number}: Input tag '{kind}' is not one of the expected tags"
        elif kind == "text" and not str(block.get("text") or "").strip():
            yield f"{field}.content.{number}: text content blocks must contain non-whitespace text"


def _blocks(each: dict[str, Any]) -> list[dict[str, Any]]:
    content = each["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _turns(messages: list[dict[str, Any]]) -> Iterator[str]:
    if messages[0]["role"] == "assistant":
        yield "messages: first message must use the user role"
    if messages[-1]["role"] == "assistant":
        yield (
            "This model does not support assistant message prefill. "
            "The conversation must end with a user message."
        )


def _pairs(messages: list[dict[str, Any]]) -> Iterator[str]:
    open_calls: list[str] = []
    for number, each in enumerate(messages):
        blocks = _blocks(each)
        results = [block for block in blocks if block["type"] == "tool_result"]
        answered = [str(block.get("tool_use_id")) for block in results]
        missing = [call for call in open_calls if call not in answered]
        if missing:
            yield (
                f"messages.{number}: `tool_use` ids were found without `tool_result` blocks immediately "
                f"after: {', '.join(missing)}. Each `tool_use` block must have a corresponding "
                "`tool_result` block in the next message."
            )
        for call in answered:
            if call not in open_calls or answered.count(call) > 1:
                yield (
                    f"messages.{number}: unexpected `tool_use_id` found in `tool_result` blocks: {call}. "
                    "Each `tool_result` block must have a corresponding `tool_use` block in the "
                    "previous message."
                )
        if results != blocks[: len(results)]:
            yield f"messages.{number}: `tool_result` blocks must come before any other content"
        open_calls = [str(block.get("id")) for block in blocks if block["type"] == "tool_use"]


def _append_only(body: dict[str, Any]) -> Iterator[str]:
    for number, each in enumerate(body["messages"]):
        for place, block in enumerate(_blocks(each)):
            if block["type"] == "thinking" and block.get("signature") != wire.signature(body, number):
                yield (
                    f"messages.{number}.content.{place}: Invalid `signature` in `thinking` block: the model, "
                    "the system prompt, the tools and all earlier messages have to be as they were"
                )
