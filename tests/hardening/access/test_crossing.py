"""Crossed: whatever a reader of some accounts asks, by whichever door, nothing of another account is told.

Routes, tools, resources, templates, prompts and completed arguments come from the app's own lists: what is
added stands in these tests by itself.
"""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp.types import PromptReference, ResourceTemplateReference

from handrail.settings import Settings
from mcp_server.access import COMPLETED, RESOURCES
from mcp_server.completion import _KNOWN
from tests.hardening.access.divided import ALL, ANNA, ANNA_READS, PERSON, Divided, Doors, divided, opened
from tests.hardening.doors.asking import Door, doors_of, queries_of
from tools import Tool, catalogue
from web.access import ENDPOINT, open_to_all
from web.reach import ROUTES, refused

ACCOUNT = ("account", "customer_id", "query")
"""Parameters that name an account, in paths, queries and arguments."""

WORLD_TEXT = ("/docs", "/openapi.json")
"""Hold the packaged examples, which are of the world that these tests are of; the same for everybody."""

FILL = {
    "feature": "connect-data-source",
    "survival_by": "score",
    "token": "t" * 22,
    "name_or_id": "1",
    "report_id": "1",
    "sync_id": "1",
    "decision": "approve",
    "proof": "p" * 64,
    "breakdown": "",
}
"""For parameters that name no account."""


def got_doors(doors: Doors) -> list[Door]:
    return [door for door in doors_of(doors.app) if door.method == "GET" and door.template != ENDPOINT]


def filled(door: Door, world: Divided, account: str) -> str:
    """The door's path with an account's name wherever one may stand."""
    given = {
        **FILL,
        **dict.fromkeys(ACCOUNT, account),
        "alert_id": world.alert,
        "night": str(world.night),
        "review_id": "x",
        "delivery_id": "x",
    }
    return re.sub(r"\{(\w+)(?::\w+)?\}", lambda match: quote(given[match[1]], safe=""), door.template)


def asked(doors: Doors, door: Door, world: Divided, account: str) -> Iterator[str]:
    path = filled(door, world, account)
    yield path
    for name in queries_of(doors.app)[door.template]:
        if name in ACCOUNT:
            yield f"{path}?{name}={quote(account)}"


async def test_no_page_and_no_route_tells_of_another_csms_account(settings: Settings) -> None:
    world = await divided(settings)
    told: dict[str, list[str]] = {}
    own_answers = 0
    async with opened(settings) as doors:
        for door in got_doors(doors):
            one = world.foreign[len(door.template) % len(world.foreign)]
            for name in ("acct_1001", *one.names):
                for path in asked(doors, door, world, name):
                    answer = await doors.http[ANNA].get(path)
                    found = world.told(answer.text + str(answer.headers), name, quote(name))
                    if found and door.template not in WORLD_TEXT:
                        told[path] = found
                    assert answer.status_code < 500, path
                    own_answers += answer.status_code == 200
                    if refused(door.template) and not open_to_all(path):
                        assert answer.status_code == 403, path
                    elif path.startswith("/api/") and name != "acct_1001":
                        assert answer.status_code in (200, 404, 409), path

    assert told == {}
    assert own_answers > 40


OF_ONE = [
    "/api/mixpanel/events/{}",
    "/api/mixpanel/funnels/{}",
    "/api/mixpanel/users/{}",
    "/api/accounts/{}/health",
    "/api/accounts/{}/sentiment",
    "/api/alerts?account={}",
    "/api/deliveries?account={}",
    "/api/accounts?query={}",
    "/api/alerts/mine",
]


@pytest.mark.parametrize("reader", [ANNA, ANNA_READS])
async def test_of_their_own_accounts_readers_are_told_what_everybody_is(
    reader: str, settings: Settings
) -> None:
    world = await divided(settings)
    async with opened(settings) as doors:
        for template in OF_ONE:
            for mixpanel_id in ("acct_1001", "acct_1005"):
                path = template.format(mixpanel_id)
                whole, own = [(await doors.http[token].get(path)) for token in (ALL, reader)]
                assert own.status_code == whole.status_code == 200, path
                assert own.json() == seen_by(world, whole.json()), path
        pages = [
            (await doors.http[token].get("/accounts/acct_1005")).text.partition("<main")[2]
            for token in (ALL, ANNA)
        ]
    assert pages[0] == pages[1]
    assert "Tanager Insurance" in pages[0]


def seen_by(world: Divided, answer: Any) -> Any:
    """An answer to somebody who sees all, as one who sees some should get it: other accounts' ids are out."""
    if isinstance(answer, dict):
        kept = {name: seen_by(world, value) for name, value in answer.items()}
        if "account_ids" in kept:
            kept["account_ids"] = [each for each in kept["account_ids"] if each in world.own.values()]
        return kept
    return [seen_by(world, each) for each in answer] if isinstance(answer, list) else answer


async def test_lists_hold_the_readers_accounts_and_no_other(settings: Settings) -> None:
    world = await divided(settings)
    async with opened(settings) as doors:
        book = (await doors.http[ANNA].get("/api/accounts?limit=200&detail=full")).json()
        everybody = (await doors.http[ALL].get("/api/accounts?limit=200&detail=full")).json()
        again = (await doors.http[ANNA].get("/api/accounts?limit=200&detail=full")).json()
        file = (await doors.http[ANNA].get("/accounts.csv")).text
        alerts = (await doors.http[ANNA].get("/api/alerts")).json()

    theirs = {each["mixpanel_id"] for each in book["items"]}
    assert theirs == set(world.own)
    assert len(everybody["items"]) == 25
    assert again == book
    assert [each for each in everybody["items"] if each["mixpanel_id"] in theirs] == book["items"]
    assert len(file.splitlines()) == 1 + len(world.own)
    assert "mine" in {each["id"] for each in alerts["items"]}
    assert {each["account"] for each in alerts["items"]} <= {each["name"] for each in book["items"]}


def arguments(tool: Tool, schema: dict[str, Any], account: str) -> Iterator[dict[str, str]]:
    """Calls of a tool: with what it needs, and with the account wherever a word may stand."""
    words = {name for name, told in schema["properties"].items() if told.get("type") == "string"}
    needed = {
        name: FILL.get(name, account) if name != "user_key" else PERSON for name in schema.get("required", [])
    }
    yield needed
    for name in sorted(words - FILL.keys()):
        if "enum" not in schema["properties"][name] and name not in ("from_date", "to_date", "cursor"):
            yield {**needed, name: account}


async def test_no_tool_tells_of_another_csms_account(settings: Settings) -> None:
    world = await divided(settings)
    told, answered = [], set()
    async with opened(settings) as doors, doors.chat(ANNA) as client:
        schemas = {each.name: each.input_schema for each in (await client.list_tools()).tools}
        for at, tool in enumerate(catalogue()):
            if tool.of_a_page or tool.name not in schemas:
                continue
            one = world.foreign[at % len(world.foreign)]
            for name in ("Acme", *one.names):
                for given in arguments(tool, schemas[tool.name], name):
                    answer = await client.call_tool(tool.name, given)
                    text = answer.model_dump_json()
                    if found := world.told(text, name):
                        told.append((tool.name, given, found))
                    if not answer.is_error:
                        answered.add(tool.name)
    assert told == []
    assert answered == set(schemas)


async def test_tools_that_are_of_all_accounts_are_neither_listed_nor_answered(settings: Settings) -> None:
    withheld = {each.name for each in catalogue() if each.refused}
    async with opened(settings) as doors, doors.chat(ANNA) as client:
        listed = {each.name for each in (await client.list_tools()).tools}
        answers = [(name, await client.call_tool(name, {})) for name in sorted(withheld)]

    assert withheld == {
        "analyze_churn",
        "get_night_report",
        "get_saved_report",
        "get_tutorial_results",
        "sync_mixpanel",
    }
    assert not listed & withheld
    for name, answer in answers:
        assert answer.is_error, name
        assert "of all accounts" in answer.model_dump_json(), name


async def test_somebody_in_two_accounts_is_shown_in_the_readers_alone(settings: Settings) -> None:
    world = await divided(settings)
    cards = {}
    async with opened(settings) as doors:
        for token in (ALL, ANNA):
            async with doors.chat(token) as client:
                found = await client.call_tool("find_struggling_users", {"account": "Acme"})
                cards[token] = (found.structured_content or {})["cards"]
                if token == ANNA:
                    mail = await client.call_tool(
                        "send_tutorial", {"user_key": PERSON, "feature": cards[token][0]["feature"]}
                    )
    ours, everybodys = cards[ANNA][0], cards[ALL][0]

    assert ours["user_key"] == everybodys["user_key"] == PERSON
    assert everybodys["accounts"] != ["Acme"] == ours["accounts"]
    assert [each["of"] for each in ours["others"]] == ["Acme"]
    assert "all accounts" in {each["of"] for one in cards[ALL] for each in one["others"]}
    assert "all accounts" not in {each["of"] for one in cards[ANNA] for each in one["others"]}
    assert not world.told(mail.model_dump_json())
    assert "Acme)" in mail.model_dump_json()


async def test_no_resource_prompt_or_completion_tells_of_another_csms_account(settings: Settings) -> None:
    world = await divided(settings)
    async with opened(settings) as doors, doors.chat(ANNA) as client:
        fixed = [str(each.uri) for each in (await client.list_resources()).resources]
        templates = [
            each.uri_template for each in (await client.list_resource_templates()).resource_templates
        ]
        for uri in fixed:
            await check_read(client, world, uri, uri)
        for template in templates:
            for name in (*world.foreign[3].names, str(world.night)):
                await check_read(client, world, template, re.sub(r"\{\w+\}", quote(name), template), name)
        own = await client.read_resource("account://acct_1001/overview")
        assert "# Acme (acct_1001)" in own.model_dump_json()
        prompts = (await client.list_prompts()).prompts
        for prompt in prompts:
            given = {each.name: "Acme" for each in prompt.arguments or []}
            assert not world.told((await client.get_prompt(prompt.name, given)).model_dump_json())
        for argument in sorted(_KNOWN):
            for typed in ("", "Zq", "acct_1002"):
                await check_completion(client, world, argument, typed, prompts[0].name, templates[0])

    assert {*fixed, *templates} - {each for each in fixed if each.startswith("ui://")} == RESOURCES.keys()
    assert COMPLETED.keys() == _KNOWN.keys()
    withheld = {each.partition("://")[0] for each, reach in RESOURCES.items() if reach == "refused"}
    told = {each.partition("://")[0] for each, reach in RESOURCES.items() if reach != "refused"}
    assert not withheld & told, "the address of a resource says by its scheme whether it is refused"


async def check_read(client: Client, world: Divided, known: str, uri: str, asked_for: str = "") -> None:
    try:
        text = (await client.read_resource(uri)).model_dump_json()
        assert RESOURCES.get(known, "same") != "refused", uri
    except MCPError as error:
        text = json.dumps(error.error.model_dump(), default=str)
        assert known != uri or RESOURCES[known] == "refused", (uri, text)
    assert not world.told(text, asked_for, quote(asked_for)), uri


async def check_completion(
    client: Client, world: Divided, argument: str, typed: str, prompt: str, template: str
) -> None:
    for reference in (PromptReference(name=prompt), ResourceTemplateReference(uri=template)):
        found = await client.complete(reference, {"name": argument, "value": typed})
        assert not world.told(found.model_dump_json()), argument
        if not typed:
            assert bool(found.completion.values) == (COMPLETED[argument] != "refused"), argument
        if argument == "account" and not typed:
            assert found.completion.total == len(world.own)


def test_every_route_says_what_a_reader_of_some_accounts_gets_of_it(settings: Settings) -> None:
    from mcp_server.server import create_server  # noqa: PLC0415
    from web.app import create_app  # noqa: PLC0415

    served = {door.template for door in doors_of(create_app(settings, create_server))} - {ENDPOINT}

    assert served == ROUTES.keys()


@pytest.mark.parametrize("tool", catalogue(), ids=lambda each: each.name)
def test_every_tool_says_what_a_reader_of_some_accounts_gets_of_it(tool: Tool) -> None:
    assert tool.reach is not None


async def test_a_copy_of_one_readers_answer_is_none_of_anothers(settings: Settings) -> None:
    """A tag, a look and a kept book are the reader's own, whoever asked before."""
    world = await divided(settings)
    async with opened(settings) as doors:

        async def ask(token: str, tag: str = "") -> httpx2.Response:
            return await doors.http[token].get("/api/accounts?limit=200", headers={"if-none-match": tag})

        everybody, own = await ask(ALL), await ask(ANNA)
        crossed = await ask(ANNA, everybody.headers["etag"])
        pages = [(await doors.http[token].get("/?query=Zq")).text for token in (ALL, ANNA)]

    assert everybody.headers["etag"] != own.headers["etag"]
    assert (crossed.status_code, crossed.json()) == (200, own.json())
    assert own.headers["cache-control"].startswith("private")
    assert own.headers["vary"] == "Authorization"
    assert world.told(pages[0])
    assert not world.told(pages[1])
