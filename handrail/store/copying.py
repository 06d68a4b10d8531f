"""All tables of a SQLite database put into an empty PostgreSQL database: whole, or not at all."""

import hmac
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    Integer,
    Table,
    create_engine,
    event,
    func,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlmodel import SQLModel, col

from handrail.errors import CallerError, ConfigError, HandrailError
from handrail.lock import OURS, WRITER
from handrail.store import archive, flow_engine
from handrail.store.database import escaped, newest_version, upgrade
from handrail.store.tables import SecretStamp

BATCH = 5_000


def copy_tables(database: str, target: str, *, stamp: str) -> dict[str, int]:
    """Copy every row; answers how many by table, as counted in the target. `stamp` is that of our secret.

    Nobody else may work on the source meanwhile, and nothing of it changes. One transaction fills the target:
    until its end that has tables without a row. Raises `CallerError` and `ConfigError` where either of the
    two is not fit for it, before anything is written.
    """
    source = Path(make_url(database).database or "")
    _refuse_source(source)
    here, there = _reading(source), _writing(target)
    try:
        with here.connect() as old:
            kept = old.scalar(select(col(SecretStamp.stamp)))
            if kept is not None and not hmac.compare_digest(kept, stamp):
                raise ConfigError(
                    f"{source} was begun with another HANDRAIL_SECRET_KEY (or file secret.key): put that "
                    "back first. With this one nobody in it would be known again, not even who unsubscribed."
                )
            with _opened(there, target) as new:
                _refuse_filled(new, target)
            upgrade(target)
            with _opened(there, target) as new:
                # Whoever opens the target meanwhile waits here, and finds it filled.
                new.exec_driver_sql(f"select pg_advisory_xact_lock({OURS}, {WRITER})")
                _refuse_filled(new, target)
                return {each.name: _copy(each, old, new) for each in SQLModel.metadata.sorted_tables}
    except DBAPIError as error:
        raise HandrailError(
            f"The copy broke off ({type(error.orig).__name__}): {shown(target)} has no row of it, and "
            f"{source} is as it was."
        ) from None
    finally:
        here.dispose()
        there.dispose()


def _copy(table: Table, old: Connection, new: Connection) -> int:
    for rows in old.execute(select(table)).mappings().partitions(BATCH):
        new.execute(insert(table), [{name: _as_kept(value) for name, value in row.items()} for row in rows])
    counting = select(func.count()).select_from(table)
    copied, there = new.scalar(counting), old.scalar(counting)
    if copied is None or copied != there:
        raise HandrailError(f"{table.name} has {there} rows and {copied} of them arrived: nothing was kept.")
    for column in table.primary_key.columns:
        if isinstance(column.type, Integer):  # without numbers of its own: nothing is set
            own = func.pg_get_serial_sequence(table.name, column.name)
            new.execute(select(func.setval(own, func.coalesce(func.max(column), 0) + 1, text("false"))))
    return copied


def _as_kept(value: Any) -> Any:
    return escaped(value) if isinstance(value, str) else value


def _refuse_source(source: Path) -> None:
    if not source.exists():
        raise CallerError(f"There is nothing to copy: {source} is not there.")
    try:
        revision = archive.revision(source)
    except sqlite3.DatabaseError:
        raise CallerError(f"There is nothing to copy: {source} holds no tables of Handrail.") from None
    if revision != newest_version():
        raise CallerError(
            f"The tables in {source} are not those of this Handrail: run `handrail db upgrade` first."
        )


def _refuse_filled(new: Connection, target: str) -> None:
    """Tables of ours without a row are no reason: an attempt that was cut off leaves them."""
    found = inspect(new)
    ours = {each.name for each in SQLModel.metadata.sorted_tables}
    there = set(found.get_table_names()) - {"alembic_version"}
    filled = sorted(there - ours) or [
        each.name
        for each in SQLModel.metadata.sorted_tables
        if each.name in there and new.scalar(select(select(text("1")).select_from(each).exists()))
    ]
    if flow_engine.SCHEMA in found.get_schema_names():
        filled.append(f"the schema {flow_engine.SCHEMA}")
    if filled:
        raise CallerError(
            f"{shown(target)} is not empty: it has {', '.join(filled[:3])}. Make a new database for the copy."
        )


def shown(url: str) -> str:
    """The address without its password."""
    return make_url(url).render_as_string(hide_password=True)


def _reading(source: Path) -> Engine:
    engine = create_engine(f"sqlite:///{source.resolve()}", hide_parameters=True)

    def only(connection: object, _record: object) -> None:
        connection.isolation_level = None  # type: ignore[attr-defined]
        for each in ("pragma busy_timeout = 30000", "pragma query_only = on"):
            connection.execute(each).close()  # type: ignore[attr-defined]

    event.listen(engine, "connect", only)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("begin"))
    return engine


def _writing(target: str) -> Engine:
    try:
        url = make_url(target)
    except (ArgumentError, ValueError):  # a port that is no number
        url = None
    if url is None or url.drivername != "postgresql+asyncpg" or not url.database:
        raise CallerError("--to has to be a PostgreSQL database: postgresql+asyncpg://USER@HOST/NAME.")
    return create_engine(url.set(drivername="postgresql+psycopg"), hide_parameters=True)


@contextmanager
def _opened(there: Engine, target: str) -> Iterator[Connection]:
    """One transaction."""
    try:
        connection = there.connect()
    except DBAPIError:
        raise CallerError(
            f"{shown(target)} cannot be opened: make the database, or correct --to. A password may stand in "
            "PGPASSWORD or in ~/.pgpass."
        ) from None
    with connection, connection.begin():
        yield connection
