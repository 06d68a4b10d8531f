"""What makes a function a tool: a title, the effect it has, and what a person is asked before."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Literal, TypeVar, cast

from mcp.types import ToolAnnotations
from pydantic import BaseModel

from handrail.context import ToolContext
from handrail.domain.access import NOT_YOURS, Reach, Role
from handrail.errors import NotYours

Effect = Literal["read", "write", "send"]
ToolFunction = Callable[..., Awaitable[BaseModel]]
F = TypeVar("F", bound=ToolFunction)

_MARK = "__handrail_tool__"


@dataclass(frozen=True)
class View:
    """The page that hosts with MCP Apps show beside an answer. `only`: that page alone calls the tool."""

    page: str
    only: bool = False

    @property
    def uri(self) -> str:
        return f"ui://handrail/{self.page}"

    @property
    def meta(self) -> dict[str, Any]:
        """The tool's `_meta`, as the extension's specification of 2026-01-26 has it."""
        only = {"visibility": ["app"]} if self.only else {}
        return {"ui": {"resourceUri": self.uri, **only}}


@dataclass(frozen=True)
class Question:
    """What a person is asked before the tool acts, and the code of a yes for the argument `confirm`.

    The text follows from the arguments alone: a yes counts for the very words that were shown.
    """

    text: str
    code: str


Ask = Callable[..., Awaitable[Question]]


@dataclass(frozen=True)
class Tool:
    """One entry of the catalogue. `effect`: read, write (our store) or send (someone's inbox).

    `reach`: what a reader who sees some accounts gets of it; whoever does not say it gives them nothing.
    """

    name: str
    title: str
    effect: Effect
    function: ToolFunction
    view: View | None = None
    ask: Ask | None = None
    reach: Reach | None = None

    @property
    def annotations(self) -> ToolAnnotations:
        """All four hints, so that no host has to assume the worst."""
        return ToolAnnotations(
            read_only_hint=self.effect == "read",
            destructive_hint=self.effect == "send",
            idempotent_hint=True,
            open_world_hint=self.effect == "send",
        )

    @property
    def of_a_page(self) -> bool:
        """Whether the page beside an answer calls it, and no model: then it is not in a model's list."""
        return self.view is not None and self.view.only

    @property
    def role(self) -> Role:
        """Whose token may call it: what changes anything, or costs, is for those who may also send."""
        return Role.READ if self.effect == "read" else Role.APPROVE

    @property
    def refused(self) -> bool:
        """Whether a reader who sees some accounts is refused."""
        return self.reach in (None, "refused")


def tool(
    *,
    title: str,
    effect: Effect,
    view: View | None = None,
    ask: Ask | None = None,
    reach: Reach | None = None,
) -> Callable[[F], F]:
    """Put a function into the catalogue. Its first parameter is the `ToolContext`; it answers one model.

    `ask` takes the same arguments and tells what a person is asked first; then `confirm` is one of them.
    """

    def mark(function: F) -> F:
        @wraps(function)
        async def guarded(ctx: ToolContext, *args: Any, **given: Any) -> BaseModel:
            if ctx.sees and made.refused:
                raise NotYours(NOT_YOURS)
            return await function(ctx, *args, **given)

        made = Tool(function.__name__, title, effect, guarded, view, ask, reach)
        setattr(guarded, _MARK, made)
        return cast("F", guarded)

    return mark


def entry(function: Any) -> Tool | None:
    """The catalogue entry of a function, if it is a tool."""
    found = getattr(function, _MARK, None)
    return found if isinstance(found, Tool) else None
