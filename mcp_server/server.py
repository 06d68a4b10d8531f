"""The MCP server: the catalogue for chat clients."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

from mcp.server import MCPServer

from handrail.context import ToolContext
from tools._server import OpenContext, add_catalogue

INSTRUCTIONS = (Path(__file__).parent / "instructions.md").read_text("utf-8")


def create_server(open_context: OpenContext) -> MCPServer[ToolContext]:
    """A server whose tools work on the context that `open_context` opens, once a connection."""

    @asynccontextmanager
    async def lifespan(_: MCPServer[ToolContext]) -> AsyncIterator[ToolContext]:
        async with open_context() as ctx:
            yield ctx

    server: MCPServer[ToolContext] = MCPServer(
        "handrail",
        title="Handrail",
        version=version("handrail"),
        description="Questions about Mixpanel accounts, and help for users who are stuck.",
        instructions=INSTRUCTIONS,
        lifespan=lifespan,
        log_level="WARNING",
    )
    add_catalogue(server, effects={"read", "write", "send"})
    return server
