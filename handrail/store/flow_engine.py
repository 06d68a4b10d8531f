"""The books of the durable flow: the file they are in when there is no PostgreSQL, and ids in them."""

import contextlib
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    func,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy.engine import make_url

from handrail.settings import Settings

SCHEMA = "dbos"
"""Where the books are on PostgreSQL."""


_BEGUN = (
    "select workflow_uuid from workflow_status where status in ('PENDING', 'ENQUEUED', 'DELAYED') order by 1"
)


def sqlite_engine(path: Path) -> Engine:
    """SQLite with a write-ahead log: the flow's own default journal costs more than twice the time."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    engine = create_engine(f"sqlite:///{path.resolve()}")
    event.listen(engine, "connect", _prepare)
    return engine


def _prepare(connection: Any, _record: Any) -> None:
    if sqlite3.sqlite_version_info < (3, 42):
        # On Python 3.12 and later the engine asks for `unixepoch('subsec')`: null on an older SQLite.
        connection.create_function("unixepoch", 1, lambda _: round(time.time(), 3))
    connection.isolation_level = "IMMEDIATE"
    for pragma in ("journal_mode = wal", "busy_timeout = 30000", "foreign_keys = on", "synchronous = normal"):
        connection.execute(f"pragma {pragma}").close()


def mentions(settings: Settings, ids: Mapping[str, str], *, replace: bool = False) -> dict[str, int]:
    """How many values of the books hold one of these ids, by table and column.

    `replace` puts what each id leads to in its place. `ids` may be empty; books that are not there hold none.
    """
    if not ids or not (settings.on_postgres or settings.flow_file.exists()):
        return {}
    engine = _books(settings)
    try:
        with engine.begin() as connection:
            return _mentions(connection, ids, replace=replace)
    finally:
        engine.dispose()


def unfinished(settings: Settings) -> list[str]:
    """The names of the runs in SQLite's books that have begun and not ended."""
    if not settings.flow_file.exists():
        return []
    engine = sqlite_engine(settings.flow_file)
    try:
        with engine.connect() as connection:
            if not inspect(connection).has_table("workflow_status"):
                return []
            return list(connection.scalars(text(_BEGUN)))
    finally:
        engine.dispose()


def compact(settings: Settings) -> bool:
    """As `Store.compact`, for the books."""
    if settings.on_postgres or not settings.flow_file.exists():
        return True
    engine = _books(settings)
    try:
        with contextlib.closing(engine.raw_connection()) as connection:
            connection.cursor().execute("vacuum")
            return bool(connection.cursor().execute("pragma wal_checkpoint(truncate)").fetchone()[0] == 0)
    finally:
        engine.dispose()


def _books(settings: Settings) -> Engine:
    if settings.on_postgres:
        return create_engine(make_url(settings.flow).set(drivername="postgresql+psycopg"))
    return sqlite_engine(settings.flow_file)


def _mentions(connection: Connection, ids: Mapping[str, str], *, replace: bool) -> dict[str, int]:
    tables, found = MetaData(), dict[str, int]()
    if connection.dialect.name == "postgresql":
        if SCHEMA not in inspect(connection).get_schema_names():
            return {}
        tables.reflect(connection, schema=SCHEMA)
    else:
        tables.reflect(connection)
    for table in tables.sorted_tables:
        for column in table.columns:
            if isinstance(column.type, String):
                count = sum(_one(connection, table, column, *pair, replace=replace) for pair in ids.items())
                if count:
                    found[f"flow.{table.name}.{column.name}"] = count
    return found


def _one(connection: Connection, table: Table, column: Any, one: str, instead: str, *, replace: bool) -> int:
    held = column.contains(one, autoescape=True)
    count = connection.execute(select(func.count()).select_from(table).where(held)).scalar_one()
    if count and replace:
        connection.execute(update(table).where(held).values({column: func.replace(column, one, instead)}))
    return count
