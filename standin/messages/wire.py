"""Shapes on the wire of the Messages API: replies, errors, models, and the signature of a thinking block."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from starlette.responses import JSONResponse, Response

MODELS = {
    "claude-haiku-5-5": "Claude Haiku 5.5",
    "claude-sonnet-5-5": "Claude Sonnet 5.5",
    "claude-opus-5-5": "Claude Opus 5.5",
    "claude-fable-5-1": "Claude Fable 5.1",
}
_ERRORS = {
    400: "invalid_request_error",
    401: "authentication_error",
    404: "not_found_error",
    413: "request_too_large",
    529: "overloaded_error",
}


class Reply(NamedTuple):
    """What the writer answers: content blocks, why it stopped, and details of a refusal.

    `changes` go over the message around it, whatever the real service would say.
    """

    content: list[dict[str, Any]]
    stop_reason: str = "end_turn"
    stop_details: dict[str, Any] | None = None
    changes: Mapping[str, Any] = MappingProxyType({})


class Cached(NamedTuple):
    """Tokens of a prompt: read from the cache, written to it, and the rest."""

    read: int
    written: int
    rest: int


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words, "citations": None}


def tool_use(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    call_id = "toolu_" + secrets.token_hex(12)
    return {"type": "tool_use", "id": call_id, "name": name, "input": arguments, "caller": {"type": "direct"}}


def thinking(body: dict[str, Any]) -> dict[str, Any]:
    """A thinking block as current models send it by default: no words, only a signature."""
    return {"type": "thinking", "thinking": "", "signature": signature(body, len(body["messages"]))}


def signature(body: dict[str, Any], length: int) -> str:
    """Binds a thinking block to its model, system prompt, tools and the `length` messages before it."""
    before = {key: body.get(key) for key in ("model", "system", "tools")}
    before["messages"] = body["messages"][:length]
    canonical = json.dumps(_without_cache_marks(before), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _without_cache_marks(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_cache_marks(each) for key, each in value.items() if key != "cache_control"}
    if isinstance(value, list):
        return [_without_cache_marks(each) for each in value]
    return value


def tokens(characters: int) -> int:
    return max(1, characters // 4)


def message(body: dict[str, Any], reply: Reply, cached: Cached) -> dict[str, Any]:
    """A whole message; a reply longer than `max_tokens` is cut there, as the real service does."""
    content, stop_reason = reply.content, reply.stop_reason
    allowed = int(body["max_tokens"]) * 4
    if len(_words(content)) > allowed and content[-1]["type"] == "text":
        content = [*content[:-1], text(content[-1]["text"][:allowed])]
        stop_reason = "max_tokens"
    return {
        "id": "msg_" + secrets.token_hex(12),
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "container": None,
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "stop_details": reply.stop_details,
        "usage": _usage(cached, tokens(len(_words(content)))),
        **reply.changes,
    }


def _words(content: list[dict[str, Any]]) -> str:
    return "".join(block.get("text") or json.dumps(block.get("input", "")) for block in content)


def _usage(cached: Cached, output_tokens: int) -> dict[str, Any]:
    return {
        "input_tokens": cached.rest,
        "output_tokens": output_tokens,
        "cache_creation_input_tokens": cached.written,
        "cache_read_input_tokens": cached.read,
        "cache_creation": {"ephemeral_5m_input_tokens": cached.written, "ephemeral_1h_input_tokens": 0},
        "output_tokens_details": {"thinking_tokens": 0},
        "server_tool_use": None,
        "service_tier": "standard",
    }


def answer(body: dict[str, Any], status: int = 200) -> Response:
    return JSONResponse(body, status, headers={"request-id": body.get("request_id") or _request_id()})


def error(status: int, words: str) -> Response:
    kind = {"type": _ERRORS[status], "message": words}
    return answer({"type": "error", "error": kind, "request_id": _request_id()}, status)


def _request_id() -> str:
    return "req_" + secrets.token_hex(12)


def model(model_id: str) -> dict[str, Any]:
    return {
        "type": "model",
        "id": model_id,
        "display_name": MODELS[model_id],
        "created_at": "2026-09-01T00:00:00Z",
        "lifecycle": "active",
        "line": model_id.split("-")[1],
        "max_input_tokens": 1_000_000,
        "max_tokens": 128_000,
    }
