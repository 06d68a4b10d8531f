"""Two workspaces on one port, crossed: at every door of one, the tokens, ids and links of the other."""

import asyncio
import base64
import html
import io
import json
import logging
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_plus, urlencode

import httpx2
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import FastAPI
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp.types import PromptReference, ResourceTemplateReference
from pydantic import SecretStr

from agent import night
from handrail.cli.logs import Lines
from handrail.context import open_context
from handrail.settings import Settings
from handrail.workspaces import every
from mcp_server.server import create_server
from standin.sendgrid import events
from standin.server import running
from standin.state import Standin
from standin.world import load
from tests import databases
from tests.hardening.doors.asking import Door, ask, bearer, doors_of, queries_of
from tests.neighbours import (
    MARK,
    PROJECT,
    SECRET,
    Belongings,
    filled,
    second_world,
    write_workspace,
)
from web.app import create_app
from web.workspaces import create_house

OURS, THEIRS = "acme", "globex"
TOKENS = {name: f"{name}-token-{'x' * 16}" for name in (OURS, THEIRS)}
BASE = "http://127.0.0.1:8321"
FORM = ("content-type", "application/x-www-form-urlencoded")
JSON = ("content-type", "application/json")
SAME = {"night": ["2026-11-19"], "sync_id": ["1"]}
"""What both have: nights are days, and both have a first sync."""


@dataclass
class House:
    workspaces: list[Settings]
    theirs: Belongings
    worlds: dict[str, Standin]
    mails: list[dict[str, Any]]

    def rows(self) -> dict[str, list[str]]:
        """Every row of every table of theirs."""
        with databases.tables(self.workspaces[1].data_dir) as book:
            return {name: sorted(map(repr, book.execute(f'select * from "{name}"'))) for name in book.names()}

    @asynccontextmanager
    async def open(self) -> AsyncIterator[FastAPI]:
        app = create_house(self.workspaces, create_server)
        async with app.router.lifespan_context(app):
            yield app

    def started(self) -> datetime:
        """The moment at which our app's clock begins; that of its world runs on from test to test."""
        now = self.workspaces[0].now
        assert now is not None
        return now

    def leaks(self, answer: str, sent: str) -> list[str]:
        """What of the other workspace an answer tells that the question did not bring."""
        # Pages lead on with what was asked for, spelled as addresses are.
        told, sent = unquote_plus(html.unescape(answer)).casefold(), unquote_plus(sent)
        brought = {each for many in self.theirs.values.values() for each in many if each in sent}
        for each in sorted(brought, key=len, reverse=True):
            told = told.replace(each.casefold(), "")
        needles = {MARK, str(PROJECT), SECRET, *self.theirs.secret()}
        return sorted(each for each in needles if each.casefold() in told)


@pytest.fixture(scope="module")
def settled(
    acme_folder: Path, _acme_server: Standin, _synced_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    """Both workspaces after a night: ours mailed people, theirs has texts that wait for a yes."""
    folder = tmp_path_factory.mktemp("house")
    with (
        running(load(second_world(acme_folder, folder / "world"))) as other,
        pytest.MonkeyPatch.context() as at,
    ):
        _acme_server.reset()
        at.chdir(folder)
        at.setenv("HANDRAIL_WORKSPACES", "workspaces")
        at.setenv("HANDRAIL_PUBLIC_URL", "https://guides.example.com/")
        at.setenv("HANDRAIL_DATA_DIR", "data")
        at.setenv("HANDRAIL_API_RATE", "0")
        write_workspace(
            folder / "workspaces",
            OURS,
            _acme_server,
            HANDRAIL_DATABASE_URL=databases.address(folder / "data" / "workspaces" / OURS),
            HANDRAIL_SECRET_KEY="a secret of the tests, long enough",
            HANDRAIL_SEND_MODE="auto",
            HANDRAIL_API_TOKENS=f"eve:admin:{TOKENS[OURS]}",
            HANDRAIL_SENDGRID_WEBHOOK_KEY=events.public_key(),
        )
        write_workspace(
            folder / "workspaces",
            THEIRS,
            other,
            HANDRAIL_DATABASE_URL=databases.address(folder / "data" / "workspaces" / THEIRS),
            HANDRAIL_SECRET_KEY="a secret of theirs, long enough",
            HANDRAIL_MIXPANEL_REGION="eu",
            HANDRAIL_SEND_MODE="review",
            HANDRAIL_KB_DIR=str(folder / "world" / "kb"),
            HANDRAIL_API_TOKENS=f"eve:admin:{TOKENS[THEIRS]}",
            HANDRAIL_SENDGRID_WEBHOOK_KEY=_another_key(),
        )
        workspaces = every()
        databases.copy(_synced_data, workspaces[0].data_dir)
        asyncio.run(_night(workspaces[0]))
        theirs = filled(workspaces[1], other)
        yield House(workspaces, theirs, {OURS: _acme_server, THEIRS: other}, list(_acme_server.mails))
        _acme_server.reset()


def _another_key() -> str:
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return base64.b64encode(public.public_bytes(serialization.Encoding.DER, form)).decode()


async def _night(settings: Settings) -> None:
    async with open_context(settings, actor="nightly") as ctx:
        await night.run(ctx)


def spellings(door: Door, theirs: Belongings) -> list[str]:
    """The paths of a door with everything of theirs that can stand for its parameters."""
    names = re.findall(r"{(\w+)}", door.template)
    known = {**theirs.values, **SAME}
    unknown = [name for name in names if name not in known]
    assert not unknown, f"{door}: say in tests/neighbours.py what of a workspace stands for {unknown}"
    found = [door.template]
    for name in names:
        found = [path.replace(f"{{{name}}}", quote(value)) for path in found for value in known[name]]
    return found


def questions(app: FastAPI, door: Door, theirs: Belongings) -> list[str]:
    """The query strings that a door is asked with: each of its parameters that names something of theirs."""
    asked = queries_of(app).get(door.template, [])
    return ["", *(f"?{name}={quote(value)}" for name in asked for value in theirs.values.get(name, [])[:3])]


def posted(theirs: Belongings) -> list[tuple[tuple[str, str], bytes]]:
    """Bodies in which every field that a form or a command may have names something of theirs."""
    first = {name: many[0] for name, many in theirs.values.items() if many}
    told = {
        **first,
        "report": first["report_id"],
        "scope": "account",
        "action": "pause",
        "state": "resolved",
        "reason": "x",
        "value": "3",
        "note": "x",
        "number": "1",
        "name": "x",
        "seen": "arrived",
        "helpful": "yes",
        "seconds": "3",
    }
    connection = {"project_id": PROJECT, "username": "zqanary.mp-service-account", "secret": SECRET}
    return [
        (FORM, urlencode(told).encode()),
        (JSON, json.dumps({"value": 3, "note": "x"}).encode()),
        (JSON, json.dumps({"state": "resolved"}).encode()),
        (JSON, json.dumps(connection).encode()),
        (JSON, b"{}"),
    ]


async def cursor_of(house: FastAPI, name: str) -> str:
    answer = await ask(house, "GET", f"/w/{name}/api/accounts?limit=1", bearer(TOKENS[name]))
    return str(json.loads(answer.body)["next_cursor"])


async def test_no_door_of_one_tells_or_changes_anything_of_the_other(settled: House) -> None:
    async with settled.open() as house:
        settled.theirs.values["cursor"] = [await cursor_of(house, THEIRS)]
    before, asked, leaked, broken = settled.rows(), 0, [], []
    settled.worlds[THEIRS].requests.clear()

    async with settled.open() as house:
        app = create_app(settled.workspaces[0], create_server)
        for door in doors_of(app):
            if door.template in {"/mcp", "/api/mixpanel/sync"}:
                continue  # the one is crossed below; a sync of ours takes long, and names nothing
            bodies = posted(settled.theirs) if door.method == "POST" else [(FORM, b"")]
            for path in spellings(door, settled.theirs):
                for query in questions(app, door, settled.theirs):
                    for kind, body in bodies:
                        target = f"/w/{OURS}{path}{query}"
                        answer = await ask(
                            house, door.method, target, bearer(TOKENS[OURS]), kind, pieces=[body]
                        )
                        asked += 1
                        headers = " ".join(answer.headers.values())
                        if found := settled.leaks(answer.text + headers, f"{target} {body.decode()}"):
                            leaked.append((str(door), target, found))
                        if answer.status >= 500 and answer.status != 502:
                            broken.append((str(door), target, answer.text))

    assert asked > 200
    assert leaked == []
    assert broken == []
    assert settled.rows() == before
    assert settled.worlds[THEIRS].requests == [], "their Mixpanel was asked"


async def test_a_token_of_one_opens_no_door_of_the_other(settled: House) -> None:
    let_in: list[tuple[str, int]] = []
    told = []
    async with settled.open() as house:
        doors = doors_of(create_app(settled.workspaces[0], create_server))
        nobody = [(await ask(house, door.method, f"/w/{THEIRS}{door.path}")).status for door in doors]
        for door, status in zip(doors, nobody, strict=True):
            answer = await ask(house, door.method, f"/w/{THEIRS}{door.path}", bearer(TOKENS[OURS]))
            if answer.status != status:
                let_in.append((str(door), answer.status))
            if MARK.casefold() in answer.text.casefold():
                told.append(str(door))
            own = await ask(house, door.method, f"/w/{THEIRS}{door.path}", bearer(TOKENS[THEIRS]))
            if own.status == 401:
                let_in.append((f"not even its own: {door}", 401))

    assert nobody.count(401) >= 50
    assert (let_in, told) == ([], [])


async def test_links_in_mails_of_one_are_unknown_to_the_other(settled: House) -> None:
    before = settled.rows()
    texts: dict[tuple[str, str], set[tuple[int, str]]] = {}
    async with settled.open() as house:
        for token in [*settled.theirs.values["token"], "nobody-ever-had-this"]:
            for method, path in (("GET", "t"), ("GET", "u"), ("POST", "u"), ("GET", "tutorials")):
                answer = await ask(house, method, f"/w/{OURS}/{path}/{token}", FORM)
                texts.setdefault((method, path), set()).add((answer.status, answer.text))
        own = await ask(house, "GET", f"/w/{THEIRS}/u/{settled.theirs.mails[0].tokens.unsubscribe}")

    assert [len(each) for each in texts.values()] == [1, 1, 1, 1], "as if nobody had ever had it"
    assert {status for each in texts.values() for status, _ in each} == {404}
    assert own.status == 200
    assert settled.rows() == before


async def test_a_line_of_the_log_says_which_workspace_was_asked(settled: House) -> None:
    lines = io.StringIO()
    handler = logging.StreamHandler(lines)
    handler.setFormatter(Lines("%(message)s"))
    body = b'[{"event": "something new", "handrail_delivery": "x", "timestamp": 1}]'
    stamp = str(int(settled.started().timestamp()))
    logging.getLogger("web").addHandler(handler)
    try:
        async with settled.open() as house:
            signed = tuple(events.sign(body, stamp).items())
            await ask(house, "POST", f"/w/{OURS}/hooks/sendgrid", JSON, *signed, pieces=[body])
    finally:
        logging.getLogger("web").removeHandler(handler)

    assert lines.getvalue() == f"[{OURS}] 1 events of the mail service were not understood\n"


async def test_events_of_one_mail_account_are_nothing_to_the_other(settled: House) -> None:
    before = settled.rows()
    at = settled.started()
    told = [
        {
            "handrail_delivery": each.delivery.id,
            "event": "spamreport",
            "timestamp": int(at.timestamp()),
            "sg_event_id": f"event-{number}",
            "email": "somebody@customer.example",
        }
        for number, each in enumerate(settled.theirs.mails)
    ]
    body = json.dumps(told).encode()
    signed = tuple(events.sign(body, str(int(at.timestamp()))).items())
    async with settled.open() as house:
        at_theirs = await ask(house, "POST", f"/w/{THEIRS}/hooks/sendgrid", JSON, *signed, pieces=[body])
        at_ours = await ask(house, "POST", f"/w/{OURS}/hooks/sendgrid", JSON, *signed, pieces=[body])

    assert at_theirs.status == 403, "signed with the other's key"
    assert at_ours.status == 200
    assert settled.rows() == before


@asynccontextmanager
async def chat(house: FastAPI, name: str, token: str) -> AsyncIterator[Client]:
    async with (
        httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=house),
            base_url=BASE,
            headers={"authorization": f"Bearer {token}"},
        ) as http,
        Client(streamable_http_client(f"{BASE}/w/{name}/mcp", http_client=http)) as client,
    ):
        yield client


async def test_no_tool_prompt_or_resource_of_one_tells_of_the_other(settled: House) -> None:
    before, answers = settled.rows(), []
    settled.worlds[THEIRS].requests.clear()
    theirs = settled.theirs.values

    async def put(what: str, sent: object, answer: Any) -> None:
        try:
            said = (await answer).model_dump_json()
        except MCPError as refused:
            said = refused.error.message
        answers.append((what, str(sent), said))

    async with settled.open() as house, chat(house, OURS, TOKENS[OURS]) as client:
        tools = (await client.list_tools()).tools
        for tool in tools:
            # A sync reads our project again, and names nothing.
            for given in _arguments(tool.input_schema, theirs) if tool.name != "sync_mixpanel" else []:
                await put(tool.name, given, client.call_tool(tool.name, given))
        for template in (await client.list_resource_templates()).resource_templates:
            for value in (*theirs["account"], *theirs["feature"][:1]):
                uri = re.sub(r"{\w+}", quote(value), template.uri_template)
                await put(uri, uri, client.read_resource(uri))
            reference = ResourceTemplateReference(type="ref/resource", uri=template.uri_template)
            for name in re.findall(r"{(\w+)}", template.uri_template):
                await put(name, "", client.complete(reference, {"name": name, "value": ""}))
        for resource in (await client.list_resources()).resources:
            await put(str(resource.uri), "", client.read_resource(str(resource.uri)))
        for prompt in (await client.list_prompts()).prompts:
            names = [each.name for each in prompt.arguments or []]
            given = dict.fromkeys(names, theirs["account"][2])
            await put(prompt.name, given, client.get_prompt(prompt.name, given))
            for name in names:
                asked = PromptReference(type="ref/prompt", name=prompt.name)
                await put(name, "", client.complete(asked, {"name": name, "value": ""}))

    leaked = [(what, found) for what, sent, said in answers if (found := settled.leaks(said, sent))]
    assert len(tools) >= 16
    assert len(answers) > 40
    assert leaked == []
    assert settled.rows() == before
    assert settled.worlds[THEIRS].requests == []


def _arguments(schema: dict[str, Any], theirs: dict[str, list[str]]) -> list[dict[str, Any]]:
    """No argument at all where none is needed, and each argument with what of theirs it could name."""
    needed = {name: theirs.get(name, ["x"])[0] for name in schema.get("required", [])}
    return [
        *([] if needed else [{}]),
        *({**needed, name: value} for name in schema["properties"] for value in theirs.get(name, [])[:3]),
    ]


async def test_each_workspace_answers_in_chat_out_of_its_own_book(settled: House) -> None:
    marked = {}
    async with settled.open() as house:
        for name in (OURS, THEIRS):
            async with chat(house, name, TOKENS[name]) as client:
                answer = await client.call_tool("find_accounts", {})
            marked[name] = MARK in answer.model_dump_json()

    assert marked == {OURS: False, THEIRS: True}


async def test_every_link_of_a_page_and_of_a_mail_stays_in_its_workspace(settled: House) -> None:
    astray, pages = [], 0
    root = f"/w/{OURS}/"
    waiting, seen = [root], set[str]()
    async with settled.open() as house:
        while waiting:
            path = waiting.pop()
            if path in seen or len(seen) > 40:
                continue
            seen.add(path)
            answer = await ask(house, "GET", path, bearer(TOKENS[OURS]))
            if answer.status >= 400:
                astray.append((path, "", answer.status))
            if not answer.headers["content-type"].startswith("text/html"):
                continue
            pages += 1
            for link in map(html.unescape, re.findall(r'(?:href|action|src)="([^"]*)"', answer.text)):
                if link.startswith("/") and not link.startswith(root):
                    astray.append((path, link, 0))
                elif link.startswith(root) and 'action="' + link not in html.unescape(answer.text):
                    waiting.append(link.partition("#")[0])

        text = settled.mails[0]["text"]
        links = re.findall(r"https://guides\.example\.com(/\S*?/[tu]/[\w-]+)", text)
        button = await ask(house, "GET", links[0])
        back = await ask(house, "POST", f"{root}settings/check", bearer(TOKENS[OURS]), FORM)

    assert pages >= 12
    assert astray == []
    assert len(links) >= 2
    assert all(link.startswith((f"{root}t/", f"{root}u/")) for link in links)
    assert (button.status, button.headers["location"][: len(root) + 10]) == (302, f"{root}tutorials/")
    assert (back.status, back.headers["location"]) == (303, f"{root}settings#checks")
    document = settled.mails[0]["html"]
    assert "https://guides.example.com/t/" not in document + text


async def test_outside_of_the_workspaces_nothing_names_one(settled: House) -> None:
    paths = ("/", "/w", "/w/", "/w/nobody/", "/mcp", "/metrics", "/openapi.json", "/docs", "/settings")
    async with settled.open() as house:
        answers = [await ask(house, "GET", path, bearer(TOKENS[OURS])) for path in paths]
        well = [await ask(house, "GET", path) for path in ("/healthz", "/readyz")]
        metrics = await ask(house, "GET", f"/w/{OURS}/metrics", bearer(TOKENS[OURS]))
        strange = await ask(house, "GET", "/healthz", host="evil.example")
        asked = await ask(house, "GET", f"/w/{OURS}/")

    assert {answer.status for answer in answers} == {404}
    assert all(answer.is_problem for answer in answers)
    assert not [1 for answer in answers for name in (OURS, THEIRS) if name in answer.text]
    assert [(answer.status, json.loads(answer.body)) for answer in well] == [(200, {"status": "ok"})] * 2
    assert metrics.status == 200
    assert strange.status == 400
    assert f'Basic realm="Handrail/w/{OURS}"' in asked.headers["www-authenticate"], "a password for each"


async def test_one_that_cannot_be_opened_is_tried_again_while_the_other_goes_on(
    settled: House, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ours, theirs = settled.workspaces
    database = tmp_path / "theirs.db"
    database.write_text("this is none", "utf-8")
    spoiled = theirs.model_copy(update={"database_url": f"sqlite+aiosqlite:///{database}"})
    other_key = SecretStr("not the key that it was begun with")
    strange = theirs.model_copy(update={"workspace": "initech", "secret_key": other_key})
    house = create_house([spoiled, strange, ours], create_server, again=0)
    async with house.router.lifespan_context(house):
        closed = [
            await ask(house, "GET", f"/w/{name}{path}", bearer(TOKENS[THEIRS]))
            for name in (THEIRS, "initech")
            for path in ("/", "/healthz", "/u/x", "/mcp")
        ]
        ready = await ask(house, "GET", "/readyz")
        own = [await ask(house, "GET", f"/w/{OURS}{path}", bearer(TOKENS[OURS])) for path in ("/", "/readyz")]
        database.unlink()
        opened = closed[0]
        async with asyncio.timeout(60):
            while opened.status == 503:
                await asyncio.sleep(0.01)
                opened = await ask(house, "GET", f"/w/{THEIRS}/readyz", bearer(TOKENS[THEIRS]))

    assert {(answer.status, answer.is_problem, answer.headers["retry-after"]) for answer in closed} == {
        (503, True, "60")
    }
    assert (ready.status, ready.is_problem) == (503, True)
    told = "".join(answer.text for answer in [*closed, ready])
    assert not [name for name in (THEIRS, "initech", str(tmp_path)) if name in told]
    assert [answer.status for answer in own] == [200, 200]
    assert opened.status == 200
    assert f"the workspace is not served: The database {database} cannot be opened" in caplog.text
    assert "the workspace is not served: The database was begun with another" in caplog.text
