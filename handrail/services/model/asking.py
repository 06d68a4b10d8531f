"""One request to the model: what it holds, what it may cost, and what its answer says."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel, ValidationError

from handrail.domain.spending import Usage
from handrail.domain.tutorials import Draft, Task

if TYPE_CHECKING:
    from anthropic.types import Message

MAX_TOKENS = 4096
MAX_TOOL_RESULT = 20_000
MOST_TOKENS = 100_000_000
"""No answer can have used more; such a count is an error of whoever counted."""

_PROMPT = (Path(__file__).parent / "write_tutorial.md").read_text("utf-8")
_CACHED = {"type": "ephemeral"}


class Handed(Protocol):
    """A batch that was handed in; `calls` are the numbers of its calls, by the id of each request."""

    @property
    def id(self) -> str: ...
    @property
    def calls(self) -> Mapping[str, int]: ...


class Purse(Protocol):
    """Who keeps the money; see `handrail/purse.py`."""

    async def reserve(self, sizes: Sequence[tuple[int, int]], *, batch: bool = False) -> list[int]: ...
    async def book(self, call: int, usage: Usage, *, batch: bool = False) -> None: ...
    async def give_back(self, calls: Sequence[int]) -> None: ...
    async def handed_in(self, batch_id: str, calls: Mapping[str, int]) -> None: ...
    async def waiting(self) -> Sequence[Handed]: ...
    async def fetched(self, batch_id: str) -> None: ...


@dataclass
class Written:
    """What the model handed in and what it cost. `problem` is our words, never the model's."""

    draft: Draft | None = None
    problem: str = ""
    passing: bool = False
    """Whether the problem is one of tonight: the model was not there, or there was no money left."""
    calls: int = 0
    usage: Usage = field(default_factory=Usage)
    messages: list[dict[str, Any]] = field(default_factory=list, repr=False)

    def fail(self, problem: str) -> None:
        """It did not come to an answer of the model; another night may do better."""
        self.problem, self.passing = problem, True


def request(model: str) -> dict[str, Any]:
    """What all requests have in common. It is cached up to the system prompt, tools included."""
    schema = Draft.model_json_schema()
    return {
        "model": model,
        "max_tokens": MAX_TOKENS,
        "system": [{"type": "text", "text": _PROMPT, "cache_control": _CACHED}],
        "output_config": {"format": {"type": "json_schema", "schema": schema}},
    }


def task(wanted: Task) -> dict[str, Any]:
    """Ids and bands only, and a text that helped before: nothing of a person, nothing raw from analytics."""
    signature, style, example = wanted
    value: dict[str, Any] = {
        "task": "write_tutorial",
        "feature": signature.feature,
        "stuck_step": signature.stuck_step,
        "main_error": signature.reason or None,
        "band": signature.band,
        "style": style,
    }
    if example:
        value["helped_before"] = {
            "style": example.style,
            "intro": example.intro,
            "steps": [{"step": step.step, "text": step.text} for step in example.steps],
        }
    return {"type": "text", "text": json.dumps(value)}


def material(read: str) -> dict[str, Any]:
    """What was read through the tools beforehand; the same for all tasks of a feature, so it is cached."""
    return {"type": "text", "text": read, "cache_control": _CACHED}


def size(body: Mapping[str, Any]) -> tuple[int, int]:
    """Bytes of the prompt, and the most tokens that may come back."""
    text = json.dumps(body, ensure_ascii=False, default=_plain)
    return len(text.encode()), int(body["max_tokens"])


def _plain(block: object) -> object:
    """Blocks of earlier answers stand in the conversation as the SDK gave them."""
    return block.model_dump(mode="json") if isinstance(block, BaseModel) else str(block)


_READ: dict[str, dict[str, type]] = {
    "text": {"text": str},
    "tool_use": {"id": str, "name": str, "input": dict},
}
"""What is read of a block, by its kind."""


def is_message(reply: object) -> bool:
    """The SDK hands on whatever came with a 200: a proxy's page, an empty object, values of other types."""
    from anthropic.types import Message  # noqa: PLC0415  (a second of start-up that a chat client would wait for)

    if not isinstance(reply, Message) or not isinstance(reply.content, list):
        return False
    return all(map(_is_block, reply.content)) and _is_usage(reply.usage)


def _is_block(block: object) -> bool:
    """Whether it has what is read of it; of kinds that are new only the name is."""
    kind = getattr(block, "type", None)
    needed = _READ.get(kind, {}) if isinstance(kind, str) else {"type": str}
    return all(isinstance(getattr(block, name, None), shape) for name, shape in needed.items())


def _is_usage(usage: object) -> bool:
    """Whether it can be paid: no count is negative, and none is more than a service would ever work on."""
    told = [getattr(usage, name, None) for name in ("input_tokens", "output_tokens")]
    cached = [
        getattr(usage, name, None) or 0 for name in ("cache_creation_input_tokens", "cache_read_input_tokens")
    ]
    return all(type(count) is int and 0 <= count <= MOST_TOKENS for count in told + cached)


def usage_of(reply: "Message") -> Usage:
    told = reply.usage
    return Usage(
        input_tokens=told.input_tokens,
        cache_write_tokens=told.cache_creation_input_tokens or 0,
        cache_read_tokens=told.cache_read_input_tokens or 0,
        output_tokens=told.output_tokens,
    )


_STOPPED = {
    "refusal": "the model refused",
    "max_tokens": "the model's answer was cut off",
    "model_context_window_exceeded": "the model's answer was cut off",
}


def read(written: Written, reply: "Message") -> None:
    """The draft of a last answer, or what is wrong with it."""
    if reply.stop_reason != "end_turn":
        written.problem = _STOPPED.get(str(reply.stop_reason), "the model stopped for another reason")
        return
    text = "".join(block.text for block in reply.content if block.type == "text")
    try:
        written.draft = Draft.model_validate_json(text)
    except ValidationError:
        written.problem = "the model's answer was no tutorial"
