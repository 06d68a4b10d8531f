"""The budget ledger: asks the rule, keeps the books, waits where waiting is sensible."""

import asyncio
import logging
from datetime import datetime, timedelta

from handrail.clock import Clock
from handrail.domain.deliveries import Actor
from handrail.engine import budget
from handrail.errors import RateLimited
from handrail.services.mixpanel.budget import System, soon
from handrail.store import Store
from handrail.store.budget import KEPT

CHAT_PATIENCE = 5.0
"""Seconds a chat question waits for a free place; it never waits for the hour."""

NIGHT_PATIENCE = 900.0

log = logging.getLogger(__name__)


class Ledger:
    """One project's books, in the database: every process that shares it sees the same."""

    def __init__(self, store: Store, clock: Clock, *, project: str, actor: Actor) -> None:
        self._store = store
        self._clock = clock
        self._project = project
        self._actor = actor
        self._patience = NIGHT_PATIENCE if actor == "nightly" else CHAT_PATIENCE

    async def take(self, system: System, what: str) -> int:
        """A slot; waits a short while if one is near, else raises `RateLimited`."""
        waited = 0.0
        while True:
            now = self._clock.now()
            async with self._store.begin() as work:
                spent = await work.budget.spent(self._project, system, now)
                told = await work.budget.told(self._project, system)
                decision = budget.decide(system, self._actor, spent, told, now)
                if isinstance(decision, budget.Go):
                    return await work.budget.take(self._project, system, self._actor, now)
            seconds = max(0.05, (decision.until - now).total_seconds())
            if waited + seconds > self._patience:
                raise _refusal(decision, what, seconds)
            log.info("waiting %.0f s for Mixpanel's budget (%s)", seconds, decision.because)
            await asyncio.sleep(seconds)
            waited += seconds

    async def end(self, slot: int, *, counted: bool) -> None:
        async with self._store.begin() as work:
            await work.budget.end(slot, counted=counted)

    async def refused(self, system: System, *, limit: int | None, seconds: float) -> None:
        """Mixpanel refused although our books had room: others share the project."""
        now = self._clock.now()
        until = now + timedelta(seconds=seconds)
        async with self._store.begin() as work:
            await work.budget.learn(self._project, system, limit, until=until, now=now)

    async def left(self, system: System) -> int:
        """How many more requests may leave inside this hour."""
        now = self._clock.now()
        async with self._store.read() as work:
            spent = await work.budget.spent(self._project, system, now)
            told = await work.budget.told(self._project, system)
        return budget.left(system, self._actor, spent, told, now)

    async def asked(self, system: System, since: datetime) -> int | None:
        """Requests of this actor since then; None where that is longer ago than the books reach."""
        if self._clock.now() - since > KEPT:
            return None
        async with self._store.read() as work:
            return await work.budget.asked(self._project, system, self._actor, since)


def _refusal(decision: budget.Wait, what: str, seconds: float) -> RateLimited:
    if decision.because == "concurrent":
        words = (
            f"Mixpanel is busy with as many questions as it takes at once ({what}): try again in a minute."
        )
        return RateLimited(words, retry_after=60)
    return RateLimited(
        f"The budget for questions to Mixpanel is used up ({what}); "
        f"the next one is possible {soon(seconds)}, at {decision.until:%H:%M:%S} UTC.",
        retry_after=seconds,
    )
