"""SQLite with one trip to the driver's thread a statement.

`aiosqlite` runs each call of a cursor in a thread of its own, and SQLAlchemy makes four for a statement:
open, execute, fetch, close. In a busy process each waits for its turn at the interpreter, there and back.
Here a statement is sent, its first rows are fetched and its cursor is closed in one trip.
"""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar

import aiosqlite

Made = TypeVar("Made")

FIRST_ROWS = 1000
"""Fetched with the statement; what is left is fetched as it is asked for, so that a stream stays one."""


def connect(database: str | Path, **options: Any) -> "Connection":
    """For `create_async_engine(async_creator_fn=...)`: as `aiosqlite.connect`, not yet opened."""
    made = Connection(partial(sqlite3.connect, database, **options), iter_chunk_size=FIRST_ROWS)
    made._thread.daemon = True  # as SQLAlchemy does: a connection nobody closed keeps no process alive
    return made


class Connection(aiosqlite.Connection):
    """aiosqlite's, with cursors that wait until there is something to send."""

    def cursor(self) -> "Cursor":  # type: ignore[override]  # what SQLAlchemy needs of one, and no more
        return Cursor(self)

    async def trip(self, made: Callable[[], Made]) -> Made:
        """Run it in the connection's thread."""
        done: Made = await self._execute(made)  # type: ignore[no-untyped-call]
        return done

    def opened(self) -> sqlite3.Cursor:
        """A cursor of the driver's; to be called in the connection's thread."""
        return self._conn.cursor()


class Cursor:
    """What SQLAlchemy's adapter asks of an asynchronous cursor."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._cursor: sqlite3.Cursor | None = None
        self._rows: list[Any] = []
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None
        self.arraysize = 1

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.close()

    async def execute(self, statement: str, values: Any = None) -> None:
        given = () if values is None else (values,)
        await self._connection.trip(lambda: self._sent(lambda cursor: cursor.execute(statement, *given)))

    async def executemany(self, statement: str, values: Iterable[Any]) -> None:
        await self._connection.trip(lambda: self._sent(lambda cursor: cursor.executemany(statement, values)))

    async def fetchone(self) -> Any:
        rows = await self.fetchmany(1)
        return rows[0] if rows else None

    async def fetchmany(self, size: int | None = None) -> Sequence[Any]:
        wanted = size or self.arraysize
        if len(self._rows) < wanted and self._cursor is not None:
            await self._connection.trip(lambda: self._fetch(max(wanted, FIRST_ROWS)))
        rows, self._rows = self._rows[:wanted], self._rows[wanted:]
        return rows

    async def fetchall(self) -> Sequence[Any]:
        if self._cursor is not None:
            await self._connection.trip(lambda: self._fetch(None))
        rows, self._rows = self._rows, []
        return rows

    async def close(self) -> None:
        if self._cursor is not None:
            await self._connection.trip(self._closed)

    def _sent(self, send: Callable[[sqlite3.Cursor], object]) -> None:
        self._closed()
        self._rows = []
        cursor = self._cursor = self._connection.opened()
        try:
            send(cursor)
            self.description, self.rowcount = cursor.description, cursor.rowcount
            self.lastrowid = cursor.lastrowid
            self._fetch(FIRST_ROWS if cursor.description else 0)
        except BaseException:
            self._closed()
            raise

    def _fetch(self, wanted: int | None) -> None:
        """Up to that many more rows; the cursor closes after the last."""
        if self._cursor is None:
            return
        more = self._cursor.fetchall() if wanted is None else self._cursor.fetchmany(wanted) if wanted else []
        self._rows.extend(more)
        if not wanted or len(more) < wanted:
            self._closed()

    def _closed(self) -> None:
        if self._cursor is not None:
            self._cursor.close()
            self._cursor = None
