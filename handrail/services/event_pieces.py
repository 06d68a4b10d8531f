"""Cuts an export's stream into pieces of whole lines in memory, which an engine reads like files."""

import asyncio
import contextlib
import mmap
import os
import re
from collections.abc import AsyncIterator, Callable, Iterator
from threading import Thread

from handrail.errors import BrokenExport

EXPORT = "Mixpanel's export"

PIECE_BYTES = 64 << 20
"""Two pieces take turns: one fills while the other is read."""

_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)"
)
"""An escape of JSON, a pair of surrogates taken as one; the group is a surrogate that stands alone."""


class Piece:
    """Memory that is filled with whole lines and has a path; nothing of it reaches a disk."""

    def __init__(self) -> None:
        self._file = os.memfd_create("handrail") if hasattr(os, "memfd_create") else -1
        if self._file >= 0:
            os.ftruncate(self._file, PIECE_BYTES)
        self._memory = mmap.mmap(self._file, PIECE_BYTES)
        self._used = 0

    def fill(self, chunk: bytes) -> bytes:
        """Append what there is room for; gives what the next piece begins with, after the last whole line."""
        room = PIECE_BYTES - self._used
        part = chunk[:room]
        self._memory[self._used : self._used + len(part)] = part
        self._used += len(part)
        if len(chunk) <= room:
            return b""
        full, self._used = self._used, self._memory.rfind(b"\n", 0, self._used) + 1
        if not self._used:
            raise too_long(EXPORT)
        return self._memory[self._used : full] + chunk[room:]

    def empty(self) -> None:
        self._used = 0

    @contextlib.contextmanager
    def path(self) -> Iterator[str]:
        """Where the lines can be read: a file in memory or, where the system has none, a pipe."""
        if self._file >= 0:
            os.ftruncate(self._file, self._used)
            try:
                yield f"/dev/fd/{self._file}"
            finally:
                os.ftruncate(self._file, PIECE_BYTES)
            return
        readable, writable = os.pipe()
        writing = Thread(target=self._write, args=(writable,))
        writing.start()
        try:
            yield f"/dev/fd/{readable}"
        finally:
            os.close(readable)
            writing.join()

    def _write(self, writable: int) -> None:
        # A reader that gave up (a bad line) ends the writing early.
        with contextlib.suppress(BrokenPipeError), open(writable, "wb") as out:
            out.write(self._memory[: self._used])

    def mend(self) -> int:
        """Replace every surrogate escape that stands alone, which is no character, by U+FFFD; how many."""
        lone = [found.start(1) for found in _ESCAPE.finditer(self._memory, 0, self._used) if found[1]]
        for at in lone:
            self._memory[at : at + 5] = b"ufffd"
        return len(lone)

    def close(self) -> None:
        self._memory.close()
        if self._file >= 0:
            os.close(self._file)


def too_long(where: str) -> BrokenExport:
    return BrokenExport(f"{where} holds a line that is too long for an event; nothing of it was kept.")


async def read_pieces(stream: AsyncIterator[bytes], read: Callable[[Piece], None]) -> None:
    """Give the whole stream to `read`, a piece at a time, in a thread."""
    with contextlib.closing(Piece()) as one, contextlib.closing(Piece()) as two:
        filling, other = one, two
        reading = asyncio.ensure_future(asyncio.sleep(0))
        try:
            async for chunk in stream:
                rest = filling.fill(chunk)
                while rest:
                    await asyncio.shield(reading)
                    reading = asyncio.ensure_future(asyncio.to_thread(read, filling))
                    filling, other = other, filling
                    filling.empty()
                    rest = filling.fill(rest)
            await asyncio.shield(reading)
            reading = asyncio.ensure_future(asyncio.to_thread(read, filling))
            await asyncio.shield(reading)
        finally:
            # A thread cannot be stopped. What it says of its piece says less than what ended the stream.
            await asyncio.gather(reading, return_exceptions=True)
