"""Nights that several processes share on PostgreSQL: the dead, the frozen, and who counts the caps."""

import asyncio
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest

from agent import night, schedule
from agent.seat import ENDED_BY_FENCE, FENCE_SECONDS, SharedSeat
from handrail.context import ToolContext, open_context
from handrail.domain.deliveries import Status
from handrail.errors import CallerError
from handrail.flows.deliver import claim
from handrail.flows.look import Case, Now, look_now
from handrail.flows.mailing import cases_again
from handrail.lock import is_held
from handrail.purse import Purse
from handrail.settings import Settings
from handrail.store.workers import Workers as Books
from standin.server import running
from standin.state import Standin
from tests import crowd, postgres
from tests.chaos import PATIENCE, Outcome, Workers, judge
from tests.conftest import settings_for

PEOPLE = 600
"""Two blocks: one for each of two workers."""


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    with running(crowd.generate(tmp_path_factory.mktemp("crowd") / "world", PEOPLE)) as state:
        yield state


@pytest.fixture
def shared(crowded: Standin, postgres_address: str, tmp_path: Path) -> Iterator[Settings]:
    crowded.reset()
    with postgres.database(postgres_address) as name:
        url = f"postgresql+asyncpg://{name}"
        yield settings_for(crowded, tmp_path / "data", database_url=url, **crowd.OPEN)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
async def test_what_a_dead_or_frozen_worker_leaves_is_taken_over_and_it_can_send_no_more(
    how: signal.Signals, shared: Settings, crowded: Standin, tmp_path: Path
) -> None:
    workers = Workers(shared, tmp_path, 2)
    try:
        async with asyncio.timeout(PATIENCE):
            while len(crowded.mails) < PEOPLE / 10:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            held = await is_held(shared, "night")
            workers.running[0].send_signal(how)
            await asyncio.to_thread(workers.running[1].wait)
        arrived = len(crowded.mails)
        workers.running[0].send_signal(signal.SIGCONT)
        code = await asyncio.to_thread(workers.running[0].wait, PATIENCE)
    finally:
        workers.end()

    assert (held, await is_held(shared, "night")) == (True, False)
    assert workers.running[1].returncode == 0
    assert code == (ENDED_BY_FENCE if how is signal.SIGSTOP else -signal.SIGKILL)
    assert len(crowded.mails) == arrived, "nothing left after it thawed"
    async with open_context(shared) as ctx, ctx.store.read() as work:
        made = await work.deliveries.of_night(crowd.LAST)
    outcome = Outcome(PEOPLE, 1, 0, 0.0, Counter())
    judge(outcome, made, crowded.mails)
    assert outcome.wrong == []
    assert outcome.states["unknown"] <= 4, "what was on its way, and no more"


async def test_mails_by_day_wait_for_the_last_process_that_works_on_a_night(shared: Settings) -> None:
    """As after the death of the one that had the night itself, while another still has a block."""
    async with open_context(shared) as ctx:
        with _seated(shared) as night_has, _seated(shared) as block_has:
            async with block_has.at_night():
                async with night_has.at_night():
                    pass
                with pytest.raises(CallerError, match="Another night is running on this database"):
                    await schedule.mails_due(ctx)
            done = await schedule.mails_due(ctx)

    assert done.asked == 0


@contextmanager
def _seated(settings: Settings) -> Iterator[SharedSeat]:
    seat = SharedSeat(settings)
    try:
        yield seat
    finally:
        seat.leave()


async def test_every_process_of_a_host_has_an_id_of_its_own_that_comes_back(shared: Settings) -> None:
    async with open_context(shared):
        pass  # brings the tables up to date
    shared = shared.model_copy(update={"worker": "night-host"})
    first = await asyncio.to_thread(SharedSeat, shared)
    second = await asyncio.to_thread(SharedSeat, shared)
    first.leave()
    third = await asyncio.to_thread(SharedSeat, shared)
    second.leave()
    third.leave()

    assert (first.id, second.id, third.id) == ("night-host-0", "night-host-1", "night-host-0")


async def test_a_worker_that_froze_while_it_looked_for_the_dead_is_found_dead(
    shared: Settings,
) -> None:
    async with open_context(shared):
        pass  # brings the tables up to date
    with Books(shared.plain_database, "one that froze") as frozen, _seated(shared) as seat:
        seat_of_it = frozen.sit_down("night-host")
        frozen.beat(seat_of_it)
        assert frozen.try_takeover()
        with psycopg.connect(shared.plain_database) as server:
            server.execute("update workers set beat_at = 'epoch' where id = %s", (seat_of_it,))
        dead: list[str] = []
        async with asyncio.timeout(FENCE_SECONDS):
            while not dead:
                async with seat.funeral() as found:
                    dead = found

    assert dead == [seat_of_it]


NO_SEAT = """
create sequence tries;
create function public.pg_try_advisory_lock(integer, integer) returns boolean language plpgsql as
  $$ begin perform nextval('tries'); raise exception 'not now'; end $$;
"""
"""New connections find this function before PostgreSQL's own; a sequence counts what is rolled back, too."""


async def test_a_heart_whose_new_connection_fails_as_well_tries_again(shared: Settings) -> None:
    async with open_context(shared):
        pass  # brings the tables up to date
    with (
        psycopg.connect(shared.plain_database, autocommit=True) as server,
        _seated(shared.model_copy(update={"worker": "night-host"})) as seat,
    ):

        async def until(question: LiteralString, *values: object) -> None:
            async with asyncio.timeout(FENCE_SECONDS):
                while server.execute(question, values).fetchone() is None:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)

        server.execute(NO_SEAT)
        server.execute(f"alter database {server.info.dbname} set search_path = public, pg_catalog".encode())
        server.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
        await until("select 1 from tries where is_called")
        server.execute("drop function public.pg_try_advisory_lock")
        told = server.execute("select beat_at from workers").fetchone()
        assert told is not None
        await until("select 1 from workers where id = %s and beat_at > %s", seat.id, told[0])


async def test_claims_of_several_processes_at_once_keep_the_accounts_cap(
    shared: Settings, crowded: Standin
) -> None:
    """Company 0 has 30 active users: at 10 % three of them may be mailed, whoever asks."""
    capped = shared.model_copy(update={"account_cap": 0.1})
    async with open_context(capped) as one, open_context(capped) as other:
        cases, now = await _prepared(one.acting_as("nightly"))
        mine = [case for case in cases if case.struggle.account_ids == cases[0].struggle.account_ids]
        contexts = [one.acting_as("nightly"), other.acting_as("nightly")]
        claimed = await asyncio.gather(
            *(claim(contexts[index % 2], case, now) for index, case in enumerate(mine))
        )

    assert len(mine) == PEOPLE / 20
    status = Counter(each.delivery.status for each in claimed)
    assert status == {Status.SENDING: 3, Status.WITHHELD: PEOPLE / 20 - 3}
    assert {each.delivery.reason for each in claimed} == {"", "account_cap"}


async def test_a_brake_or_a_pause_of_one_process_stops_the_claims_of_all(shared: Settings) -> None:
    """Ten mails in a row that fail are a brake, whoever sent them."""
    async with open_context(shared) as one, open_context(shared) as other:
        mine, theirs = one.acting_as("nightly"), other.acting_as("nightly")
        cases, now = await _prepared(mine)
        for index, case in enumerate(cases[:10]):
            tried = await claim((mine, theirs)[index % 2], case, now)
            async with one.store.begin() as work:
                await work.deliveries.settle(tried.delivery.id, Status.FAILED, "refused")
        braked = [(await claim(each, cases[10], now)).delivery for each in (mine, theirs)]
        async with one.store.begin() as work:
            await work.guards.release(one.clock.now())
        again = (await claim(theirs, cases[10], now)).delivery
        async with one.store.begin() as work:
            await work.deliveries.pause("all", one.clock.now())
        paused = (await claim(theirs, cases[11], now)).delivery

    assert [each.reason for each in braked] == ["braked", "braked"]
    assert again.status is Status.SENDING
    assert (paused.status, paused.reason) == (Status.WITHHELD, "paused")


async def test_processes_that_reserve_at_once_spend_no_more_than_the_models_budget(shared: Settings) -> None:
    """A call of 999 bytes and 1,000 tokens costs at most 500 * 0.125 + 1,000 * 0.5 millionths of a dollar."""
    async with open_context(shared) as one, open_context(shared) as other:
        purses = [
            Purse(each.store, each.clock, model="claude-haiku-5-5", budget=0.01) for each in (one, other)
        ]
        taken = await asyncio.gather(*(purses[index % 2].reserve([(999, 1000)]) for index in range(40)))
        async with one.store.read() as work:
            spent = (await work.spending.of_day(one.clock.now().date())).usd

    assert sum(len(each) for each in taken) == 17, "0.01 / 0.0005625"
    assert spent == pytest.approx(17 * 0.0005625)


async def _prepared(ctx: ToolContext) -> tuple[list[Case], Now]:
    """Everybody's case, after the night's stages up to the mails."""
    book = await night.open_book(ctx, crowd.LAST, backfill_from=crowd.LAST)
    for stage in night.BEFORE_MAILS:
        await stage(ctx, book, crowd.LAST)
    waves = [await night.plan_wave(ctx, book, crowd.LAST, 0)]
    texts = {key: text for wave in waves for block in wave.blocks for key, text in block.texts.items()}
    cases = await cases_again(ctx, crowd.LAST, texts)
    return cases, await look_now(ctx, cases)
