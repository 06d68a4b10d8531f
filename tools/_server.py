"""The catalogue over MCP: the same binding for chat clients and for the nightly agent's model."""

import inspect
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from mcp import Client
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError

from handrail.context import ToolContext
from handrail.errors import HandrailError
from tools import catalogue
from tools._tool import Effect, Tool

OpenContext = Callable[[], AbstractAsyncContextManager[ToolContext]]


def bind(tool: Tool) -> Callable[..., Any]:
    """Adapt `tool(ctx, **arguments)` for the SDK: the schema shows the arguments, errors are in our words."""
    signature = inspect.signature(tool.function, eval_str=True)
    _, *arguments = signature.parameters.values()

    async def call(*, mcp_context: Context[ToolContext], **given: Any) -> Any:
        try:
            return await tool.function(mcp_context.request_context.lifespan_context, **given)
        except HandrailError as error:
            raise ToolError(str(error)) from None

    keyword = inspect.Parameter.KEYWORD_ONLY
    hidden = inspect.Parameter("mcp_context", keyword, annotation=Context)
    shown = [argument.replace(kind=keyword) for argument in arguments]
    call.__name__, call.__doc__ = tool.name, tool.function.__doc__
    vars(call)["__signature__"] = signature.replace(parameters=[*shown, hidden])
    call.__annotations__ = {each.name: each.annotation for each in shown} | {
        "mcp_context": Context,
        "return": signature.return_annotation,
    }
    return call


def add_catalogue(server: MCPServer[ToolContext], effects: Collection[Effect]) -> None:
    """Publish every tool that has one of these effects."""
    for tool in catalogue():
        if tool.effect in effects:
            server.add_tool(
                bind(tool),
                name=tool.name,
                title=tool.title,
                description=inspect.cleandoc(tool.function.__doc__ or ""),
                annotations=tool.annotations,
            )


@asynccontextmanager
async def reading_client(ctx: ToolContext) -> AsyncIterator[Client]:
    """An in-memory client of the catalogue's reading tools on an open context: all that the model may use."""

    @asynccontextmanager
    async def lifespan(_: MCPServer[ToolContext]) -> AsyncIterator[ToolContext]:
        yield ctx

    server: MCPServer[ToolContext] = MCPServer("handrail-catalogue", lifespan=lifespan, log_level="ERROR")
    for tool in catalogue():
        if tool.effect == "read" and tool.name in MODEL_READS:
            server.add_tool(
                bind(tool), name=tool.name, description=inspect.cleandoc(tool.function.__doc__ or "")
            )
    async with Client(server) as client:
        yield client


MODEL_READS = frozenset({"search_feature_docs"})
"""What the writing model reads: documents only, for account figures have no place in a mail."""
