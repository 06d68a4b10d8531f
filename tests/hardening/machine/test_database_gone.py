"""PostgreSQL restarts in the middle of a night, of a question, of a page: it is said, and nothing is lost."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from http import HTTPStatus

import psycopg
import pytest

from agent.seat import take_seat
from handrail.context import ToolContext, open_context
from handrail.domain.accounts import Account
from handrail.errors import StoreTrouble
from handrail.lock import is_held, one_at_a_time
from handrail.settings import Settings
from handrail.store.trouble import NO_ANSWER
from handrail.store.workers import Workers
from standin.state import Standin
from tests import crowd, postgres
from tests.conftest import settings_for
from tests.hardening.conftest import Promise
from tests.hardening.machine.conftest import Run, broken_promises, last_words, start
from tests.web.test_app import browser

CUT = (
    "select pg_terminate_backend(pid) from pg_stat_activity "
    "where datname = current_database() and pid <> pg_backend_pid()"
)
ROUNDS = 40
"""A restart takes about a second: so often, 25 ms apart, is everybody cut off who has come back."""


@pytest.fixture
def settings(
    standins: Standin, postgres_address: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Settings]:
    with postgres.database(postgres_address) as name:
        yield settings_for(
            standins,
            tmp_path_factory.mktemp("gone"),
            backfill_days=1,
            database_url=f"postgresql+asyncpg://{name}",
            **crowd.OPEN,
        )


def cut(settings: Settings) -> int:
    """End every connection to the database; how many."""
    with psycopg.connect(settings.plain_database, autocommit=True) as connection:
        return len(connection.execute(CUT).fetchall())


@contextmanager
def refusing(settings: Settings) -> Iterator[None]:
    """As while a server starts or stops: it answers, and says no."""
    name = settings.plain_database.rpartition("/")[2]
    elsewhere = settings.plain_database.removesuffix(name) + "postgres"
    with psycopg.connect(elsewhere, autocommit=True) as server:
        cut(settings)
        server.execute(f'alter database "{name}" allow_connections false'.encode())
        try:
            yield
        finally:
            server.execute(f'alter database "{name}" allow_connections true'.encode())


ASKED = "select 1 from pg_stat_activity where query like 'select pg_try_advisory_lock(%' offset 1"
WAITING = "select 1 from pg_locks where not granted and relation = 'customers'::regclass"


async def all_accounts(ctx: ToolContext) -> list[Account]:
    async with ctx.store.read() as work:
        return await work.accounts.all()


async def interrupted(ctx: ToolContext) -> None:
    """A transaction whose connection ends between two of its questions."""
    async with ctx.store.begin() as work:
        await work.accounts.all()
        assert cut(ctx.settings)
        await work.accounts.all()


MOMENTS: dict[str, Callable[[Standin], bool]] = {
    "the first question": lambda standins: bool(standins.requests),
    "the first prompt": lambda standins: bool(standins.prompts),
    "the first mail": lambda standins: bool(standins.mails),
    "the fourth mail": lambda standins: len(standins.mails) >= 4,
}


@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_night_whose_database_restarts_says_so_or_goes_on_and_nobody_is_mailed_twice(
    moment: str,
    settings: Settings,
    standins: Standin,
    environment: dict[str, str],
    handrail: Run,
    tmp_path_factory: pytest.TempPathFactory,
    promise: Promise,
) -> None:
    folder = tmp_path_factory.mktemp("night")
    night = start("agent", "run", "--json", environment=environment, folder=folder)
    async with asyncio.timeout(60):
        while not MOMENTS[moment](standins) and night.poll() is None:  # noqa: ASYNC110  (nothing of ours tells)
            await asyncio.sleep(0.002)
    ended = 0
    for _ in range(ROUNDS):
        ended += cut(settings)
        await asyncio.sleep(0.025)
    _, said = await asyncio.to_thread(night.communicate, timeout=120)
    again = await asyncio.to_thread(handrail, "agent", "run", "--json")

    assert ended
    assert night.returncode in (0, 1)
    assert night.returncode == 0 or last_words(said.decode()).startswith("The database "), said.decode()
    assert "workflow_status" not in said.decode(), "a table that the engine asks all the time"
    assert again.returncode == 0, again.stderr
    assert await broken_promises(settings, standins) == []
    promise(f"PostgreSQL restarts at {moment}: {ended} connections cut, 0 mails twice or lost")


async def test_a_connection_that_ends_in_the_middle_is_told_in_a_sentence_and_the_next_is_a_new_one(
    settings: Settings,
) -> None:
    async with open_context(settings) as ctx:
        with pytest.raises(StoreTrouble) as caught:
            await interrupted(ctx)
        assert cut(settings) == 0
        assert await all_accounts(ctx) == []

    assert str(caught.value) == NO_ANSWER


async def test_a_connection_that_ends_between_two_questions_is_replaced_without_a_word(
    settings: Settings,
) -> None:
    async with open_context(settings) as ctx:
        await all_accounts(ctx)
        assert cut(settings)
        assert await all_accounts(ctx) == []


async def test_a_server_that_takes_no_connection_is_told_of_as_one_that_is_away(
    settings: Settings,
) -> None:
    async with open_context(settings) as ctx:
        with refusing(settings), pytest.raises(StoreTrouble) as caught:
            await all_accounts(ctx)
        assert await all_accounts(ctx) == []

    assert str(caught.value) == NO_ANSWER


async def seat_of(settings: Settings) -> None:
    async with take_seat(settings, patience=0):
        raise AssertionError("there is no server to give a seat")


async def lock_of(settings: Settings) -> None:
    async with one_at_a_time(settings, "night", patience=60):
        raise AssertionError("no server gives it, or somebody else holds it")


async def held_lock(settings: Settings) -> None:
    await is_held(settings, "sync")


@pytest.mark.parametrize("asks", [seat_of, lock_of, held_lock])
async def test_seats_and_locks_that_no_server_gives_are_told_of_in_the_same_sentence(
    asks: Callable[[Settings], Awaitable[None]], settings: Settings
) -> None:
    with refusing(settings), pytest.raises(StoreTrouble) as caught:
        await asks(settings)

    assert str(caught.value) == NO_ANSWER


async def test_a_seat_whose_connection_ends_before_it_is_taken_says_so(settings: Settings) -> None:
    with Workers(settings.plain_database, settings.process) as books:
        assert cut(settings)
        with pytest.raises(StoreTrouble) as caught:
            books.sit_down("here")

    assert str(caught.value) == NO_ANSWER


async def test_a_lock_whose_connection_ends_while_it_is_waited_for_says_so(settings: Settings) -> None:
    async with one_at_a_time(settings, "night"):
        waiting = asyncio.create_task(lock_of(settings))
        with psycopg.connect(settings.plain_database, autocommit=True) as server:
            async with asyncio.timeout(30):
                while not server.execute(ASKED).fetchone():  # noqa: ASYNC110  (nothing of ours tells)
                    await asyncio.sleep(0.01)
        assert cut(settings)
        with pytest.raises(StoreTrouble) as caught:
            await waiting

    assert str(caught.value) == NO_ANSWER


async def test_who_is_cancelled_in_the_middle_of_a_question_ends_as_cancelled(settings: Settings) -> None:
    """The driver gives the connection up then, which looks like one that was lost."""
    with psycopg.connect(settings.plain_database) as server:
        async with open_context(settings) as ctx:
            server.execute("lock table customers in access exclusive mode")
            asking = asyncio.create_task(all_accounts(ctx))
            async with asyncio.timeout(30):
                while not server.execute(WAITING).fetchone():  # noqa: ASYNC110  (nothing of ours tells)
                    await asyncio.sleep(0.01)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            server.rollback()
            assert await all_accounts(ctx) == []


async def test_while_the_server_is_away_rest_says_503_and_what_to_do(
    settings: Settings, standins: Standin, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """`settings` skips the test where no server is installed."""
    with ExitStack() as there:
        address = there.enter_context(postgres.server())
        url = f"postgresql+asyncpg://{postgres.USER}@{address}/postgres"
        own = settings.model_copy(update={"database_url": url, "data_dir": tmp_path_factory.mktemp("away")})
        async with browser(own) as client:
            before = await client.get("/api/runs")
            there.close()
            answer = await client.get("/api/runs")
            page = await client.get("/runs")

    assert before.status_code == HTTPStatus.OK, before.text
    for each in (answer, page):
        assert each.status_code == HTTPStatus.SERVICE_UNAVAILABLE, each.text
        assert NO_ANSWER in each.text
