"""Mixpanel in every bad mood, met by every method of the client."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from pydantic import SecretStr

from handrail.clock import Clock
from handrail.domain.deliveries import Actor
from handrail.errors import (
    BrokenExport,
    CallerError,
    ConfigError,
    HandrailError,
    NotInThePlan,
    NotOffered,
    RateLimited,
    Unavailable,
    UpstreamError,
)
from handrail.ledger import Ledger
from handrail.services.mixpanel.client import Mixpanel
from handrail.store import Store, open_store
from standin.state import Standin
from tests import databases
from tests.conftest import settings_for
from tests.mixpanel_methods import METHODS, WEEK, Api, Method, methods_of

CANARY = "zqx ana@acme.example https://mixpanel.example/?token=zqx"
NOWHERE = "http://127.0.0.1:9"
NEXT_STEP = re.compile(r"try again|check|ask (again|for)|nothing of it was kept")
SOON = {"mixpanel_seconds": 0.25, "export_seconds": 0.25}

Kind = type[HandrailError]


@dataclass(frozen=True)
class Unkind:
    """What Mixpanel does to every request, what it is called, and how often it is asked in spite of it."""

    fault: dict[str, Any]
    kind: Kind
    tries: int = 1
    given_back: bool = False
    """Mixpanel does not count a request that it answers so."""
    by_api: tuple[tuple[Api, Kind | None, int], ...] = ()
    """Where an API differs: its error and tries; no error where the method does not read the body."""


def status(code: int, body: Any = CANARY, **headers: str) -> dict[str, Any]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return {"fault": "status", "status": code, "body": body, "headers": named}


POLICY = '"project";q=60;w=3600, "project-concurrency";q=5;qu="concurrent-requests"'
WINDOW = {"RateLimit_Policy": POLICY, "RateLimit": '"project";r=0;t=3600, "project-concurrency";r=3'}
AT_ONCE = {"RateLimit_Policy": POLICY, "RateLimit": '"project";r=12, "project-concurrency";r=0;t=10'}
OLD_429 = "1/5 queries running concurrently and 401/400 queries running in the last hour. " + CANARY
INGEST_429 = {"code": 429, "error": CANARY, "status": "Too Many Requests"}
WOULD_DO: dict[str, Any] = {"data": {"values": {}}, "results": [], "series": {}, "num_records_imported": 1}
NOT_FOR_EXPORT: tuple[tuple[Api, Kind | None, int], ...] = (("export", CallerError, 1),)
READ_BY_OTHERS: tuple[tuple[Api, Kind | None, int], ...] = (("export", None, 1),)
BREAKS: tuple[tuple[Api, Kind | None, int], ...] = (("export", BrokenExport, 1),)

UNKIND: dict[str, Unkind] = {
    "302": Unkind(status(302, Location="http://zqx.example/"), UpstreamError),
    "400": Unkind(status(400), CallerError),
    "400 with a schema": Unkind(
        status(400, {"error": CANARY, "details": {}, "status": "error"}), CallerError
    ),
    "400 for credentials": Unkind(status(400, f"Unable to authenticate request {CANARY}"), ConfigError),
    "400 for time": Unkind(status(400, {"error": f"Timeout Error. {CANARY}"}), UpstreamError),
    "401 in JSON": Unkind(status(401, {"error": CANARY}), ConfigError, given_back=True),
    "401 in plain text": Unkind(status(401), ConfigError, given_back=True),
    "402": Unkind(status(402, {"error": CANARY}), NotInThePlan, given_back=True, by_api=NOT_FOR_EXPORT),
    "403 for the role": Unkind(status(403, {"error": CANARY}), NotOffered, by_api=NOT_FOR_EXPORT),
    "403 for the history": Unkind(
        status(403, {"error": f"Date range exceeds 90 days into the past {CANARY}"}),
        NotOffered,
        by_api=NOT_FOR_EXPORT,
    ),
    "404": Unkind(status(404, {"error": CANARY}), NotOffered, by_api=NOT_FOR_EXPORT),
    "408": Unkind(status(408), Unavailable, tries=3),
    "412": Unkind(status(412, {"error": CANARY}), CallerError),
    "412 for the rate": Unkind(status(412, {"error": f"Rate limit exceeded {CANARY}"}), RateLimited),
    "413": Unkind(status(413, {"error": CANARY}), CallerError),
    "418": Unkind(status(418), CallerError),
    "429 for the hour": Unkind(
        status(429, {"error": CANARY}, Retry_After="3600", **WINDOW), RateLimited, given_back=True
    ),
    "429 for too many at once": Unkind(
        status(429, {"error": CANARY}, **AT_ONCE), RateLimited, given_back=True
    ),
    "429 for the load": Unkind(status(429, {"error": CANARY}), RateLimited, given_back=True),
    "429 as of old": Unkind(status(429, OLD_429), RateLimited, given_back=True),
    "429 of the ingestion": Unkind(status(429, INGEST_429), RateLimited, given_back=True),
    "500": Unkind(status(500, {"error": CANARY}), UpstreamError, tries=2),
    "500 with a message": Unkind(status(500, {"message": CANARY}), UpstreamError, tries=2),
    "502": Unkind(status(502), Unavailable, tries=3),
    "503": Unkind(status(503), Unavailable, tries=3),
    "504": Unkind(status(504), Unavailable, tries=3),
    "200 with an error": Unkind(
        status(200, {"error": CANARY, "request": CANARY, **WOULD_DO}), UpstreamError, by_api=READ_BY_OTHERS
    ),
    "another shape": Unkind(status(200, [[CANARY]]), UpstreamError, by_api=READ_BY_OTHERS),
    "no JSON": Unkind(status(200, f"<html>{CANARY}</html>"), UpstreamError, by_api=READ_BY_OTHERS),
    "cut": Unkind({"fault": "cut"}, Unavailable, tries=3, by_api=BREAKS),
    "answer lost": Unkind({"fault": "answer_lost"}, Unavailable, tries=3, by_api=BREAKS),
    "slow": Unkind({"fault": "stall", "seconds": 0.5}, UpstreamError),
}

CLOSED = (402, 403, 404)


@dataclass(frozen=True)
class Met:
    """What came of one call."""

    kind: Kind | None
    requests: int
    counted: int


def expected(unkind: Unkind, name: str, method: Method) -> Met:
    """By the rules of retry and of what Mixpanel counts, written down once for all methods."""
    kind: Kind | None = unkind.kind
    tries = unkind.tries
    for api, other, times in unkind.by_api:
        if api == method.api:
            kind, tries = other, times
    if name == "uses" and unkind.fault.get("status") == 412 and kind is CallerError:
        kind = NotOffered  # a script that fails, or a project whose JQL is gone
    counted = 0 if unkind.given_back or method.api in ("app", "ingest") else tries
    if method.falls_back and unkind.fault.get("status") in CLOSED:
        return Met(kind, 2, 0 if unkind.given_back else 1)
    return Met(kind, tries, counted)


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("books")
    return databases.address(folder) or f"sqlite+aiosqlite:///{folder}/handrail.db"


@pytest.fixture
async def store(books: str) -> AsyncIterator[Store]:
    opened = await open_store(books)
    yield opened
    await opened.close()


class Desk:
    """A client whose books are those of one call."""

    def __init__(
        self, store: Store, http: httpx2.AsyncClient, standins: Standin, folder: Path, **changes: Any
    ) -> None:
        self._store, self._http, self._standins = store, http, standins
        token = SecretStr(standins.world.project["token"])
        ingest = {"mixpanel_token": token, "mixpanel_ingest_url": f"{standins.base_url}/mixpanel"}
        self._settings = settings_for(standins, folder, **{**ingest, **changes})
        self._clock = Clock(self._settings.now)

    def ledger(self, project: str, actor: Actor = "chat", *, later: timedelta = timedelta()) -> Ledger:
        clock = Clock(self._clock.now() + later) if later else self._clock
        return Ledger(self._store, clock, project=project, actor=actor)

    def client(
        self, ledger: Ledger, actor: Actor = "chat", patience: dict[str, float] | None = None
    ) -> Mixpanel:
        settings = self._settings.model_copy(update=patience or {})
        return Mixpanel(self._http, settings, ledger, actor=actor)

    async def running(self, project: str) -> int:
        now = self._clock.now()
        async with self._store.read() as work:
            spent = [
                *await work.budget.spent(project, "query", now),
                *await work.budget.spent(project, "export", now),
            ]
        return sum(one.running for one in spent)

    async def meet(
        self, project: str, method: Method, patience: dict[str, float] | None = None
    ) -> tuple[Met, str]:
        """One call of a fresh client with fresh books, and the sentence of its error."""
        ledger = self.ledger(project)
        before = [await ledger.left("query"), await ledger.left("export")]
        self._standins.requests.clear()
        kind: Kind | None = None
        said = ""
        try:
            await method.ask(self.client(ledger, patience=patience))
        except HandrailError as error:
            kind, said = type(error), told_by(error)
        after = [await ledger.left("query"), await ledger.left("export")]
        assert await self.running(project) == 0, "no place is held on"
        return Met(kind, len(self._standins.requests), sum(before) - sum(after)), said


@pytest.fixture
def desk(store: Store, http: httpx2.AsyncClient, standins: Standin, tmp_path: Path) -> Desk:
    return Desk(store, http, standins, tmp_path)


def told_by(error: BaseException) -> str:
    """The error and everything that a log would show before it."""
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return f"{told_by(before)} {error}" if before else str(error)


def faults_of(said: str, method: Method, kind: Kind | None) -> list[str]:
    """What is wrong with the sentence of an error."""
    if kind is None:
        return []
    found = [word for word in ("zqx", "acme", "http", "Traceback", "token=") if word in said]
    if kind is ConfigError:
        return found if "check HANDRAIL_MIXPANEL_" in said else [*found, "no setting"]
    if not NEXT_STEP.search(said):
        found.append("no next step")
    return found if method.thing in said or kind is BrokenExport else [*found, "does not name the thing"]


def test_the_table_has_a_row_for_each_public_method_of_the_client(desk: Desk) -> None:
    assert methods_of(desk.client(desk.ledger("none"))) == set(METHODS)


@pytest.mark.parametrize("mood", UNKIND)
async def test_each_method_meets_it_with_an_error_of_ours_and_right_books(
    desk: Desk, standins: Standin, mood: str
) -> None:
    unkind = UNKIND[mood]
    patience = SOON if mood == "slow" else None
    standins.faults.add({"neighbour": "mixpanel", "route": "", **unkind.fault})

    met, wrong = {}, {}
    for name, method in METHODS.items():
        met[name], said = await desk.meet(f"{mood} {name}", method, patience)
        if faults := faults_of(said, method, met[name].kind):
            wrong[name] = (said, faults)

    assert met == {name: expected(unkind, name, method) for name, method in METHODS.items()}
    assert wrong == {}


async def test_where_nobody_listens_nothing_is_counted(
    store: Store, http: httpx2.AsyncClient, standins: Standin, tmp_path: Path
) -> None:
    urls = ("mixpanel_query_url", "mixpanel_export_url", "mixpanel_ingest_url")
    desk = Desk(store, http, standins, tmp_path, **dict.fromkeys(urls, NOWHERE))

    for name, method in METHODS.items():
        met, said = await desk.meet(f"nobody {name}", method)
        assert (name, met) == (name, Met(UpstreamError, 0, 0))
        assert (name, faults_of(said, method, met.kind)) == (name, [])


async def test_a_kind_mixpanel_answers_every_method(desk: Desk) -> None:
    for name, method in METHODS.items():
        met, _ = await desk.meet(f"kind {name}", method)
        counted = int(method.api in ("query", "export"))
        assert (name, met) == (name, Met(None, method.requests, counted))


PATIENCE: dict[tuple[Actor, Api], float] = {
    ("nightly", "query"): 500,
    ("chat", "query"): 45,
    ("web", "query"): 45,
    ("nightly", "export"): 300,
    ("chat", "export"): 300,
    ("nightly", "ingest"): 60,
    ("chat", "ingest"): 60,
}


@pytest.mark.parametrize(("actor", "api"), PATIENCE)
async def test_the_actor_decides_how_long_an_answer_is_waited_for(
    store: Store, standins: Standin, tmp_path: Path, actor: Actor, api: Api
) -> None:
    waits: set[float] = set()

    async def note(request: httpx2.Request) -> None:
        waits.add(request.extensions["timeout"]["read"])

    async with httpx2.AsyncClient(verify=False, event_hooks={"request": [note]}) as http:
        desk = Desk(store, http, standins, tmp_path)
        for name, method in METHODS.items():
            if method.api == api:
                await method.ask(desk.client(desk.ledger(f"{actor} {api} {name}", actor), actor))

    assert waits == {PATIENCE[actor, api]}


@pytest.mark.parametrize("by", ["task", "scope"])
@pytest.mark.parametrize("name", ["queries.event_names", "funnel_by_account", "export"])
async def test_a_cancelled_question_gives_its_place_back_and_stays_counted(
    desk: Desk, standins: Standin, name: str, by: str
) -> None:
    """A task is cancelled once; a scope, as the MCP server's, cancels whatever is awaited in it."""
    standins.faults.add({"neighbour": "mixpanel", "route": "", "fault": "stall", "seconds": 0.5})
    project = f"cancelled {name} {by}"
    ledger = desk.ledger(project)
    before = await ledger.left("query") + await ledger.left("export")

    async def ask() -> None:
        await METHODS[name].ask(desk.client(ledger))

    async def until(count: int) -> None:
        async with asyncio.timeout(20):
            while await desk.running(project) != count or len(standins.requests) != 1:  # noqa: ASYNC110  (the stand-in runs on another thread)
                await asyncio.sleep(0.01)

    async with anyio.create_task_group() as scope:
        if by == "scope":
            scope.start_soon(ask)
            await until(1)
            scope.cancel_scope.cancel()
    if by == "task":
        asking = asyncio.create_task(ask())
        await until(1)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    await until(0)

    assert await ledger.left("query") + await ledger.left("export") == before - 1


async def test_an_export_left_in_the_middle_gives_its_place_back(desk: Desk) -> None:
    ledger = desk.ledger("left")

    async with desk.client(ledger).export(WEEK.from_date, WEEK.to_date) as stream:
        await anext(stream)
        assert await desk.running("left") == 1

    assert await desk.running("left") == 0


async def test_the_night_waits_for_its_turn_and_asks_again(desk: Desk, standins: Standin) -> None:
    refused = status(429, CANARY, Retry_After="0")
    standins.faults.add({"neighbour": "mixpanel", "route": "names", **refused, "times": 1})
    ledger = desk.ledger("night", "nightly")
    before = await ledger.left("query")

    await desk.client(ledger, "nightly").queries.event_names()

    assert [each["status"] for each in standins.requests] == [429, 200]
    assert await ledger.left("query") == before - 1


async def test_a_refusal_holds_every_process_off_for_minutes_and_not_for_the_hour(
    desk: Desk, standins: Standin
) -> None:
    standins.faults.add({"neighbour": "mixpanel", "route": "names", "fault": "rate_limit"})
    ledger, night = desk.ledger("held off"), desk.ledger("held off", "nightly")
    with pytest.raises(RateLimited, match="ask again in 5 minutes"):
        await desk.client(ledger).queries.event_names()

    with pytest.raises(RateLimited, match=r"possible in 5 minutes, at 02:0\d:\d\d UTC"):
        await desk.client(ledger).queries.event_names()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await desk.client(night, "nightly").queries.event_names()

    assert len(standins.requests) == 1


async def test_too_many_at_once_hold_off_for_seconds(desk: Desk, standins: Standin) -> None:
    standins.faults.add({"neighbour": "mixpanel", "route": "names", "fault": "concurrency"})
    with pytest.raises(RateLimited, match="ask again within a minute") as refused:
        await desk.client(desk.ledger("seconds")).queries.event_names()

    assert refused.value.retry_after == 10


async def test_a_learned_limit_is_kept_for_days_and_not_for_ever(desk: Desk, standins: Standin) -> None:
    policy = {"RateLimit_Policy": '"project";q=120;w=3600, "project-concurrency";q=5'}
    refused = status(429, CANARY, Retry_After="1", **policy)
    standins.faults.add({"neighbour": "mixpanel", "route": "names", **refused})
    with pytest.raises(RateLimited):
        await desk.client(desk.ledger("learned")).queries.event_names()

    days = [await desk.ledger("learned", later=timedelta(days=days)).left("query") for days in (0, 2, 4)]

    assert days == [40, 40, 20]


@pytest.mark.parametrize("fault", [{"fault": "answer_lost"}, status(503)], ids=["answer lost", "503"])
async def test_a_note_whose_answer_is_lost_is_not_written_again(
    store: Store, standins: Standin, tmp_path: Path, fault: dict[str, Any]
) -> None:
    async def spoil(request: httpx2.Request) -> None:
        if request.method == "POST":
            standins.faults.add({"neighbour": "mixpanel", "route": "annotations", **fault})

    async with httpx2.AsyncClient(verify=False, event_hooks={"request": [spoil]}) as http:
        desk = Desk(store, http, standins, tmp_path)
        with pytest.raises(Unavailable):
            await METHODS["annotations.add"].ask(desk.client(desk.ledger("a note")))

    assert [each["method"] for each in standins.requests] == ["GET", "POST"]
