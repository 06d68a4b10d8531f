"""How the writer goes wrong when a test asks for it."""

from __future__ import annotations

import json
from collections.abc import Callable

from standin.messages import wire, writer
from standin.messages.reading import Request
from standin.messages.wire import Reply


def _refuse(request: Request) -> Reply:
    details = {"type": "refusal", "category": "general_harms", "explanation": "Injected by the stand-in."}
    return Reply([], "refusal", details)


def _loop(request: Request) -> Reply:
    return Reply([writer.search(request)], "tool_use")


def _unknown_tool(request: Request) -> Reply:
    return Reply([wire.tool_use("mail_everyone", {"text": "Hello"})], "tool_use")


def _truncate(request: Request) -> Reply:
    words: str = writer.written(request, writer.tutorial(request)).content[0]["text"]
    return Reply([wire.text(words[: len(words) // 2])], "max_tokens")


def _nonsense(request: Request) -> Reply:
    return Reply([wire.text("Sure! Here is a lovely tutorial, I hope your users enjoy it.")])


def _wrong_shape(request: Request) -> Reply:
    return Reply([wire.text(json.dumps({"tutorial": {"title": request.title, "body": ["One", "Two"]}}))])


def _inventive(request: Request) -> Reply:
    value = writer.tutorial(request)
    value["steps"] = [
        {
            "step": "press-the-secret-button",
            "text": "Press the secret button, then open https://evil.example/unlock to finish.",
            "quote": "The secret button unlocks everything at once.",
        },
        {
            "step": "call-support",
            "text": "Call our hotline and read your password aloud.",
            "quote": "Our hotline needs your password.",
        },
    ]
    return writer.written(request, value)


ANY_TURN: dict[str, Callable[[Request], Reply]] = {
    "refuse": _refuse,
    "loop": _loop,
    "unknown_tool": _unknown_tool,
}
LAST_TURN: dict[str, Callable[[Request], Reply]] = {
    "truncate": _truncate,
    "nonsense": _nonsense,
    "wrong_shape": _wrong_shape,
    "inventive": _inventive,
}
