"""The web app: dashboard, REST, mail links, and the MCP endpoint, on one port."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI
from mcp.server import MCPServer
from mcp.server.transport_security import DEFAULT_MAX_REQUEST_BODY_SIZE, TransportSecuritySettings
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.routing import Route

from handrail.context import OpenContext, ToolContext, open_context
from handrail.flows.alarm import watch
from handrail.flows.book import keep_ready
from handrail.services.mail import webhook
from handrail.settings import Settings
from tools._server import OnDemand
from web import api, frame, hooks, links, metrics, problems, tutorials
from web.access import ENDPOINT, Gate, doors
from web.bodies import Whole
from web.pages import account, book, brief, reference, results, runs, tonight
from web.pages import reports as report_pages
from web.pages import settings as settings_page
from web.reach import within_reach
from web.rest import accounts, alerts, connection, health, nights, outcomes, reports
from web.rest.document import Documented
from web.rest.rate import Rate

LOOKING = (frame, book, account, brief, results, report_pages, reference)
DECIDING = (tonight, runs, settings_page)
REST = (api, accounts, connection, outcomes, health, alerts, reports, nights, metrics)
MAIL = (hooks, links, tutorials)
LONG = {ENDPOINT: DEFAULT_MAX_REQUEST_BODY_SIZE, hooks.PATH: webhook.MOST_BYTES}
"""Bytes that a body may have, at the paths of programs that send much."""

MakeServer = Callable[[OpenContext, Settings, Callable[[], bytes]], MCPServer[OnDemand]]


def create_app(settings: Settings, make_mcp_server: MakeServer) -> FastAPI:
    """One app. It opens one context for its life; the pages and the MCP server at `/mcp` share it.

    Raises `ConfigError` where the settings would serve more than this machine without tokens.
    """
    door = doors(settings)
    opened: list[ToolContext] = []

    @asynccontextmanager
    async def shared() -> AsyncIterator[ToolContext]:
        yield opened[0].acting_as("chat")

    mcp = make_mcp_server(shared, settings, lambda: opened[0].secret)
    endpoint = mcp.streamable_http_app(
        transport_security=TransportSecuritySettings(allowed_hosts=door.served, allowed_origins=door.callers)
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_context(settings, actor="web") as ctx:
            app.state.ctx = ctx
            opened.append(ctx)
            looking = [asyncio.create_task(each(ctx)) for each in (watch, keep_ready)]
            async with mcp.session_manager.run():
                yield
            for task in looking:
                task.cancel()
            await asyncio.gather(*looking, return_exceptions=True)

    # The framework's own documentation pages load scripts from another host: /openapi.json is served instead.
    app = Documented(
        title="Handrail",
        version=mcp.version or "",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(within_reach)],
    )
    app.tokens = door.tokens
    app.add_middleware(Whole, most=LONG)
    app.add_middleware(Gate, tokens=door.tokens, read_only=settings.read_only)
    app.add_middleware(frame.Guard)
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
    app.state.rate = Rate(settings.api_rate)
    for room in (*LOOKING, *DECIDING, *REST, *MAIL):
        app.include_router(room.router)
    # Not mounted: a mount at / would take every path that nobody else has, and answer it in its own words.
    app.router.routes.append(Route(ENDPOINT, endpoint))
    return app
