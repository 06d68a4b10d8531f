"""The MCP server: the catalogue for chat clients."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mcp.server import MCPServer
from mcp.server.request_state import RequestStateSecurity

from handrail.context import OpenContext
from handrail.engine.access import read_sees, read_tokens
from handrail.settings import SendMode, Settings
from mcp_server import completion, prompts, resources
from mcp_server.access import AUTH, Access, Verifier
from mcp_server.audit import Audit
from mcp_server.manners import Manners, answerable
from mcp_server.sealing import OneKey
from mcp_server.views.pages import extension, hide_from_models
from tools import catalogue
from tools._server import OnDemand, published
from tools._tool import Effect

INSTRUCTIONS = (Path(__file__).parent / "instructions.md").read_text("utf-8")


def create_server(
    open_context: OpenContext,
    settings: Settings | None = None,
    secret: Callable[[], bytes] | None = None,
) -> MCPServer[OnDemand]:
    """A server whose tools work on the context that `open_context` opens, at the first call.

    `settings` say which tools there are, and who may call them over HTTP; without them, all for everybody.
    `secret` is asked for when a person is; without it, their answers are taken by this process alone.
    """
    on_demand = OnDemand(open_context, guarded=True)
    tokens = read_tokens(settings.api_tokens.get_secret_value()) if settings and settings.api_tokens else ()
    tools = {each.name: each for each in published(offered(settings))}
    own = read_sees(settings.sees, "HANDRAIL_SEES") if settings and settings.sees else None
    access = Access(on_demand, {each.name: each for each in catalogue()}, tokens, own)
    audit = Audit(on_demand, tools, lambda ctx: access.caller(ctx).name)

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[OnDemand]:
        try:
            yield on_demand
        finally:
            await audit.flush()
            await on_demand.close()

    server: MCPServer[OnDemand] = MCPServer(
        "handrail",
        title="Handrail",
        version=version("handrail"),
        description="Questions about Mixpanel accounts, and help for users who are stuck.",
        instructions=INSTRUCTIONS,
        lifespan=lifespan,
        log_level="WARNING",
        tools=list(tools.values()),
        token_verifier=Verifier(tokens) if tokens else None,
        auth=AUTH if tokens else None,
        extensions=[extension()],
        request_state_security=RequestStateSecurity(codec=OneKey(secret)) if secret else None,
    )
    # Outermost first: a call that is refused is on record, too.
    server.middleware.extend([answerable, audit, access, hide_from_models, Manners(server, tools)])
    resources.publish(server, on_demand)
    prompts.publish(server)
    completion.publish(server, on_demand)
    return server


def offered(settings: Settings | None) -> set[Effect]:
    """Effects of the tools there are: none writes in read-only mode, none sends while sending is off."""
    if settings is None:
        return {"read", "write", "send"}
    if settings.read_only:
        return {"read"}
    return {"read", "write"} if settings.send_mode is SendMode.OFF else {"read", "write", "send"}
