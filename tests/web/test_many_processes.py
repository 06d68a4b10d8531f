"""Two servers on one database: what one of them was told or asked, the other knows."""

import asyncio
import itertools
import json
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from handrail.context import ToolContext
from handrail.settings import Settings
from standin.state import Standin
from tests.agent.test_kill import ROOT, environment
from tests.conftest import settings_for
from tests.mcp_server.test_asking import Person
from tests.mcp_server.test_server import content
from tests.tools.test_send_tutorial import FEATURE, stuck_person
from tests.web.test_access import ADMIN, APPROVE, OPENED, READ, bearer
from tests.web.test_app import browser

RATE = 60


@contextmanager
def server(settings: Settings, folder: Path) -> Iterator[int]:
    """`handrail serve` in a process of its own, without a project in its environment; answers its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    named = ("PROJECT_ID", "USERNAME", "SECRET", "GROUP_ID")
    kept = {
        name: value
        for name, value in environment(settings).items()
        if name.removeprefix("HANDRAIL_MIXPANEL_") not in named
    }
    env = {
        **kept,
        "HANDRAIL_API_TOKENS": OPENED["api_tokens"].get_secret_value(),
        "HANDRAIL_API_RATE": str(RATE),
        "HANDRAIL_DATABASE_URL": settings.database_url,
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "handrail.cli", "serve", "--port", str(port)]
    with subprocess.Popen(command, cwd=folder, env=env) as process:
        try:
            yield port
        finally:
            process.terminate()


class Alternately(httpx2.AsyncHTTPTransport):
    """Each request goes to the server after the one before, as behind a balancer."""

    def __init__(self, ports: list[int]) -> None:
        super().__init__()
        self._ports = itertools.cycle(ports)
        self.called: list[int] = []
        """The servers that were asked to call a tool."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        port = next(self._ports)
        if request.url.path == "/mcp" and json.loads(request.content or "{}").get("method") == "tools/call":
            self.called.append(port)
        request.url = request.url.copy_with(port=port)
        return await super().handle_async_request(request)


@asynccontextmanager
async def one_after_the_other(settings: Settings, folder: Path) -> AsyncIterator[Alternately]:
    with ExitStack() as stack:
        ports = [stack.enter_context(server(settings, folder)) for _ in range(2)]
        async with httpx2.AsyncClient() as client, asyncio.timeout(120):
            for port in ports:
                while not await _answers(client, port):  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
        yield Alternately(ports)


async def _answers(client: httpx2.AsyncClient, port: int) -> bool:
    try:
        return (await client.get(f"http://127.0.0.1:{port}/healthz")).status_code == 200
    except httpx2.TransportError:
        return False


async def test_what_one_server_was_told_the_other_knows(
    ctx: ToolContext, settings: Settings, standins: Standin, tmp_path: Path
) -> None:
    who, project = await stuck_person(ctx), standins.world.project
    given = {name: project[name] for name in ("project_id", "username", "secret")}
    person = Person("accept", yes=True)
    async with (
        one_after_the_other(settings, tmp_path) as way,
        httpx2.AsyncClient(transport=way, base_url="http://127.0.0.1") as client,
    ):
        unready = [(await client.get("/readyz", headers=bearer(READ))).status_code for _ in range(2)]
        await client.post("/api/integrations/mixpanel/connect", json=given, headers=bearer(ADMIN))
        ready = [(await client.get("/readyz", headers=bearer(READ))).status_code for _ in range(2)]
        books = [(await client.get("/api/accounts", headers=bearer(READ))).text for _ in range(2)]
        days = {"from_date": "2026-11-19", "to_date": "2026-11-19"}
        started = await client.post("/api/mixpanel/sync", json=days, headers=bearer(APPROVE))
        told = await _followed(client, started.headers["Location"])
        client.headers.update(bearer(APPROVE))
        async with Client(
            streamable_http_client("http://127.0.0.1/mcp", http_client=client), elicitation_callback=person
        ) as chat:
            sent = content(await chat.call_tool("send_tutorial", {"user_key": who, "feature": FEATURE}))

    assert (unready, ready) == ([503, 503], [200, 200])
    assert books[0] == books[1]
    assert json.loads(books[0])["items"]
    assert told == ["done", "done"], "each server tells the end of a sync that one of them ran"
    assert len(set(way.called)) == 2, "one server asked the person, and the other took the answer"
    assert (len(person.asked), sent["status"], len(standins.mails)) == (1, "sent", 1)


async def _followed(client: httpx2.AsyncClient, path: str) -> list[str]:
    """What two servers say of a sync, one after the other, once it runs no more."""
    while True:
        told = [(await client.get(path, headers=bearer(ADMIN))).json()["status"] for _ in range(2)]
        if "running" not in told:
            return told
        await asyncio.sleep(0.5)


@pytest.mark.parametrize(("limit", "part"), [(7, 1), (60, 3)])
async def test_a_callers_limit_holds_over_two_servers_and_is_used_up_between_them(
    limit: int, part: int, ctx: ToolContext, standins: Standin, settings: Settings
) -> None:
    limited = settings_for(standins, settings.data_dir, database_url=settings.database_url, **OPENED)
    limited = limited.model_copy(update={"api_rate": limit})
    async with browser(limited) as one, browser(limited) as other:
        first = [(await one.get("/api/alarms", headers=bearer(READ))).status_code for _ in range(part)]
        answers = [
            await each.get("/api/alarms", headers=bearer(READ)) for each in (other, one) for _ in range(limit)
        ]
        free = [(await each.get("/api/alarms", headers=bearer(ADMIN))).status_code for each in (one, other)]

    assert first == [200] * part
    assert Counter(each.status_code for each in answers) == {200: limit - part, 429: limit + part}
    assert all(1 <= int(each.headers["Retry-After"]) <= 60 for each in answers if each.status_code == 429)
    assert free == [200, 200], "each caller has a minute of their own"
