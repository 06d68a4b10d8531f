"""The web app: dashboard, REST, mail links, and the MCP endpoint, on one port."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI
from mcp.server import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from handrail.context import ToolContext, open_context
from handrail.flows.alarm import watch
from handrail.settings import Settings
from tools._server import OnDemand, OpenContext
from web import alerts, api, briefs, frame, health, hooks, links, metrics, problems, reports, tutorials
from web.access import Gate, doors
from web.pages import book, results, runs, tonight
from web.pages import settings as settings_page

MakeServer = Callable[[OpenContext, Settings], MCPServer[OnDemand]]


def create_app(settings: Settings, make_mcp_server: MakeServer) -> FastAPI:
    """One app. It opens one context for its life; the pages and the MCP server at `/mcp` share it.

    Raises `ConfigError` where the settings would serve more than this machine without tokens.
    """
    door = doors(settings)
    opened: list[ToolContext] = []

    @asynccontextmanager
    async def shared() -> AsyncIterator[ToolContext]:
        yield opened[0].acting_as("chat")

    mcp = make_mcp_server(shared, settings)
    endpoint = mcp.streamable_http_app(
        transport_security=TransportSecuritySettings(allowed_hosts=door.served, allowed_origins=door.callers)
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_context(settings, actor="web") as ctx:
            app.state.ctx = ctx
            opened.append(ctx)
            watching = asyncio.create_task(watch(ctx))
            async with mcp.session_manager.run():
                yield
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    # The framework's own documentation pages load scripts from another host: /openapi.json is served instead.
    app = FastAPI(
        title="Handrail", version=mcp.version or "", lifespan=lifespan, docs_url=None, redoc_url=None
    )
    app.middleware("http")(Gate(door.tokens, read_only=settings.read_only))
    app.middleware("http")(frame.guard)
    if settings.allowed_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.allowed_origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["*"],
            expose_headers=["Mcp-Session-Id"],
        )
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=door.hosts, www_redirect=False)
    problems.install(app)
    pages = (book, tonight, runs, results, settings_page)
    for room in (frame, *pages, api, reports, alerts, briefs, health, metrics, hooks, links, tutorials):
        app.include_router(room.router)
    app.mount("/", endpoint)
    return app
