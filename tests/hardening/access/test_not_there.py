"""Not there: what is outside a reader's view is answered, to the letter, as what never was.

Every question is put in two worlds of the same figures. In the one, another CSM's account, person, alert and
text go by the names that are asked for; in the other by names that nobody asks for.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from urllib.parse import quote

import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp.types import PromptReference, ResourceTemplateReference
from sqlmodel import AutoString, SQLModel

from handrail.context import open_context
from handrail.engine import keys
from handrail.settings import Settings
from mcp_server.access import COMPLETED, RESOURCES
from standin.state import Standin
from tests import databases
from tests.conftest import settings_for
from tests.hardening.access.divided import ALL, ANNA, SETTINGS, divided, opened
from tests.hardening.access.test_crossing import arguments
from tests.hardening.access.test_writes import commands, reviews_of
from tests.hardening.doors.asking import Door, doors_of, queries_of
from tools import catalogue
from web.reach import ROUTES

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*|\d\d:\d\d(?= UTC)|(?<='age': ')\d+")
"""What the clock says differs from one world to the other."""


@dataclass(frozen=True)
class Outside:
    """What is asked for: an account of the other CSM by all its names, and what else is theirs alone."""

    account: tuple[str, ...]
    alert: str
    review: str
    person: str
    feature: str
    proof: str
    """Of a page that shows the review."""

    @property
    def words(self) -> tuple[str, ...]:
        return (*self.account, self.alert, self.review, self.person)

    def of(self, parameter: str) -> tuple[str, ...]:
        """What may stand in a path or a query."""
        if parameter in ("account", "customer_id", "query", "changed"):
            return self.account
        known = {"alert_id": self.alert, "review_id": self.review, "decided": self.review}
        return (known.get(parameter, self.account[0]),)


async def outside(settings: Settings) -> Outside:
    world = await divided(settings)
    async with open_context(settings) as ctx:
        review = (await reviews_of(ctx, [each.id for each in world.foreign]))[0].id
        async with ctx.store.read() as work:
            stuck = await work.nights.struggles(world.night)
        person = next(each for each in stuck if not set(each.account_ids) & set(world.own.values()))
        proof = keys.review_proof(ctx.secret, review)
    names = world.foreign[0].names
    return Outside(names, world.alert, review, person.user_key, person.feature, proof)


def renamed(data_dir: Path, words: tuple[str, ...]) -> None:
    """Put other words of the same length in the place of these, in every text of every table."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    other = str.maketrans(letters + letters.upper(), letters[::-1] + letters[::-1].upper())
    pairs = [each for word in words for each in (word, word.translate(other)[::-1])]
    with databases.tables(data_dir) as tables:
        if databases.ON_POSTGRES:  # a row and those that are of it change one after the other
            tables.execute("set local session_replication_role = replica")
        for table in SQLModel.metadata.sorted_tables:
            texts = [each.name for each in table.columns if isinstance(each.type, AutoString)]
            changes = [f"{'replace(' * len(words)}{name}{', ?, ?)' * len(words)}" for name in texts]
            told = ", ".join(f"{name} = {change}" for name, change in zip(texts, changes, strict=True))
            if told:
                tables.execute(f"update {table.name} set {told}", pairs * len(texts))


async def answers(settings: Settings, asked: Outside) -> dict[str, str]:
    """What Anna is answered at every door, by the question."""
    found: dict[str, str] = {}
    async with opened(settings) as doors:
        queries = queries_of(doors.app)
        for door in doors_of(doors.app):
            if ROUTES.get(door.template) != "accounts":
                continue
            for path in paths(door, queries[door.template], asked):
                for sent in commands(path, asked.account[0]) if door.method == "POST" else [{}]:
                    answer = await doors.http[ANNA].request(door.method, path, **sent)
                    found[f"{door.method} {path} {sent}"] = (
                        f"{answer.status_code} {dict(answer.headers)} {answer.text}"
                    )
        async with doors.chat(ANNA) as client:
            found |= await chatted(client, asked)
    return {question: MOMENT.sub("", text) for question, text in found.items()}


def paths(door: Door, queries: list[str], asked: Outside) -> Iterator[str]:
    names = re.findall(r"\{(\w+)\}", door.template)
    for values in product(*(asked.of(name) for name in names)):
        path = door.template
        for name, value in zip(names, values, strict=True):
            path = path.replace(f"{{{name}}}", quote(value, safe=""))
        yield path
    if door.method == "GET":
        yield from (f"{path}?{name}={quote(value)}" for name in queries for value in asked.of(name))
    if "alert_id" in names:  # of somebody else, at an account of one's own
        yield re.sub(r"\{\w+\}", asked.alert, door.template.replace("{account}", "acct_1001"))


async def chatted(client: Client, asked: Outside) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, given in await calls(client, asked):
        found[f"{name} {given}"] = (await client.call_tool(name, given)).model_dump_json()
    templates = [each.uri_template for each in (await client.list_resource_templates()).resource_templates]
    for template, name in product(templates, asked.account):
        if RESOURCES[template] == "accounts":
            uri = re.sub(r"\{\w+\}", quote(name), template)
            found[uri] = await read(client, uri)
    references: list[PromptReference | ResourceTemplateReference] = [
        PromptReference(name=(await client.list_prompts()).prompts[0].name),
        ResourceTemplateReference(uri=templates[0]),
    ]
    for argument, reference, typed in product(sorted(COMPLETED), references, asked.account):
        answer = await client.complete(reference, {"name": argument, "value": typed})
        found[f"{argument} {reference} {typed}"] = answer.model_dump_json()
    return found


async def calls(client: Client, asked: Outside) -> list[tuple[str, dict[str, str]]]:
    """Every tool with the account in every argument that takes a word, and what else can be named."""
    schemas = {each.name: each.input_schema for each in (await client.list_tools()).tools}
    tools = [each for each in catalogue() if each.reach == "accounts" and not each.of_a_page]
    page = {"review": asked.review, "proof": asked.proof}
    return [
        *(
            (tool.name, given)
            for tool, name in product(tools, asked.account)
            for given in arguments(tool, schemas[tool.name], name)
            if name in given.values()
        ),
        ("send_tutorial", {"user_key": asked.person, "feature": asked.feature}),
        ("decide_review", {**page, "decision": "approve"}),
        ("decide_review", {**page, "decision": "reject"}),
    ]


async def read(client: Client, uri: str) -> str:
    try:
        return (await client.read_resource(uri)).model_dump_json()
    except MCPError as error:
        return json.dumps(error.error.model_dump(), default=str)


@pytest.fixture
async def worlds(settings: Settings, standins: Standin, tmp_path: Path) -> tuple[Outside, list[Settings]]:
    """What is asked for; the world in which it is there, and the one in which it is not."""
    asked = await outside(settings)
    databases.copy(settings.data_dir, tmp_path / "without")
    renamed(tmp_path / "without", asked.words)
    return asked, [settings, settings_for(standins, tmp_path / "without", **SETTINGS)]


async def test_what_is_outside_a_readers_view_is_answered_as_what_never_was(
    worlds: tuple[Outside, list[Settings]], standins: Standin
) -> None:
    asked, both = worlds
    told = []
    for world in both:
        standins.reset()
        told.append(await answers(world, asked))

    there, gone = told
    assert len(there) > 300
    assert {each: (text, gone[each]) for each, text in there.items() if text != gone[each]} == {}


async def test_who_sees_all_can_tell_these_two_worlds_apart(
    worlds: tuple[Outside, list[Settings]],
) -> None:
    asked, both = worlds
    paths = [f"/api/accounts/{quote(name)}/health" for name in asked.account]
    paths += [f"/api/alerts/{asked.alert}", f"/tonight/{asked.review}"]
    told = []
    for world in both:
        async with opened(world) as doors:
            told.append([(await doors.http[ALL].get(path)).status_code for path in paths])

    assert set(told[0]) == {200}
    assert 200 not in told[1]
