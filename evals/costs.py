"""What asking a model costs: every question asked of the stand-in, its tokens at the prices of the table."""

import asyncio
from collections.abc import Sequence

import anthropic

from evals import model
from evals.cases import Case
from evals.rooms import Rooms
from handrail.engine import prices

ASKED_AS = "claude-haiku-5-5"
"""The stand-in plays any model alike; only the prices differ."""


async def tasks(chosen: Sequence[Case], rooms: Rooms) -> list[model.Task]:
    """Each case as a talk of two turns: a call of a tool, then an answer. No vendor is asked."""
    done = []
    for case in chosen:
        room = await asyncio.to_thread(rooms.enter, case.room)
        room.standins.faults.add(
            {"neighbour": "anthropic", "route": "/v1/messages", "fault": "loop", "times": 1}
        )
        base_url = f"{room.standins.base_url}/anthropic"
        async with anthropic.AsyncAnthropic(api_key="evals", base_url=base_url, max_retries=0) as client:
            done.append(await model.ask(case, room, client, ASKED_AS))
    return done


def usd(done: Sequence[model.Task]) -> dict[str, float]:
    """What the same tokens cost with each model of the table."""
    return {name: sum(prices.cost(name, task.usage) for task in done) for name in prices.PRICES}
