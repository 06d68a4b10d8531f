"""Every route and every tool asks for a token, whatever is given in its place and wherever it is put."""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from handrail.domain.access import Role
from handrail.engine import keys
from tests.hardening.conftest import Promise
from tests.hardening.counts import tried
from tests.hardening.doors.asking import (
    ADMIN,
    APPROVE,
    READ,
    Door,
    ask,
    bearer,
    doors_of,
    opened,
    part,
    settings_of,
)
from tests.hardening.doors.spoiling import spoiled
from tools import catalogue

OPEN = {
    "GET /t/{token}",
    "HEAD /t/{token}",
    "GET /u/{token}",
    "POST /u/{token}",
    "GET /tutorials/{token}",
    "GET /tutorials/{token}/picture",
    "POST /tutorials/{token}/answer",
    "POST /tutorials/{token}/help",
    "POST /tutorials/{token}/read",
    "POST /hooks/sendgrid",
    "GET /healthz",
    "GET /static/tutorial.js",
    "GET /static/handrail.css",
    "GET /static/charts.css",
    "GET /static/handrail.js",
    "GET /static/handrail.svg",
}
"""What needs no token: links of mails, what is signed, style and script, and whether the process lives."""

ADMINS = {"POST /api/integrations/mixpanel/connect"}


def basic(name: str, password: str) -> tuple[str, str]:
    return ("authorization", "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode())


GIVEN: dict[str, list[tuple[str, str]]] = {
    "nothing": [],
    "an empty token": [bearer("")],
    "a wrong token": [bearer("wrong" * 5)],
    "all but the last character": [bearer(ADMIN[:-1])],
    "one character more": [bearer(ADMIN + "d")],
    "other case": [bearer(ADMIN.upper())],
    "the token without its scheme": [("authorization", ADMIN)],
    "another scheme": [("authorization", f"Token {ADMIN}")],
    "a broken Basic": [("authorization", "Basic %%%")],
    "a Basic that is no text": [("authorization", "Basic " + base64.b64encode(b"a:\xff\xfe").decode())],
    "the token as the user's name": [basic(ADMIN, "")],
    "a wrong password": [basic("eve", "wrong" * 5)],
    "name and token": [bearer(f"eve:admin:{ADMIN}")],
    "a cookie": [("cookie", f"token={ADMIN}; access_token={ADMIN}; authorization=Bearer {ADMIN}")],
    "headers of other products": [("x-api-key", ADMIN), ("x-auth-token", ADMIN), ("api-key", ADMIN)],
    "the headers of a proxy": [("x-forwarded-user", "eve"), ("x-real-ip", "127.0.0.1")],
    "a referrer": [("referer", f"http://127.0.0.1:8321/?token={ADMIN}")],
    "another method's name": [("x-http-method-override", "GET")],
}
QUERIES = ["", f"?token={ADMIN}&access_token={ADMIN}&api_key={ADMIN}&authorization=Bearer%20{ADMIN}"]


async def test_every_route_but_those_of_mails_asks_for_a_token(tmp_path: Path, promise: Promise) -> None:
    asked, let_in, odd = 0, [], []
    async with opened(settings_of(tmp_path)) as (app, _):
        doors = [each for each in doors_of(app) if str(each) not in OPEN]
        for at, door in enumerate(doors):
            for name, headers in part(list(GIVEN.items()), at):
                for query in QUERIES:
                    answer = await ask(app, door.method, door.path + query, *headers)
                    asked += 1
                    if answer.status != 401:
                        let_in.append((str(door), name, query, answer.status))
                    said_how = answer.is_problem or door.template == "/mcp"
                    if not (said_how and "www-authenticate" in answer.headers):
                        odd.append((str(door), name))

    assert len(doors) >= 55
    assert let_in == []
    assert odd == []
    promise(
        f"routes: 0 of {asked} requests to {len(doors)} doors came in without a token or with a wrong one"
    )


async def test_only_what_mails_link_to_is_open_and_nothing_else_became_so(tmp_path: Path) -> None:
    async with opened(settings_of(tmp_path)) as (app, _):
        doors = doors_of(app)
        found = {str(door) for door in doors if (await ask(app, door.method, door.path)).status != 401}

    assert found == OPEN


async def test_each_role_comes_as_far_as_it_goes(tmp_path: Path, promise: Promise) -> None:
    wrong, asked = [], 0
    async with opened(settings_of(tmp_path)) as (app, _):
        for door in doors_of(app):
            if str(door) in OPEN or door.template == "/mcp":
                continue
            needs = Role.READ if door.method in {"GET", "HEAD"} else Role.APPROVE
            needs = Role.ADMIN if str(door) in ADMINS else needs
            for role, token in ((Role.READ, READ), (Role.APPROVE, APPROVE), (Role.ADMIN, ADMIN)):
                answer = await ask(app, door.method, door.path, bearer(token))
                asked += 1
                refused = answer.status == 403 and "needs a token with the role" in answer.text
                if answer.status in {401, 500} or refused is role.includes(needs):
                    wrong.append((str(door), role, answer.status))

    assert wrong == []
    promise(f"roles: {asked} requests of three roles came exactly as far as their role goes")


async def test_read_only_lets_nobody_change_anything(tmp_path: Path) -> None:
    async with opened(settings_of(tmp_path, read_only=True)) as (app, _):
        posts = [each for each in doors_of(app) if each.method == "POST" and str(each) not in OPEN]
        answers = {
            str(door): (await ask(app, door.method, door.path, bearer(ADMIN))).status
            for door in posts
            if door.template != "/mcp"
        }

    assert len(answers) >= 17
    assert set(answers.values()) == {403}


OTHER_SPELLINGS = [
    "//api/accounts",
    "/api//accounts",
    "/api/accounts/",
    "/API/accounts",
    "/api/accounts%00",
    "/t/../api/accounts",
    "/t/%2e%2e/api/accounts",
    "/t/..%2fapi%2faccounts",
    "/static/../api/accounts",
    "/static/..%2f..%2fapi%2faccounts",
    "/static/%2e%2e/%2e%2e/.env",
    "/static/....//handrail.css",
    "/healthz/../settings",
    "/healthz%2f..%2fsettings",
    "/healthz;/../settings",
    "/hooks/sendgrid/../../settings",
    "/tutorials/../settings",
    "/u/..%5c..%5csettings",
    "/%61pi/accounts",
    "/./settings",
    "/settings/",
    "/settings;a=b",
    "/mcp/",
    "/mcp//",
    "/mcp%2f",
    "/mcp/../settings",
    "*",
    "",
]


async def test_no_other_spelling_of_a_path_is_let_in(tmp_path: Path) -> None:
    found = {}
    async with opened(settings_of(tmp_path)) as (app, _):
        for path in OTHER_SPELLINGS:
            for method in ("GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "FOO"):
                answer = await ask(app, method, path)
                if answer.status not in {401, 404, 405}:
                    found[f"{method} {path}"] = answer.status

    assert found == {}


CALL = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}


def called(name: str, arguments: dict[str, Any]) -> tuple[list[tuple[str, str]], bytes]:
    """Headers and body of a call of a tool, as a client of today sends it."""
    message = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": name, "arguments": arguments, "_meta": META},
    }
    headers = CALL | {"mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": name}
    return list(headers.items()), json.dumps(message).encode()


async def test_every_tool_asks_for_a_token_and_for_its_role(tmp_path: Path, promise: Promise) -> None:
    let_in, asked = [], 0
    beyond: list[tuple[str, Role, bool]] = []
    within: list[tuple[str, Role, bool]] = []
    tools = [each for each in catalogue() if not each.of_a_page]
    async with opened(settings_of(tmp_path, send_mode="auto")) as (app, ctx):
        for at, tool in enumerate(tools):
            headers, message = called(tool.name, {})
            for name, given in part(list(GIVEN.items()), at):
                for query in QUERIES:
                    answer = await ask(app, "POST", f"/mcp{query}", *headers, *given, pieces=[message])
                    asked += 1
                    if answer.status != 401 or not answer.headers["www-authenticate"].startswith("Bearer"):
                        let_in.append((tool.name, name, answer.status))
            for role, token in ((Role.READ, READ), (Role.APPROVE, APPROVE), (Role.ADMIN, ADMIN)):
                answer = await ask(app, "POST", "/mcp", *headers, bearer(token), pieces=[message])
                asked += 1
                refused = "needs a token with the role" in answer.text
                (within if role.includes(tool.role) else beyond).append((tool.name, role, refused))
        async with ctx.store.read() as work:
            changed = await work.deliveries.pauses()

    assert len(tools) == 16
    assert let_in == []
    assert [each for each in beyond if not each[2]] == []
    assert [each for each in within if each[2]] == []
    assert len(beyond) == 4, "four tools change something, and need more than to read"
    assert changed == []
    promise(f"tools: 0 of {asked} calls of {len(tools)} tools came in without the token that they need")


NOW = datetime(2026, 11, 20, 2, tzinfo=UTC)
SECRET = b"s" * 32


def test_no_spoiled_and_no_old_confirmation_sends_anything(promise: Promise) -> None:
    code = keys.confirmation(SECRET, "person", "exports", "the text", NOW)
    changed = spoiled(code, tried(2000, at_least=500))
    others = [
        keys.confirmation(SECRET, *words, NOW)
        for words in (
            ("another", "exports", "the text"),
            ("person", "imports", "the text"),
            ("person", "exports", "x"),
        )
    ]
    others += [keys.confirmation(b"k" * 32, "person", "exports", "the text", NOW)]
    until, _, proof = code.partition("-")
    others += [f"{int(until) + more}-{proof}" for more in (1, 60, 86400)] + [f"0{code}", f"{until}-", "-", ""]

    def confirms(given: str, now: datetime) -> bool:
        return keys.confirms(SECRET, given, "person", "exports", "the text", now)

    assert confirms(code, NOW)
    assert confirms(code, NOW + keys.CONFIRMED_FOR)
    assert not confirms(code, NOW + keys.CONFIRMED_FOR + timedelta(seconds=1)), "too old"
    assert [each for each in [*changed, *others] if confirms(each, NOW)] == []
    promise(f"confirmations: 0 of {len(changed) + len(others)} spoiled codes were taken, and no old one")


@pytest.mark.parametrize("session", ["", "x", "0" * 32, "a" * 5000, "\u00ff", "../../etc"])
async def test_a_session_that_is_not_there_or_no_more_is_not_found(session: str, tmp_path: Path) -> None:
    message = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"}).encode()
    older = [*CALL.items(), ("mcp-protocol-version", "2025-11-25"), ("mcp-session-id", session)]
    async with opened(settings_of(tmp_path)) as (app, _):
        answer = await ask(app, "POST", "/mcp", *older, bearer(ADMIN), pieces=[message])

    assert 400 <= answer.status < 500


def test_a_door_fills_in_every_parameter_of_its_path() -> None:
    assert Door("POST", "/accounts/{account}/alerts/{alert_id}").path == f"/accounts/x/alerts/{'1' * 12}"
