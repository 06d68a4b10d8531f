"""The doors of the web app: hosts, origins, tokens and roles, over the whole HTTP stack."""

import base64
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from pydantic import SecretStr

from handrail.context import ToolContext
from handrail.errors import ConfigError
from handrail.settings import Settings
from mcp_server.server import create_server
from standin.state import Standin
from tests.conftest import settings_for
from tests.web.test_app import BASE, mail_links
from web.app import create_app

READ, APPROVE, ADMIN = "read-" + "r" * 20, "approve-" + "a" * 20, "admin-" + "d" * 20
OPENED: dict[str, Any] = {
    "api_tokens": SecretStr(f"ana:read:{READ},ben:approve:{APPROVE},eve:admin:{ADMIN}"),
    "allowed_hosts": "desk.example.com,10.0.0.5",
    "allowed_origins": "https://chat.example.com",
    "public_url": "https://guides.example.com",
}


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def basic(name: str, token: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{name}:{token}".encode()).decode()}


@pytest.fixture
def opened(standins: Standin, settings: Settings) -> Settings:
    """Settings that serve more than this machine."""
    return settings_for(standins, settings.data_dir, **OPENED)


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[httpx2.AsyncClient]:
    app = create_app(settings, create_server)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=BASE) as client,
    ):
        yield client


PING = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/list",
    "params": {
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        }
    },
}
WIRE = {
    "content-type": "application/json",
    "accept": "application/json, text/event-stream",
    "mcp-protocol-version": "2026-07-28",
    "mcp-method": "tools/list",
}

CASES: list[tuple[bool, str, str, int]] = [
    # opened with tokens, Host, Origin ("" for none), status at /mcp
    (False, "127.0.0.1:8321", "", 200),
    (False, "127.0.0.1", "", 200),
    (False, "localhost:8321", "", 200),
    (False, "LOCALHOST:8321", "", 421),
    (False, "[::1]:8321", "", 200),
    (False, "127.0.0.1:8321", "http://127.0.0.1:8321", 200),
    (False, "127.0.0.1:8321", "http://localhost:6274", 200),
    (False, "127.0.0.1:8321", "https://evil.example", 403),
    (False, "127.0.0.1:8321", "null", 403),
    (False, "127.0.0.1:8321", "http://127.0.0.1.evil.example", 403),
    (False, "evil.example", "", 400),
    (False, "127.0.0.1.evil.example", "", 400),
    (False, "desk.example.com", "", 400),
    (False, "127.0.0.1@evil.example", "", 400),
    (True, "127.0.0.1:8321", "", 200),
    (True, "desk.example.com", "", 200),
    (True, "desk.example.com:443", "", 200),
    (True, "guides.example.com", "", 200),
    (True, "10.0.0.5:8321", "", 200),
    (True, "sub.desk.example.com", "", 400),
    (True, "desk.example.com", "https://chat.example.com", 200),
    (True, "desk.example.com", "https://guides.example.com", 200),
    (True, "desk.example.com", "https://evil.example", 403),
    (True, "desk.example.com", "http://chat.example.com", 403),
    (True, "desk.example.com", "https://chat.example.com.evil.example", 403),
    (True, "evil.example", "https://chat.example.com", 400),
]


async def test_host_and_origin_are_checked_before_anything_is_answered(
    settings: Settings, opened: Settings
) -> None:
    found = []
    for with_tokens, chosen in ((False, settings), (True, opened)):
        async with serving(chosen) as client:
            for asked, host, origin, _ in CASES:
                if asked is not with_tokens:
                    continue
                headers = {**WIRE, **bearer(READ), "host": host, **({"origin": origin} if origin else {})}
                answer = await client.post("/mcp", json=PING, headers=headers)
                found.append((asked, host, origin, answer.status_code))

    assert len(CASES) >= 24
    assert found == CASES


async def test_another_host_is_refused_at_pages_rest_and_links_too(opened: Settings) -> None:
    async with serving(opened) as client:
        answers = [
            await client.get(path, headers={**bearer(ADMIN), "host": "evil.example"})
            for path in ("/", "/api/accounts", "/t/x", "/healthz", "/static/handrail.css")
        ]

    assert {answer.status_code for answer in answers} == {400}


async def told(client: Client, name: str, arguments: dict[str, object]) -> str:
    """Why a call was refused; empty for an answer."""
    try:
        return "error" if (await client.call_tool(name, arguments)).is_error else ""
    except MCPError as refused:
        return refused.error.message


@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_a_role_sees_and_calls_its_tools_over_http(
    era: Any, ctx: ToolContext, opened: Settings
) -> None:
    listed: dict[str, set[str]] = {}
    answers: dict[str, list[str]] = {}
    app = create_app(opened, create_server)
    async with app.router.lifespan_context(app):
        for name, token in {"ana": READ, "ben": APPROVE}.items():
            async with (
                httpx2.AsyncClient(
                    transport=httpx2.ASGITransport(app=app), base_url=BASE, headers=bearer(token)
                ) as http,
                Client(streamable_http_client(f"{BASE}/mcp", http_client=http), mode=era) as client,
            ):
                listed[name] = {tool.name for tool in (await client.list_tools()).tools}
                answers[name] = [
                    await told(client, "query_events", {"account": "Acme"}),
                    await told(client, "control_sending", {"action": "pause"}),
                ]
    async with ctx.store.read() as work:
        calls = await work.calls.newest(10)

    assert listed["ben"] - listed["ana"] == {
        "control_sending",
        "draft_tutorial",
        "send_tutorial",
        "sync_mixpanel",
    }
    assert answers["ana"] == ["", "control_sending needs a token with the role approve; ana has read."]
    assert answers["ben"] == ["", ""]
    assert [(each.caller, each.tool, each.outcome) for each in reversed(calls)] == [
        ("ana", "query_events", "ok"),
        ("ana", "control_sending", "refused"),
        ("ben", "query_events", "ok"),
        ("ben", "control_sending", "ok"),
    ]


@pytest.mark.parametrize("header", [{}, bearer("wrong" * 5), basic("ana", READ), {"authorization": READ}])
async def test_the_endpoint_wants_a_bearer_token(header: dict[str, str], opened: Settings) -> None:
    async with serving(opened) as client:
        answer = await client.post(
            f"/mcp?access_token={READ}&token={READ}", json=PING, headers={**WIRE, **header}
        )

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_session_of_one_token_is_not_open_to_another(opened: Settings) -> None:
    hello = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        },
    }
    older = {"content-type": WIRE["content-type"], "accept": WIRE["accept"]}
    async with serving(opened) as client:
        begun = await client.post("/mcp", json=hello, headers={**older, **bearer(READ)})
        session = {"mcp-session-id": begun.headers["mcp-session-id"], "mcp-protocol-version": "2025-11-25"}
        ping = {"jsonrpc": "2.0", "id": 2, "method": "ping"}
        own = await client.post("/mcp", json=ping, headers={**older, **session, **bearer(READ)})
        other = await client.post("/mcp", json=ping, headers={**older, **session, **bearer(ADMIN)})

    assert (begun.status_code, own.status_code, other.status_code) == (200, 200, 404)


PAGES = [("GET", "/"), ("GET", "/brief"), ("GET", "/metrics"), ("GET", "/openapi.json"), ("GET", "/readyz")]
REST = [("GET", "/api/accounts"), ("GET", "/api/runs/latest"), ("GET", "/no/such/page")]
COMMANDS = [("POST", "/api/mixpanel/sync"), ("POST", "/api/integrations/mixpanel/connect")]


@pytest.mark.parametrize(("method", "path"), [*PAGES, *REST, *COMMANDS])
async def test_pages_and_rest_want_a_token(
    method: str, path: str, opened: Settings, standins: Standin
) -> None:
    async with serving(opened) as client:
        answers = [
            await client.request(method, f"{path}?access_token={READ}", headers=headers)
            for headers in (
                {},
                bearer("wrong" * 5),
                basic("ana", "wrong" * 5),
                {"authorization": "Basic %%%"},
            )
        ]

    for answer in answers:
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Basic ")
        assert answer.headers["content-type"] == "application/problem+json"
    assert standins.requests == []


async def test_a_token_opens_what_its_role_covers(ctx: ToolContext, opened: Settings) -> None:
    connect = ("POST", "/api/integrations/mixpanel/connect")
    async with serving(opened) as client:

        async def status(token: str, method: str, path: str) -> int:
            return (await client.request(method, path, headers=bearer(token), json={})).status_code

        reading = [await status(READ, "GET", path) for path in ("/", "/api/accounts", "/metrics")]
        as_password = await client.get("/", headers=basic("anything", READ))
        sync = [await status(token, "POST", "/api/mixpanel/sync") for token in (READ, APPROVE)]
        connecting = [await status(token, *connect) for token in (READ, APPROVE, ADMIN)]
        await client._transport.app.state.ctx.background.finish()  # type: ignore[attr-defined]

    assert reading == [200, 200, 200]
    assert as_password.status_code == 200
    assert sync == [403, 202]
    assert connecting == [403, 403, 422], "an admin's empty body is refused for being empty"


async def test_mail_links_the_webhook_and_health_need_no_token(
    ctx: ToolContext, opened: Settings, standins: Standin
) -> None:
    button, way_out = await mail_links(ctx, standins)
    async with serving(opened) as client:
        clicked = await client.get(button)
        page = await client.get(clicked.headers["location"])
        linked = [
            await client.get(path)
            for path in (way_out, "/healthz", "/static/handrail.css", "/static/tutorial.js")
        ]
        left = await client.post(way_out)
        hook = await client.post("/hooks/sendgrid", content=b"[]")

    assert (clicked.status_code, page.status_code, left.status_code) == (302, 200, 200)
    assert [each.status_code for each in linked] == [200, 200, 200, 200]
    assert hook.status_code == 503, "the webhook answers for itself: no key is set"


async def test_pages_of_the_allowed_origins_may_call_from_a_browser(opened: Settings) -> None:
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
    async with serving(opened) as client:
        own = await client.options("/mcp", headers={**asked, "origin": "https://chat.example.com"})
        other = await client.options("/mcp", headers={**asked, "origin": "https://evil.example"})

    assert own.headers["access-control-allow-origin"] == "https://chat.example.com"
    assert "access-control-allow-origin" not in other.headers


@pytest.mark.parametrize("name", ["allowed_hosts", "allowed_origins"])
async def test_more_than_this_machine_is_never_served_without_tokens(
    name: str, standins: Standin, settings: Settings
) -> None:
    alone = settings_for(standins, settings.data_dir, **{name: OPENED[name]})

    with pytest.raises(ConfigError, match=f"HANDRAIL_{name.upper()} needs HANDRAIL_API_TOKENS"):
        create_app(alone, create_server)


async def test_no_token_reaches_a_log(
    ctx: ToolContext, opened: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving(opened) as client:
        for token in (READ, ADMIN, "wrong" * 5):
            await client.post("/mcp", json=PING, headers={**WIRE, **bearer(token)})
            await client.get("/api/accounts", headers=bearer(token))
            await client.get("/", headers=basic("ana", token))

    for secret in (READ, ADMIN, "wrong" * 5):
        assert secret not in caplog.text
        assert base64.b64encode(f"ana:{secret}".encode()).decode() not in caplog.text
    assert json.dumps(READ) not in repr(opened)
