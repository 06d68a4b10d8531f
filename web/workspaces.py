"""Several workspaces on one port: each is a whole app of its own, below a path of its own."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import Receive, Scope, Send

from handrail.errors import ConfigError, HandrailError
from handrail.settings import Settings
from handrail.workspaces import at_work
from web import api, problems
from web.access import doors
from web.api import Wellness
from web.app import MakeServer, create_app
from web.frame import Guard

AGAIN_SECONDS = 60
"""After which a workspace that could not be opened is tried again."""

log = logging.getLogger(__name__)


def create_house(
    workspaces: Sequence[Settings], make_mcp_server: MakeServer, *, again: float = AGAIN_SECONDS
) -> FastAPI:
    """The apps of all workspaces below `/w/NAME`, and outside of them nothing that names one."""
    rooms = [_Room(create_app(each, make_mcp_server), each.workspace) for each in workspaces]

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        turn, closing = asyncio.Lock(), asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for each in rooms:
                group.create_task(each.keep_open(turn, closing, again))
            for each in rooms:
                await each.tried.wait()
            yield
            closing.set()

    house = FastAPI(title="Handrail", lifespan=lifespan, openapi_url=None, docs_url=None, redoc_url=None)
    house.add_middleware(Guard)
    hosts = dict.fromkeys(host for each in workspaces for host in doors(each).hosts)
    house.add_middleware(TrustedHostMiddleware, allowed_hosts=list(hosts), www_redirect=False)
    problems.install(house)
    house.add_api_route("/healthz", api.healthz)

    @house.get("/readyz")
    async def readyz() -> Wellness:
        """Tell that every workspace is ready; its own `/readyz` tells which one is not."""
        for each in rooms:
            await each.ready()
        return Wellness(status="ok")

    for each in rooms:
        house.mount(f"/w/{each.name}", each)
    return house


class _Room:
    """A workspace's app: its log lines say for which one it works, and it answers 503 until it is open."""

    def __init__(self, app: FastAPI, name: str) -> None:
        self.name = name
        self.tried = asyncio.Event()
        self._app = app
        self._open = False

    async def keep_open(self, turn: asyncio.Lock, closing: asyncio.Event, again: float) -> None:
        """Hold the app open until all close; where it cannot be opened, try again and again.

        They take turns at opening: migrations of several databases at once would mix in their library.
        """
        with at_work(self.name):
            while not closing.is_set():
                try:
                    async with AsyncExitStack() as stack:
                        async with turn:
                            await stack.enter_async_context(self._app.router.lifespan_context(self._app))
                        self._open = True
                        self.tried.set()
                        await closing.wait()
                except HandrailError as error:
                    log.error("the workspace is not served: %s It is tried again in %.0f s.", error, again)
                    self.tried.set()
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(closing.wait(), again)

    async def ready(self) -> None:
        """Raises `HandrailError` where it is not."""
        if not self._open:
            raise ConfigError("A workspace could not be opened: the log says which, and why.")
        with at_work(self.name):
            await api.readyz(self._app.state.ctx)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with at_work(self.name):
            await (self._app if self._open else _NOT_OPEN)(scope, receive, send)


_NOT_OPEN = problems.problem(
    503,
    "This workspace could not be opened: the log says why, and it is tried again every minute.",
    headers={"Retry-After": str(AGAIN_SECONDS)},
)
