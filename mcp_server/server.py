"""The MCP server: the catalogue for chat clients."""

from importlib.metadata import version
from pathlib import Path

from mcp.server import MCPServer

from mcp_server.resources import brief
from mcp_server.views.pages import extension, hide_from_models
from tools._server import OnDemand, OpenContext, lifespan, published

INSTRUCTIONS = (Path(__file__).parent / "instructions.md").read_text("utf-8")


def create_server(open_context: OpenContext) -> MCPServer[OnDemand]:
    """A server whose tools work on the context that `open_context` opens, at the first call."""
    on_demand = OnDemand(open_context)
    return MCPServer(
        "handrail",
        title="Handrail",
        version=version("handrail"),
        description="Questions about Mixpanel accounts, and help for users who are stuck.",
        instructions=INSTRUCTIONS,
        lifespan=lifespan(on_demand),
        log_level="WARNING",
        tools=published({"read", "write", "send"}),
        resources=[brief(on_demand)],
        extensions=[extension()],
        middleware=[hide_from_models],
    )
