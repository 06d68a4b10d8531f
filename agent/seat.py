"""A process's place among those that run the nights: its id, its heartbeat, the fence around its sends."""

import asyncio
import logging
import os
import socket
import threading
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress

from handrail.ending import ENDING
from handrail.lock import one_at_a_time, side_by_side
from handrail.settings import Settings
from handrail.store.workers import Workers

BEAT_SECONDS = 2.0
FENCE_SECONDS = 10.0
"""A process whose heart has not beaten for so long ends itself."""

DEAD_SECONDS = 15.0
"""A worker whose heart has not beaten for so long is dead: more than the fence, so it has ended by then."""

LOOK_SECONDS = 3.0

ENDED_BY_FENCE = 70

PATIENCE = 3 * 3600.0
"""Seconds that a night waits for mails that are leaving by day, or for a night that a person runs."""

log = logging.getLogger(__name__)


class Seat:
    """On a data directory there is one worker, which nobody takes over from: no heartbeat, no fence."""

    id = "only"

    def check(self) -> None:
        """Return if this process is alive for the others; end it if they have given it up."""

    @asynccontextmanager
    async def at_night(self) -> AsyncIterator[None]:
        """Work on a part of a night: nobody mails by day meanwhile. The only seat holds them off itself."""
        yield

    @asynccontextmanager
    async def funeral(self) -> AsyncIterator[list[str]]:
        """Workers found dead, whose work the caller shares out."""
        yield []


class SharedSeat(Seat):
    """One of many, on PostgreSQL."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._heart = Workers(settings.plain_database, settings.process)
        self._last_beat = _now()
        self._left = threading.Event()
        self.id = self._heart.sit_down(settings.worker or socket.gethostname())
        self._heart.beat(self.id)
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._thread.start()

    def check(self) -> None:
        if _now() - self._last_beat > FENCE_SECONDS:
            log.error("no heartbeat for %.0f s: others may have taken over, this process ends", FENCE_SECONDS)
            os._exit(ENDED_BY_FENCE)

    @asynccontextmanager
    async def at_night(self) -> AsyncIterator[None]:
        async with side_by_side(self._settings, "night", patience=PATIENCE):
            yield

    def leave(self) -> None:
        self._left.set()
        self._thread.join(timeout=BEAT_SECONDS)
        with suppress(Exception):
            self._heart.get_up(self.id)
        self._heart.close()

    def _beat(self) -> None:
        while not self._left.wait(BEAT_SECONDS):
            self.check()  # before the beat: one that thaws must not call itself alive again
            began = _now()
            try:
                self._heart.beat(self.id)
            except Exception:
                log.warning("the heartbeat did not reach the database")
                self._reconnect()
            else:
                self._last_beat = began

    def _reconnect(self) -> None:
        """A seat that somebody else has by now is lost, and the fence ends this process.

        What fails here is tried again after the next beat: nothing may end this thread.
        """
        with suppress(Exception), ExitStack() as unless_kept:
            heart = unless_kept.enter_context(Workers(self._settings.plain_database, self._settings.process))
            if heart.sit_down(self._settings.worker or socket.gethostname()) == self.id:
                unless_kept.pop_all()
                old, self._heart = self._heart, heart
                old.close()

    @asynccontextmanager
    async def funeral(self) -> AsyncIterator[list[str]]:
        with await asyncio.to_thread(Workers, self._settings.plain_database, self._settings.process) as books:
            await asyncio.to_thread(_cut_off_dead, books)  # one that froze in here would keep everybody out
            if not await asyncio.to_thread(books.try_takeover):
                yield []
                return
            dead = await asyncio.to_thread(_cut_off_dead, books)
            yield [seat for seat, _ in dead]
            for seat, process in dead:
                await asyncio.to_thread(books.bury, seat, process)


def _cut_off_dead(books: Workers) -> list[tuple[str, str]]:
    """(seat, process) of the dead, whose transactions and locks have gone."""
    dead = books.dead(DEAD_SECONDS)
    for _, process in dead:
        books.cut_off(process)
    return dead


def _now() -> float:
    """Seconds, also those that the machine slept through."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


@asynccontextmanager
async def take_seat(settings: Settings, *, patience: float) -> AsyncIterator[Seat]:
    """Raises `CallerError` where the only seat stays taken for more than `patience` seconds."""
    if not settings.on_postgres:
        async with one_at_a_time(settings, "night", patience=patience):
            yield Seat()
        return
    seat = await asyncio.to_thread(SharedSeat, settings)
    try:
        with ENDING.ends_with(seat.leave):
            yield seat
    finally:
        seat.leave()
