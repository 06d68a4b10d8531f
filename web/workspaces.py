"""Several workspaces on one port: each is a whole app of its own, below a path of its own."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from handrail.settings import Settings
from handrail.workspaces import at_work
from web import api, problems
from web.access import doors
from web.api import Wellness
from web.app import MakeServer, create_app
from web.frame import Guard


def create_house(workspaces: Sequence[Settings], make_mcp_server: MakeServer) -> FastAPI:
    """The apps of all workspaces below `/w/NAME`, and outside of them nothing that names one."""
    apps = {each.workspace: create_app(each, make_mcp_server) for each in workspaces}

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for name, app in apps.items():
                with at_work(name):
                    await stack.enter_async_context(app.router.lifespan_context(app))
            yield

    house = FastAPI(title="Handrail", lifespan=lifespan, openapi_url=None, docs_url=None, redoc_url=None)
    house.add_middleware(Guard)
    hosts = dict.fromkeys(host for each in workspaces for host in doors(each).hosts)
    house.add_middleware(TrustedHostMiddleware, allowed_hosts=list(hosts), www_redirect=False)
    problems.install(house)
    house.add_api_route("/healthz", api.healthz)

    @house.get("/readyz")
    async def readyz() -> Wellness:
        """Tell that every workspace is ready; its own `/readyz` tells which one is not."""
        for name, app in apps.items():
            with at_work(name):
                await api.readyz(app.state.ctx)
        return Wellness(status="ok")

    for name, app in apps.items():
        house.mount(f"/w/{name}", _Named(app, name))
    return house


class _Named:
    """An app whose log lines say for which workspace it works."""

    def __init__(self, app: ASGIApp, name: str) -> None:
        self._app = app
        self._name = name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with at_work(self._name):
            await self._app(scope, receive, send)
