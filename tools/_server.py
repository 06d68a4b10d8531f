"""The catalogue over MCP: the same binding for chat clients and for the nightly agent's model."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Any, Self

from mcp import Client
from mcp.server import MCPServer
from mcp.server.apps import client_supports_apps
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool as McpTool
from pydantic import ValidationError

from handrail.context import OpenContext, ToolContext, follow_connection
from handrail.domain.access import Sees
from handrail.engine.text import shown
from handrail.errors import HandrailError
from tools import _asking, _schema, _text, catalogue
from tools._tool import Effect, Tool
from tools._views import seen


class OnDemand:
    """A context that opens at the first call, so that a server always starts and lists its tools at once.

    `guarded`: each request says with `seen_by` which accounts its caller sees, or gets nothing.
    """

    def __init__(self, open_context: OpenContext, *, guarded: bool = False) -> None:
        self._open = open_context
        self._lock = asyncio.Lock()
        self._stack = AsyncExitStack()
        self._ctx: ToolContext | None = None
        self._sees: ContextVar[Sees | None] | None = ContextVar("sees") if guarded else None

    @contextmanager
    def seen_by(self, sees: Sees | None) -> Iterator[None]:
        """What is worked on inside is for a reader of these accounts; None: of all."""
        if self._sees is None:
            raise LookupError("This server is not guarded.")
        before = self._sees.set(sees)
        try:
            yield
        finally:
            self._sees.reset(before)

    async def get(self) -> ToolContext:
        """The context as its caller may see it."""
        whole = await self.whole()
        return whole.seeing(self._sees.get()) if self._sees else whole

    async def whole(self) -> ToolContext:
        async with self._lock:
            if self._ctx is None:
                self._ctx = await self._stack.enter_async_context(self._open())
            await follow_connection(self._ctx)
            return self._ctx

    async def close(self) -> None:
        self._ctx = None
        await self._stack.aclose()

    @asynccontextmanager
    async def live(self, _: Any) -> AsyncIterator[Self]:
        """The lifespan of a server: the context closes with it."""
        try:
            yield self
        finally:
            await self.close()


def published(
    effects: Collection[Effect], names: Collection[str] | None = None, *, verbatim: bool = False
) -> list[McpTool]:
    """The tools of these effects (and names), ready for a server.

    `verbatim`: answers read as JSON, for a reader who quotes them to the letter.
    """
    return [
        _published(tool, verbatim=verbatim)
        for tool in catalogue()
        if tool.effect in effects and (names is None or tool.name in names)
    ]


def _published(tool: Tool, *, verbatim: bool) -> McpTool:
    entry = Published.from_function(
        _bind(tool, verbatim=verbatim),
        name=tool.name,
        title=tool.title,
        description=inspect.cleandoc(tool.function.__doc__ or ""),
        annotations=tool.annotations,
        meta=tool.view.meta if tool.view else None,
    )
    entry.parameters = _schema.arguments(entry.parameters)
    entry.fn_metadata.output_schema = _schema.answer(entry.fn_metadata.output_schema or {})
    return entry


class Published(McpTool):
    """A tool as the SDK runs it; wrong arguments are told in our words, and none is dropped in silence."""

    async def run(self, arguments: dict[str, Any], context: Any, convert_result: bool = False) -> Any:
        known = self.parameters["properties"]
        unknown = [repr(shown(each)) for each in arguments if each not in known]
        if unknown:
            takes = ", ".join(known) or "none"
            raise ToolError(
                f"{self.name} was not called: there is no argument {', '.join(unknown)}. It takes: {takes}."
            )
        try:
            self.fn_metadata.validate_arguments(arguments)
        except ValidationError as error:
            told = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
            raise ToolError(f"{self.name} was not called: {told}.") from None
        return await super().run(arguments, context, convert_result)


def _bind(tool: Tool, *, verbatim: bool) -> Callable[..., Any]:
    """Adapt `tool(ctx, **arguments)` for the SDK: the schema shows the arguments, errors are in our words."""
    signature = inspect.signature(tool.function, eval_str=True)
    _, *arguments = signature.parameters.values()

    async def call(*, mcp_context: Context[OnDemand], **given: Any) -> Any:
        _asking.settle(given)
        try:
            answer = await tool.function(await _opened(mcp_context), **given)
        except HandrailError as error:
            raise ToolError(str(error)) from None
        except Exception as error:
            from handrail.store.trouble import trouble  # noqa: PLC0415  (a chat client waits for the tool list)

            if (words := trouble(error)) is None:
                raise
            raise ToolError(words) from None
        if verbatim:
            return answer
        picture = given.get("output") == "chart"
        return seen(_text.told(answer), answer, page=client_supports_apps(mcp_context), picture=picture)

    keyword = inspect.Parameter.KEYWORD_ONLY
    visible = [argument.replace(kind=keyword) for argument in arguments]
    hidden = [inspect.Parameter("mcp_context", keyword, annotation=Context)]
    if tool.ask:
        hidden += _asking.parameters(tool.ask, visible, _opened)
    call.__name__, call.__doc__ = tool.name, tool.function.__doc__
    vars(call)["__signature__"] = signature.replace(parameters=[*visible, *hidden])
    call.__annotations__ = {each.name: each.annotation for each in [*visible, *hidden]} | {
        "return": signature.return_annotation,
    }
    return call


async def _opened(mcp_context: Context[OnDemand]) -> ToolContext:
    """The context; where the client wants to be told of progress, one that tells it."""
    ctx = await mcp_context.request_context.lifespan_context.get()
    wanted = (mcp_context.request_context.meta or {}).get("progress_token") is not None
    return ctx.telling(mcp_context.report_progress) if wanted else ctx


def already_open(ctx: ToolContext) -> OpenContext:
    """For a server on a context that somebody else opened and will close."""

    @asynccontextmanager
    async def same() -> AsyncIterator[ToolContext]:
        yield ctx

    return same


MODEL_READS = frozenset({"get_tutorial_results", "search_feature_docs"})
"""What the writing model reads: documents, and counts by signature over all accounts.

Nothing that tells one account from another: what a model has not read cannot come to stand in a mail.
"""


@asynccontextmanager
async def reading_client(ctx: ToolContext) -> AsyncIterator[Client]:
    """An in-memory client of the catalogue on an open context: all that the writing model may use."""
    server: MCPServer[OnDemand] = MCPServer(
        "handrail-catalogue",
        lifespan=OnDemand(already_open(ctx)).live,
        log_level="ERROR",
        tools=published({"read"}, MODEL_READS, verbatim=True),
    )
    try:
        async with Client(server) as client:
            yield client
    except ExceptionGroup as group:  # the SDK's, around what was raised by whoever uses the client
        raise _innermost(group) from None


def _innermost(error: Exception) -> Exception:
    """The one error inside groups of one."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
