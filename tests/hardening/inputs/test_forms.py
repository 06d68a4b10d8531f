"""Every field of every form and every address of the pages takes any string, or says why not."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx2
import pytest
from starlette.routing import Route

from handrail.settings import Settings
from standin.state import Standin
from tests import databases
from tests.conftest import settings_for
from tests.hardening.conftest import Promise
from tests.hardening.inputs.naughty import NAUGHTY, some, typed
from tests.web.test_acting import REVIEW, _reviewed_data
from tests.web.test_app import browser
from web.app import DECIDING, LOOKING, MAIL

__all__ = ["_reviewed_data"]

MOST_PAGES = 60
IDS = re.compile(r"(?<=/)(?:[0-9a-f]{8,}(?:-[0-9a-f-]+)?|acct_\w+|\d+|\d{4}-\d\d-\d\d)(?=/|$)")
"""What differs between pages of a kind."""

STRINGS = [each for each in typed(NAUGHTY) if len(each) < 10_000]
"""A longer one is no address any more, and the limit of a form refuses it unread."""


@dataclass(frozen=True)
class Form:
    """A form of a page: its fields with the values that are there already."""

    method: str
    action: str
    fields: dict[str, str] = field(default_factory=dict, hash=False)

    @property
    def kind(self) -> tuple[str, str, tuple[str, ...]]:
        return self.method, IDS.sub("*", self.action), tuple(sorted(self.fields))


class Reader(HTMLParser):
    """The forms and the links of a page."""

    def __init__(self, html: str, path: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[str] = []
        self._path = path
        self._choosing = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attrs}
        if tag == "a" and has.get("href", "").startswith(("/", "?")):
            self.links.append(has["href"] if has["href"][0] == "/" else self._path + has["href"])
        if tag == "form":
            self.forms.append(Form(has.get("method", "get"), has.get("action", self._path)))
        if not self.forms:
            return
        if tag in ("input", "button", "textarea", "select") and has.get("name"):
            self.forms[-1].fields.setdefault(has["name"], has.get("value", ""))
            self._choosing = has["name"] if tag == "select" else ""
        if tag == "option" and self._choosing and not self.forms[-1].fields[self._choosing]:
            self.forms[-1].fields[self._choosing] = has.get("value", "")


@pytest.fixture
def settings(standins: Standin, tmp_path: Path, _reviewed_data: Path) -> Settings:
    """Of an installation whose first night waits for a person's yes."""
    databases.copy(_reviewed_data, tmp_path / "data")
    return settings_for(standins, tmp_path / "data", **REVIEW)


async def walk(client: httpx2.AsyncClient) -> dict[tuple[str, str, tuple[str, ...]], Form]:
    """One form of each kind that the pages hold, found by following their links."""
    seen: set[str] = set()
    waiting, found = ["/"], dict[tuple[str, str, tuple[str, ...]], Form]()
    while waiting and len(seen) < MOST_PAGES:
        path = waiting.pop(0)
        kind = IDS.sub("*", urlsplit(path).path)
        if kind in seen or kind.startswith(("/static", "/api", "/docs", "/openapi")):
            continue
        seen.add(kind)
        page = await client.get(path)
        if page.status_code != 200 or "html" not in page.headers["content-type"]:
            continue
        read = Reader(page.text, urlsplit(path).path)
        waiting += read.links
        found |= {each.kind: each for each in read.forms if each.fields and each.kind not in found}
    return found


def wrong_with(answer: httpx2.Response) -> str:
    if answer.status_code >= 500:
        return f"status {answer.status_code}"
    if answer.status_code >= 400 and not answer.text:
        return "a refusal without words"
    return (
        "tells of our insides" if re.search(r"Traceback|sqlalchemy|pydantic\.dev|\.py\b", answer.text) else ""
    )


async def test_no_string_breaks_a_form(settings: Settings, promise: Promise) -> None:
    faults, tried = [], 0
    async with browser(settings) as client:
        forms = await walk(client)
        for place, form in enumerate(forms.values()):
            for at, name in enumerate(form.fields):
                for string in some(place + 7 * at, STRINGS, one_in=8):
                    filled = {**form.fields, name: string}
                    if form.method == "post":
                        answer = await client.post(form.action, data=filled)
                    else:
                        answer = await client.get(form.action, params=filled)
                    tried += 1
                    if wrong := wrong_with(answer):
                        faults.append(f"{form.kind} {name}={ascii(string)[:60]}: {wrong}")

    assert faults == []
    assert len(forms) >= 10, sorted(forms)
    promise(f"naughty strings: 0 of {tried} posts and questions to {len(forms)} forms broke a page")


def paths() -> set[str]:
    """Every address with something in it that anybody may write; REST has its own test."""
    routes = [route for room in (*LOOKING, *DECIDING, *MAIL) for route in room.router.routes]
    return {route.path for route in routes if isinstance(route, Route) and "{" in route.path}


async def test_no_string_in_an_address_breaks_a_page(settings: Settings, promise: Promise) -> None:
    faults, tried = [], 0
    known = sorted(paths())
    async with browser(settings) as client:
        for place, path in enumerate(known):
            for string in some(7 * place, STRINGS, one_in=6):
                asked = re.sub(r"{\w+(:\w+)?}", lambda _: quote(string, safe=""), path)  # noqa: B023
                if len(asked) > 30_000 or "/../" in asked or asked.endswith(("/.", "/..")):
                    continue
                for method in ("GET", "POST"):
                    answer = await client.request(method, asked)
                    tried += 1
                    if wrong := wrong_with(answer):
                        faults.append(f"{method} {path} {ascii(string)[:60]}: {wrong}")

    assert faults == []
    assert len(known) >= 15
    promise(f"naughty strings: 0 of {tried} addresses of {len(known)} pages broke one")
