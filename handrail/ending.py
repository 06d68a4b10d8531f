"""The end of a process when it is asked for (SIGTERM): what is on its way arrives, and nothing new leaves."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

PATIENCE = 45.0
"""Seconds for mails on their way: more than the deadline of one."""

LAST_SECONDS = 5.0
"""For what is done last of all, which may wait for a database that does not answer."""


class Ending:
    """One for a process, as signals are."""

    def __init__(self) -> None:
        self.asked = False
        self._ways: set[asyncio.Future[None]] = set()
        self._last: list[Callable[[], None]] = []

    def wait_for(self, way: asyncio.Task[None]) -> None:
        """Let this one arrive before the process ends."""
        self._ways.add(way)
        way.add_done_callback(self._ways.discard)

    @contextmanager
    def leaving(self) -> Iterator[None]:
        """The same for what is done in here: a mail that is claimed also leaves."""
        way = asyncio.get_running_loop().create_future()
        self._ways.add(way)
        try:
            yield
        finally:
            self._ways.discard(way)
            way.cancel()

    @contextmanager
    def ends_with(self, last: Callable[[], None]) -> Iterator[None]:
        """A process that is asked to end in here does this last, on a thread."""
        self._last.append(last)
        try:
            yield
        finally:
            self._last.remove(last)

    async def pass_by(self) -> None:
        """Asked before something leaves: does not return in a process that is ending."""
        if self.asked:
            await asyncio.Event().wait()

    async def arrive(self) -> None:
        """From now on nothing leaves; what has left arrives, and the last things are done."""
        self.asked = True
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while self._ways:
                    await asyncio.wait(self._ways)
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_SECONDS):
                for last in self._last:
                    await asyncio.to_thread(last)


ENDING = Ending()
_last: list[asyncio.Task[None]] = []


def end_when_asked(code: int, words: str) -> None:
    """On SIGTERM say so, and end with this code as after a power cut: the next start goes on from there."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, lambda: _last.append(loop.create_task(_end(code, words))))


async def _end(code: int, words: str) -> None:
    await ENDING.arrive()
    sys.stderr.write(f"handrail: {words}\n")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
