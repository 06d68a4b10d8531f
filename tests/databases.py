"""The database of each data directory of the tests: SQLite in it, or one of PostgreSQL's.

With HANDRAIL_TEST_DATABASE=postgres every directory has an empty database of its own there from the first
time its settings are made; a directory that is copied takes its database along.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.adapt import Loader
from sqlalchemy import Connection, NullPool, create_engine, event, text

from handrail.store import upgrade
from handrail.store.database import unescaped
from handrail.store.flow_engine import SCHEMA
from tests import postgres

ON_POSTGRES = os.environ.get("HANDRAIL_TEST_DATABASE") == "postgres"
ADDRESS = "HANDRAIL_TEST_POSTGRES"
"""Where the run's server is; its workers inherit the variable."""

HEAD = f"head_{os.getpid()}"
"""The template of an empty database."""

WITHOUT = (
    "tests/handrail/charts/",
    "tests/handrail/engine/",
    "tests/handrail/services/",
    "tests/standin/",
    "tests/test_docs.py",
    "tests/test_layout.py",
)
SAVE = tuple(
    f"tests/handrail/services/test_{name}"
    for name in ("event_files", "event_spark", "jql_and_export_agree", "mixpanel_unkind", "model_", "writer")
)
"""Nothing below the first opens a database, save the last; `watched` holds them to it."""

_opened: list[str] = []
_made: dict[str, Path] = {}
_turn = threading.Lock()


def may_open(item: pytest.Item) -> bool:
    """Whether a test may open a database: it lies in a data directory, and that in a temporary folder."""
    if item.nodeid.startswith(WITHOUT) and not item.nodeid.startswith(SAVE):
        return False
    asked = set(getattr(item, "fixturenames", ()))
    return type(item) is not pytest.Function or bool(asked & {"tmp_path", "tmp_path_factory"})


def has_its_own(item: pytest.Item) -> bool:
    """Whether a test runs on a PostgreSQL of its own whatever the run is on."""
    return "postgres_address" in getattr(item, "fixturenames", ())


@contextmanager
def watched(item: pytest.Item) -> Iterator[None]:
    """Raises `AssertionError` after a test that opened a database and would not run on PostgreSQL."""
    _opened.clear()
    yield
    assert not _opened or may_open(item), (
        f"{item.nodeid} opens {_opened[0]}: `may_open` in tests/databases.py has to know, so that it runs on "
        "PostgreSQL, too"
    )


def watch() -> None:
    """From now on every database of the product's that SQLite opens is seen."""
    sys.addaudithook(_see)


def _see(what: str, how: tuple[Any, ...]) -> None:
    if what == "sqlite3.connect" and str(how[0]).endswith("handrail.db"):
        _opened.append(str(how[0]))


def start(stack: ExitStack) -> None:
    """Start the server of this run, unless another process of the run has."""
    if postgres.binaries() is None:
        pytest.exit("HANDRAIL_TEST_DATABASE=postgres, and PostgreSQL is not installed: no initdb was found.")
    if ADDRESS not in os.environ:
        os.environ[ADDRESS] = stack.enter_context(postgres.server())
        stack.callback(os.environ.pop, ADDRESS)


def address(data_dir: Path) -> str:
    """The directory's HANDRAIL_DATABASE_URL; empty where that is SQLite's file in it."""
    if not ON_POSTGRES:
        return ""
    name = _name(data_dir)
    with _turn:
        if name not in _made:
            _create(name, _head())
            _made[name] = data_dir
    return _url("postgresql+asyncpg", name)


def copy(source: Path, target: Path) -> None:
    """Copy a data directory that nobody works on, with its database."""
    if ON_POSTGRES:
        source.mkdir(exist_ok=True)  # nothing may have been put into it
    shutil.copytree(source, target)
    if not ON_POSTGRES:
        return
    name = _name(target)
    with _turn:
        if name in _made:
            _drop(name)
        _create(name, _name(source))
        _made[name] = target


def dump(data_dir: Path, file: Path) -> None:
    """Back the directory's PostgreSQL database up as the documentation says, while others work on it."""
    _run("pg_dump", "--format=custom", f"--file={file}", "--dbname", _url("postgresql", _name(data_dir)))


def load(file: Path, data_dir: Path) -> None:
    """Put such a backup in the place of the directory's database."""
    name = _name(data_dir)
    with _turn:
        _drop(name)
        _create(name, "template0")
        _made[name] = data_dir
    _run("pg_restore", "--dbname", _url("postgresql", name), str(file))


def _run(program: str, *arguments: str) -> None:
    programs = postgres.binaries()
    assert programs is not None
    subprocess.run([programs / program, *arguments], check=True)


def forget(folder: Path) -> None:
    """Drop the databases of the directories in it."""
    with _turn:
        for name in [name for name, data_dir in _made.items() if data_dir.is_relative_to(folder)]:
            _drop(name)


class Tables:
    """One transaction on the tables of a data directory, for looks and changes that the product has not."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def execute(self, statement: str, values: Sequence[Any] = ()) -> Any:
        """`?` stands for each value, as SQLite writes it; answers a result of SQLAlchemy's."""
        parts = statement.split("?")
        named: Mapping[str, Any] = {f"v{at}": value for at, value in enumerate(values)}
        asked = "".join(f":v{at - 1}{part}" if at else part for at, part in enumerate(parts))
        return self._connection.execute(text(asked), named)

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        for values in rows:
            self.execute(statement, values)

    def names(self) -> list[str]:
        """The tables that there are."""
        known = (
            "select tablename from pg_tables where schemaname = current_schema()"
            if ON_POSTGRES
            else "select name from sqlite_master where type = 'table'"
        )
        return [row[0] for row in self.execute(known)]

    def dump(self) -> str:
        """Every row of every table as text."""
        return "\n".join(str(row) for name in self.names() for row in self.execute(f'select * from "{name}"'))


@contextmanager
def tables(data_dir: Path) -> Iterator[Tables]:
    """Committed at the end."""
    url = _url("postgresql+psycopg", _name(data_dir)) if ON_POSTGRES else f"sqlite:///{data_dir}/handrail.db"
    with _transaction(url) as connection:
        yield Tables(connection)


@contextmanager
def flow(data_dir: Path) -> Iterator[Tables]:
    """The same for the flow's books."""
    if not ON_POSTGRES:
        with _transaction(f"sqlite:///{data_dir}/flow.db") as connection:
            yield Tables(connection)
        return
    with _transaction(_url("postgresql+psycopg", _name(data_dir))) as connection:
        connection.execute(text(f"set local search_path to {SCHEMA}"))
        yield Tables(connection)


def on_disk(data_dir: Path) -> dict[str, bytes]:
    """What an installation keeps: its files, and on PostgreSQL its tables and the flow's books as text.

    Files are read by another process: closing the database's file in this one would drop SQLite's locks.
    """
    found = {}
    for path in [path for path in data_dir.rglob("*") if path.is_file()]:
        read = subprocess.run(["cat", path], capture_output=True, check=False)
        if read.returncode == 0:  # SQLite takes its side files away
            found[str(path.relative_to(data_dir))] = read.stdout
    if ON_POSTGRES:
        with psycopg.connect(_url("postgresql", _name(data_dir))) as connection:
            found |= _dumped(connection)
    assert {"handrail.db", "public.customers"} & found.keys()
    return found


def _dumped(connection: "psycopg.Connection[Any]") -> dict[str, bytes]:
    connection.execute("set bytea_output = 'escape'")
    own = f"select schemaname, tablename from pg_tables where schemaname in ('public', '{SCHEMA}')"
    found = {}
    for schema, name in connection.execute(own.encode()).fetchall():
        with connection.cursor().copy(f'copy "{schema}"."{name}" to stdout'.encode()) as rows:
            found[f"{schema}.{name}"] = b"".join(map(bytes, rows))
    return found


@contextmanager
def _transaction(url: str) -> Iterator[Connection]:
    engine = create_engine(url, poolclass=NullPool)
    if ON_POSTGRES:
        event.listen(engine, "connect", _reads_texts)
    with engine.begin() as connection:
        yield connection


class _Text(Loader):
    def load(self, data: Any) -> str:
        return unescaped(bytes(data).decode())


def _reads_texts(connection: Any, _record: Any) -> None:
    for kind in ("text", "varchar"):
        connection.adapters.register_loader(kind, _Text)


def _name(data_dir: Path) -> str:
    return "t_" + hashlib.sha256(str(data_dir.resolve()).encode()).hexdigest()[:24]


def _url(driver: str, name: str) -> str:
    return f"{driver}://{postgres.USER}@{os.environ[ADDRESS]}/{name}"


@cache
def _head() -> str:
    _create(HEAD, "template1")
    upgrade(_url("postgresql+asyncpg", HEAD))
    return HEAD


@cache
def _server() -> "psycopg.Connection[Any]":
    return psycopg.connect(_url("postgresql", "postgres"), autocommit=True)


def _create(name: str, template: str) -> None:
    """Files are copied: the default writes each page into the log first."""
    _server().execute(f'create database "{name}" template "{template}" strategy file_copy'.encode())


def _drop(name: str) -> None:
    _server().execute(f'drop database "{name}" with (force)'.encode())
    del _made[name]
