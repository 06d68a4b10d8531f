"""One at a time on one data directory. A lock is let go when its process dies, however it dies."""

import asyncio
import fcntl
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Literal

from handrail.errors import CallerError

Work = Literal["night", "sync"]

_GLANCE = 0.05
"""Whoever looks whether a lock is held has it for a moment: that is no reason to give up."""


@asynccontextmanager
async def one_at_a_time(data_dir: Path, work: Work, *, patience: float = _GLANCE) -> AsyncIterator[None]:
    """Raises `CallerError` if somebody else is in the middle of it for more than `patience` seconds."""
    with _file(data_dir, work) as file:
        for tried in itertools.count():
            if _taken(file, fcntl.LOCK_EX):
                break
            if tried * _GLANCE >= patience:
                raise CallerError(f"Another {work} is running on this data directory; wait for it to end.")
            await asyncio.sleep(_GLANCE)
        yield


def is_held(data_dir: Path, work: Work) -> bool:
    """Whether somebody is in the middle of it."""
    with _file(data_dir, work) as file:
        return not _taken(file, fcntl.LOCK_SH)


def _taken(file: IO[str], mode: int) -> bool:
    try:
        fcntl.flock(file, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _file(data_dir: Path, work: Work) -> IO[str]:
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    return (data_dir / f"{work}.lock").open("w")
