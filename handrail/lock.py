"""One at a time: on one data directory, or on one PostgreSQL. A lock is let go when its process dies."""

import asyncio
import fcntl
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal

from handrail.errors import CallerError, StoreTrouble
from handrail.settings import Settings

if TYPE_CHECKING:
    import asyncpg

Work = Literal["night", "sync"]

GLANCE = 0.05
"""Whoever looks whether a lock is held has it for a moment: that is no reason to give up."""

OURS = 48_110
"""PostgreSQL's advisory locks have pairs of numbers for names; this is the first of ours."""

_NUMBERS = {"night": 1, "sync": 2}
TAKEOVER, WRITER, MIGRATION = 3, 4, 5

_HELD = (
    "select exists (select from pg_locks where locktype = 'advisory' and classid = $1 and objid = $2"
    " and database = (select oid from pg_database where datname = current_database()))"
)


@asynccontextmanager
async def one_at_a_time(settings: Settings, work: Work, *, patience: float = GLANCE) -> AsyncIterator[None]:
    """Raises `CallerError` if somebody else is in the middle of it for more than `patience` seconds."""
    if settings.on_postgres:
        async with _locked(settings, work, "select pg_try_advisory_lock($1, $2)", patience):
            yield
        return
    with _file(settings.data_dir, work) as file:
        for tried in itertools.count():
            if _taken(file, fcntl.LOCK_EX):
                break
            await _again("data directory", work, tried, patience)
        yield


@asynccontextmanager
async def side_by_side(settings: Settings, work: Work, *, patience: float) -> AsyncIterator[None]:
    """For each of several processes that do it together, on PostgreSQL: waits for, and holds off, whoever
    does it alone. Raises as `one_at_a_time`.
    """
    async with _locked(settings, work, "select pg_try_advisory_lock_shared($1, $2)", patience):
        yield


@asynccontextmanager
async def _locked(settings: Settings, work: Work, attempt: str, patience: float) -> AsyncIterator[None]:
    async with _connected(settings) as connection:
        for tried in itertools.count():
            with _answering():
                got = await connection.fetchval(attempt, OURS, _NUMBERS[work])
            if got:
                break
            await _again("database", work, tried, patience)
        yield


async def _again(place: str, work: Work, tried: int, patience: float) -> None:
    if tried * GLANCE >= patience:
        raise CallerError(f"Another {work} is running on this {place}; wait for it to end.")
    await asyncio.sleep(GLANCE)


async def is_held(settings: Settings, work: Work) -> bool:
    """Whether somebody is in the middle of it."""
    if settings.on_postgres:
        async with _connected(settings) as connection:
            with _answering():
                return bool(await connection.fetchval(_HELD, OURS, _NUMBERS[work]))
    with _file(settings.data_dir, work) as file:
        return not _taken(file, fcntl.LOCK_SH)


@contextmanager
def in_use(data_dir: Path) -> Iterator[None]:
    """For as long as a process works on a data directory: nobody replaces what lies in it meanwhile."""
    with _file(data_dir, "use") as file:
        if not _taken(file, fcntl.LOCK_SH):
            raise CallerError(f"A backup is being restored into {data_dir}; start again when it is done.")
        yield


@contextmanager
def alone(data_dir: Path) -> Iterator[None]:
    """Raises `CallerError` while any other process works on the data directory."""
    with _file(data_dir, "use") as file:
        if not _taken(file, fcntl.LOCK_EX):
            raise CallerError(
                f"Another Handrail process works on {data_dir}: stop the agent, the server and chat clients "
                "first."
            )
        yield


@contextmanager
def one_backup(data_dir: Path) -> Iterator[None]:
    """Raises `CallerError` while another backup is being made."""
    with _file(data_dir, "backup") as file:
        if not _taken(file, fcntl.LOCK_EX):
            raise CallerError(f"Another backup of {data_dir} is being made; wait for it to end.")
        yield


@asynccontextmanager
async def _connected(settings: Settings) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    """A connection whose end, also by death, lets go of its locks."""
    import asyncpg  # noqa: PLC0415  (only on PostgreSQL)

    with _answering():
        connection = await asyncpg.connect(
            settings.plain_database, server_settings={"application_name": settings.process}
        )
    try:
        yield connection
    finally:
        connection.terminate()


@contextmanager
def _answering() -> Iterator[None]:
    """Raises `StoreTrouble` where the server does not answer, or no longer."""
    import asyncpg  # noqa: PLC0415  (only on PostgreSQL)

    from handrail.store.trouble import NO_ANSWER, trouble  # noqa: PLC0415  (SQLAlchemy, which the store has)

    try:
        yield
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise StoreTrouble(trouble(error) or NO_ANSWER) from None


def _taken(file: IO[str], mode: int) -> bool:
    try:
        fcntl.flock(file, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _file(data_dir: Path, work: str) -> IO[str]:
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    return (data_dir / f"{work}.lock").open("w")
