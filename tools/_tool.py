"""What makes a function a tool: a title, and the effect it has."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from mcp.types import ToolAnnotations
from pydantic import BaseModel

Effect = Literal["read", "write", "send"]
ToolFunction = Callable[..., Awaitable[BaseModel]]
F = TypeVar("F", bound=ToolFunction)

_MARK = "__handrail_tool__"


@dataclass(frozen=True)
class Tool:
    """One entry of the catalogue. `effect`: read, write (our store) or send (someone's inbox)."""

    name: str
    title: str
    effect: Effect
    function: ToolFunction

    @property
    def annotations(self) -> ToolAnnotations:
        """All four hints, so that no host has to assume the worst."""
        return ToolAnnotations(
            read_only_hint=self.effect == "read",
            destructive_hint=self.effect == "send",
            idempotent_hint=True,
            open_world_hint=self.effect == "send",
        )


def tool(*, title: str, effect: Effect) -> Callable[[F], F]:
    """Put a function into the catalogue. Its first parameter is the `ToolContext`; it answers one model."""

    def mark(function: F) -> F:
        setattr(function, _MARK, Tool(function.__name__, title, effect, function))
        return function

    return mark


def entry(function: Any) -> Tool | None:
    """The catalogue entry of a function, if it is a tool."""
    found = getattr(function, _MARK, None)
    return found if isinstance(found, Tool) else None
