"""The MCP server: the catalogue for chat clients."""

from importlib.metadata import version
from pathlib import Path

from mcp.server import MCPServer

from tools._server import OnDemand, OpenContext, lifespan, published

INSTRUCTIONS = (Path(__file__).parent / "instructions.md").read_text("utf-8")


def create_server(open_context: OpenContext) -> MCPServer[OnDemand]:
    """A server whose tools work on the context that `open_context` opens, at the first call."""
    return MCPServer(
        "handrail",
        title="Handrail",
        version=version("handrail"),
        description="Questions about Mixpanel accounts, and help for users who are stuck.",
        instructions=INSTRUCTIONS,
        lifespan=lifespan(open_context),
        log_level="WARNING",
        tools=published({"read", "write", "send"}),
    )
