"""The ledger over several real processes on one database, watched by the stand-in's own."""

import asyncio
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta

import pytest

from handrail.context import ToolContext
from handrail.domain.deliveries import Actor
from handrail.errors import RateLimited
from handrail.settings import Settings
from standin.state import Standin
from tests.conftest import OpenWith
from tests.handrail.asking import ask

SPAWN = multiprocessing.get_context("spawn")
WANTED: list[tuple[Actor, int]] = [("nightly", 25), ("nightly", 25), ("chat", 15), ("web", 15)]


async def left(ctx: ToolContext) -> int:
    assert ctx.ledger is not None
    return await ctx.ledger.left("query")


def slow(standins: Standin, seconds: float) -> None:
    standins.faults.add({"neighbour": "mixpanel", "route": "names", "fault": "slow", "seconds": seconds})


async def test_four_processes_share_the_hour_the_places_and_their_shares(
    empty_ctx: ToolContext, open_with: OpenWith, settings: Settings, standins: Standin
) -> None:
    slow(standins, 0.05)

    with ProcessPoolExecutor(len(WANTED), mp_context=SPAWN) as pool:
        running = [pool.submit(ask, settings, actor, times) for actor, times in WANTED]
        told = [await asyncio.wrap_future(each) for each in running]

    night, day = told[0] + told[1], told[2] + told[3]
    assert night == {"answered": 35, "refused": 15}
    assert day["answered"] <= 20
    assert len(standins.counted) == night["answered"] + day["answered"] <= 60
    assert {each["status"] for each in standins.requests} == {200}, "Mixpanel never had to refuse"
    assert 2 <= standins.most_running <= 4
    async with open_with() as restarted:
        assert await left(restarted) == 20 - day["answered"]
    async with open_with(now=empty_ctx.clock.now() + timedelta(minutes=59)) as later:
        assert await left(later) == 20 - day["answered"]


async def test_a_killed_process_gives_its_places_back_and_its_questions_stay_counted(
    empty_ctx: ToolContext, open_with: OpenWith, settings: Settings, standins: Standin
) -> None:
    slow(standins, 0.5)
    doomed = SPAWN.Process(target=ask, args=(settings, "chat", 4))
    doomed.start()
    async with asyncio.timeout(60):
        while standins.running < 4:  # noqa: ASYNC110  (the stand-in runs on another thread)
            await asyncio.sleep(0.01)
    doomed.kill()
    doomed.join()
    standins.faults.clear()

    with pytest.raises(RateLimited, match="as many questions as it takes at once"):
        await empty_ctx.mixpanel.queries.event_names()
    assert await left(empty_ctx) == 16
    async with open_with(now=empty_ctx.clock.now() + timedelta(minutes=11)) as later:
        await later.mixpanel.queries.event_names()
        assert await left(later) == 15
    assert len(standins.counted) == 5
