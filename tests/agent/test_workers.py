"""Workers without a clock: four processes on one PostgreSQL keep together what one keeps alone."""

import asyncio
import signal
import sys
from collections import Counter
from pathlib import Path

import psycopg

from agent.seat import ENDED_BY_FENCE
from handrail.context import open_context
from handrail.domain.deliveries import MAY_HAVE_ARRIVED, Delivery, Status
from handrail.flows.mailing import SENDS
from handrail.settings import Settings
from standin.server import running
from standin.state import Standin
from tests import crowd, postgres
from tests.chaos import PATIENCE, Workers
from tests.conftest import settings_for

PEOPLE, ACCOUNTS, RUN_CAP = 160, 10, 116
CAPS = {"account_cap": 0.75, "run_cap": RUN_CAP, "backfill_days": 1}
ACCOUNT_CAP = 12
"""Of an account's 16 active users: under this cap alone 120 would be mailed."""

PAUSED_AT = 50
RUNNER = 3
"""Workers 0, 1 and 2 have no clock; the last process begins the night and works along."""


async def test_four_processes_hold_pause_caps_and_budgets_while_they_are_killed_frozen_and_ended(
    postgres_address: str, tmp_path: Path
) -> None:
    world = crowd.generate(tmp_path / "world", PEOPLE, accounts=ACCOUNTS)
    with running(world) as standins, postgres.database(postgres_address) as name:
        url = f"postgresql+asyncpg://{name}"
        settings = settings_for(standins, tmp_path / "data", database_url=url, **{**crowd.OPEN, **CAPS})
        async with open_context(settings):
            pass  # brings the tables up to date
        group = Workers(settings, tmp_path, 4, along=RUNNER, program="tests.agent.small_blocks")
        try:
            await _arrived(standins, group, PAUSED_AT // 2)
            group.running[0].send_signal(signal.SIGKILL)
            group.running[1].send_signal(signal.SIGSTOP)
            await _arrived(standins, group, PAUSED_AT)
            before = await _pause(settings)
            await _night_ends(group)
            _nothing_left_after(before, standins)
            await _frozen_one_ends_itself(group, standins)

            await _resume(settings)
            group.running[RUNNER] = group.start(RUNNER)
            await _arrived(standins, group, RUN_CAP * 3 // 4)
            group.running[2].send_signal(signal.SIGTERM)
            ended = await asyncio.to_thread(group.running[2].wait, PATIENCE)
            beating = await asyncio.to_thread(_hearts, settings)
            await _night_ends(group)
        except BaseException:
            sys.stderr.write(group.last_words())
            raise
        finally:
            group.end()
        made = await _made(settings)

    assert ended == 0
    assert "worker-2-0" not in beating, "others need not wait until it is dead for them"
    assert "worker worker-2-0 joined" in group.log(2)
    assert group.log(2).endswith("stopped; what this worker had begun, others go on with.\n")
    _caps_are_reached_and_kept(made, standins)
    assert sum(each.system == "query" for each in standins.counted) <= 35, "the night's share of the hour"
    assert 1 <= standins.most_running <= 4
    assert 429 not in {each["status"] for each in standins.requests}


async def _arrived(standins: Standin, group: Workers, mails: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while len(standins.mails) < mails:
            assert group.running[RUNNER].poll() is None, "the night ended before"
            await asyncio.sleep(0.005)


def _hearts(settings: Settings) -> set[str]:
    """The seats of those that did not leave in good order."""
    with psycopg.connect(settings.plain_database) as connection:
        return {str(seat) for (seat,) in connection.execute("select id from workers where process <> ''")}


async def _night_ends(group: Workers) -> None:
    assert await asyncio.to_thread(group.running[RUNNER].wait, PATIENCE) == 0


async def _pause(settings: Settings) -> dict[str, Status]:
    """Throw the switch; what had been claimed by then, read in the same transaction."""
    async with open_context(settings) as ctx, ctx.store.begin() as work:
        await work.deliveries.pause("all", ctx.clock.now())
        made = await work.deliveries.of_night(crowd.LAST)
    return {each.id: each.status for each in made if each.status in MAY_HAVE_ARRIVED}


async def _resume(settings: Settings) -> None:
    async with open_context(settings) as ctx, ctx.store.begin() as work:
        await work.deliveries.resume("all")


async def _made(settings: Settings) -> list[Delivery]:
    async with open_context(settings) as ctx, ctx.store.read() as work:
        return await work.deliveries.of_night(crowd.LAST)


def _nothing_left_after(before: dict[str, Status], standins: Standin) -> None:
    arrived = {mail["custom_args"]["handrail_delivery"] for mail in standins.mails}
    on_the_way = Counter(before.values())[Status.SENDING]
    assert arrived <= before.keys(), "a mail that was claimed after the switch was thrown"
    assert on_the_way <= 4 * SENDS
    assert PAUSED_AT <= len(standins.mails) < RUN_CAP


async def _frozen_one_ends_itself(group: Workers, standins: Standin) -> None:
    arrived = len(standins.mails)
    group.running[1].send_signal(signal.SIGCONT)
    assert await asyncio.to_thread(group.running[1].wait, PATIENCE) == ENDED_BY_FENCE
    assert len(standins.mails) == arrived


def _caps_are_reached_and_kept(made: list[Delivery], standins: Standin) -> None:
    """Counted where the mails arrive; what stayed unclear counts as a mail."""
    ids = Counter(mail["custom_args"]["handrail_delivery"] for mail in standins.mails)
    sent = {each.id for each in made if each.status is Status.SENT}
    unknown = {each.id for each in made if each.status is Status.UNKNOWN}
    accounts = Counter(each.account_ids for each in made if each.id in sent | unknown)
    assert max(Counter(mail["to"] for mail in standins.mails).values()) == 1
    assert sent <= ids.keys() <= sent | unknown
    assert len(unknown) <= 2 * SENDS, "of the killed and of the frozen one; the one that was ended left none"
    assert len(sent | unknown) == RUN_CAP
    assert max(accounts.values()) == ACCOUNT_CAP
    assert len({each.user_key for each in made}) == PEOPLE, "everybody has a decision"
    assert {each.status for each in made} <= {Status.SENT, Status.UNKNOWN, Status.WITHHELD}
