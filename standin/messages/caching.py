"""Prompt caching: what stands before a mark is kept, and read by later requests that begin the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from standin.messages import wire
from standin.messages.wire import Cached

LEAST_TOKENS = 512
"""A shorter beginning is not kept, and nothing is said."""


def counted(body: dict[str, Any], size: int, kept: set[str]) -> Cached:
    """The tokens of a checked request of `size` characters. Keeps what it marks."""
    whole = wire.tokens(size)
    marks = [(_hash(text), wire.tokens(len(text))) for text in _beginnings(body)]
    marks = [(name, tokens) for name, tokens in marks if tokens >= LEAST_TOKENS]
    read = max((tokens for name, tokens in marks if name in kept), default=0)
    longest = min(whole, max((tokens for _, tokens in marks), default=0))
    kept.update(name for name, _ in marks)
    read = min(read, longest)
    return Cached(read=read, written=longest - read, rest=whole - longest)


def _beginnings(body: dict[str, Any]) -> Iterator[str]:
    """The prompt up to each mark, in the service's order: tools, system, messages."""
    told = json.dumps(body.get("model"))
    for block in _blocks(body):
        marked = isinstance(block, dict) and "cache_control" in block
        plain = {key: value for key, value in block.items() if key != "cache_control"} if marked else block
        told += json.dumps(plain, sort_keys=True, ensure_ascii=False)
        if marked:
            yield told


def _blocks(body: dict[str, Any]) -> Iterator[Any]:
    yield from body.get("tools") or []
    system = body.get("system") or []
    yield from [system] if isinstance(system, str) else system
    for message in body["messages"]:
        content = message["content"]
        yield message["role"]
        yield from [content] if isinstance(content, str) else content


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
