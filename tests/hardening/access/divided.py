"""The default world with its accounts divided between two CSMs, and all that would give one of them away."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from pydantic import SecretStr

from agent import night
from handrail.context import ToolContext, open_context
from handrail.domain.accounts import AccountFacts
from handrail.domain.struggles import Peers, Struggle
from handrail.settings import SendMode, Settings
from mcp_server.server import create_server
from standin.state import Standin
from tests import databases
from tests.conftest import settings_for
from tests.raised import alert
from tests.web.test_app import BASE
from web.app import create_app

ALL, ANNA, ANNA_READS = "all-" + "l" * 20, "anna-" + "a" * 20, "ann-" + "r" * 20
TOKENS = f"eve:approve:{ALL},anna:approve:{ANNA}:csm=Anna Smith,ann:read:{ANNA_READS}:csm=Nobody|Anna Smith"
SETTINGS: dict[str, Any] = {"api_tokens": SecretStr(TOKENS), "send_mode": SendMode.REVIEW, "api_rate": 0}
PERSON = "f" * 64
"""Somebody who is stuck in an account of each CSM."""


@dataclass(frozen=True)
class Foreign:
    """An account of the other CSM, and every name it goes by."""

    name: str
    former: str
    alias: str
    domain: str
    mixpanel_id: str
    id: str

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, self.former, self.alias, self.domain, self.mixpanel_id, self.id)


@dataclass(frozen=True)
class Divided:
    """`own` are Handrail's ids of Anna's accounts by Mixpanel's; the rest is Ben's, or nobody's."""

    own: dict[str, str]
    foreign: list[Foreign]
    night: date
    alert: str
    """Of a foreign account."""

    @property
    def canaries(self) -> list[str]:
        return [name for each in self.foreign for name in each.names]

    def told(self, text: str, *asked: str) -> list[str]:
        """Canaries that stand in a text which nobody put there by asking."""
        for each in asked:
            text = text.replace(each, "")
        return [each for each in self.canaries if each in text]


async def prepare(synced: Path, data: Path, standins: Standin) -> None:
    """A data directory after a night in review, over accounts that are divided."""
    databases.copy(synced, data)
    async with open_context(settings_for(standins, data, **SETTINGS)) as ctx:
        async with ctx.store.begin() as work:
            book = await work.accounts.all()
            facts = [(line, _fact(each.mixpanel_id, each.name)) for line, each in enumerate(book)]
            await work.accounts.describe(facts, project_id=1, now=ctx.clock.now())
        await night.run(ctx)
        await _in_both(ctx)


def is_own(mixpanel_id: str) -> bool:
    return int(mixpanel_id[-4:]) % 2 == 1


def _fact(mixpanel_id: str, name: str) -> AccountFacts:
    if is_own(mixpanel_id):
        return AccountFacts(id=mixpanel_id, name=name, csm="Anna Smith", segment="north")
    word = "Zq" + "".join(chr(ord("a") + int(digit)) for digit in mixpanel_id[-4:])
    return AccountFacts(
        id=mixpanel_id,
        name=f"{word}werke",
        aliases=(f"{word}alias",),
        domains=(f"{word.lower()}.invalid",),
        csm="Ben Ode",
        segment="south",
    )


async def _in_both(ctx: ToolContext) -> None:
    """Somebody is stuck in an account of each, and each has an alert."""
    async with ctx.store.begin() as work:
        book = {each.mixpanel_id: each.id for each in await work.accounts.all()}
        as_of = await work.nights.last_struggle_night()
        assert as_of
        found = await work.nights.struggles(as_of)
        mine, theirs = book["acct_1001"], book["acct_1002"]
        peers = Peers(users=9, attempts=90, successes=30)
        both = found[0].model_copy(
            update={
                "user_key": PERSON,
                "account_ids": (theirs, mine),
                "by_account": {theirs: peers, mine: peers},
                "priority": 1000.0,
            }
        )
        kept: list[Struggle] = [each for each in found if each.feature == both.feature]
        await work.nights.replace_struggles(as_of, both.feature, [both, *kept])
        day = date(2026, 11, 19)
        await work.alerts.keep([alert("mine", mine, day), alert("zq-theirs", theirs, day)])


async def divided(settings: Settings) -> Divided:
    async with open_context(settings) as ctx, ctx.store.read() as work:
        book = await work.accounts.all()
        as_of = await work.nights.last_struggle_night()
    assert as_of
    return Divided(
        own={each.mixpanel_id: each.id for each in book if each.csm == "Anna Smith"},
        foreign=[
            Foreign(
                name=each.name,
                former=each.aliases[1],
                alias=each.aliases[0],
                domain=each.domains[0],
                mixpanel_id=each.mixpanel_id,
                id=each.id,
            )
            for each in book
            if each.csm == "Ben Ode"
        ],
        night=as_of,
        alert="zq-theirs",
    )


@dataclass(frozen=True)
class Doors:
    """The app, and each token's way into it."""

    app: Any
    http: dict[str, httpx2.AsyncClient]

    @asynccontextmanager
    async def chat(self, token: str) -> AsyncIterator[Client]:
        url = f"{BASE}/mcp"
        async with Client(streamable_http_client(url, http_client=self.http[token])) as client:
            yield client


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Doors]:
    app = create_app(settings, create_server)
    tokens = (ALL, ANNA, ANNA_READS)
    clients = {
        token: httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=app),
            base_url=BASE,
            headers={"authorization": f"Bearer {token}"},
        )
        for token in tokens
    }
    async with app.router.lifespan_context(app):
        yield Doors(app, clients)
        for each in clients.values():
            await each.aclose()
