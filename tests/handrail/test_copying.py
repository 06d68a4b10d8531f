"""An installation moved from SQLite to PostgreSQL by `handrail db copy`."""

import asyncio
import hashlib
import json
import shutil
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import create_engine, insert

from agent import flow
from handrail.cli.backing_up import db_copy
from handrail.context import open_context
from handrail.domain.deliveries import Status
from handrail.engine import keys
from handrail.errors import CallerError, ConfigError
from handrail.lock import in_use
from handrail.settings import Settings
from handrail.store import upgrade
from standin.server import running
from standin.state import Standin
from tests import crowd, made_rows, postgres
from tests.agent.test_kill import ROOT, environment
from tests.conftest import settings_for

PEOPLE, MAILED = 6, 3


@dataclass
class Move:
    """An installation on SQLite with its neighbours; `name` of the new database is `user@host:port/name`."""

    state: Standin
    settings: Settings
    name: str

    @property
    def to(self) -> str:
        return f"postgresql+asyncpg://{self.name}"

    @property
    def environment(self) -> dict[str, str]:
        return {**environment(self.settings), "PYTHONPATH": str(ROOT)}

    def start(self) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "handrail.cli", "db", "copy", "--to", self.to, "--json"],
            env=self.environment,
            cwd=self.settings.data_dir.parent,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def old(self) -> made_rows.Rows:
        return self._rows(f"sqlite:///{self.settings.data_dir}/handrail.db")

    def new(self) -> made_rows.Rows:
        return self._rows(f"postgresql+psycopg://{self.name}")

    def _rows(self, url: str) -> made_rows.Rows:
        engine = create_engine(url)
        with engine.connect() as connection:
            found = made_rows.read(connection)
        engine.dispose()
        return {name: sorted(rows, key=repr) for name, rows in found.items()}


@pytest.fixture(scope="module")
def _six(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    with running(crowd.generate(tmp_path_factory.mktemp("six") / "world", PEOPLE, accounts=2)) as state:
        yield state


def on_sqlite(state: Standin, data_dir: Path, **changes: object) -> Settings:
    return settings_for(state, data_dir, backfill_days=1, **{**crowd.OPEN, "run_cap": MAILED, **changes})


@pytest.fixture(scope="module")
def _after_a_night(_six: Standin, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory after a night that mailed three of six; one of the others has unsubscribed."""
    data = tmp_path_factory.mktemp("night") / "data"

    async def one_night() -> None:
        async with open_context(on_sqlite(_six, data)) as ctx:
            report = await flow.run(ctx, night=crowd.LAST)
            assert report.sent == MAILED
            async with ctx.store.begin() as work:
                decided = await work.deliveries.of_night(crowd.LAST)
                mailed = {each.user_key for each in decided if each.status is Status.SENT}
                left = next(
                    key
                    for person in range(PEOPLE)
                    if (key := keys.user_key(ctx.secret, f"person-{person}")) not in mailed
                )
                await work.deliveries.opt_out(left, "unsubscribed", ctx.clock.now())

    asyncio.run(one_night())
    return data


@pytest.fixture
def move(_six: Standin, _after_a_night: Path, tmp_path: Path, postgres_address: str) -> Iterator[Move]:
    shutil.copytree(_after_a_night, tmp_path / "data")
    with postgres.database(postgres_address) as name:
        yield Move(_six, on_sqlite(_six, tmp_path / "data"), name)


@pytest.fixture
def here(move: Move, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """The command in this process, with the environment of the installation."""
    for name, value in environment(move.settings).items():
        monkeypatch.setenv(name, value)
    return lambda: db_copy(to=move.to, json_=True)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@contextmanager
def written(move: Move) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(move.settings.data_dir / "handrail.db")) as database:
        yield database
        database.commit()


def test_every_row_of_every_table_arrives_as_it_was_and_ids_go_on_from_there(move: Move) -> None:
    engine = create_engine(f"sqlite:///{move.settings.data_dir}/handrail.db")
    with engine.begin() as connection:
        made_rows.fill(connection, 7)
    engine.dispose()
    with written(move) as database:
        database.execute("update customers set name = ? where mixpanel_group_id = 'company-0'", ["a\0b"])
    before = digest(move.settings.data_dir / "handrail.db")

    done = move.start()
    out, told = done.communicate(timeout=120)

    assert (done.returncode, told) == (0, "")
    old, new = move.old(), move.new()
    for row in old["customers"]:
        row["name"] = row["name"].replace("\0", "\ue0000")  # PostgreSQL has no NUL
    assert {name: sorted(rows, key=repr) for name, rows in old.items()} == new
    assert min(map(len, new.values())) >= 1
    answer = json.loads(out)
    assert answer["to"] == move.to
    assert answer["tables"] == {name: len(rows) for name, rows in old.items()}
    assert answer["rows"] == sum(map(len, old.values()))
    assert digest(move.settings.data_dir / "handrail.db") == before

    engine = create_engine(f"postgresql+psycopg://{move.name}")
    with engine.begin() as connection:
        numbered = made_rows.numbered(connection)
        for table in numbered:
            row = made_rows.unnumbered(table, 7)
            made = connection.execute(insert(table).returning(table.columns["id"]), row).scalar_one()
            assert made > max(each["id"] for each in new[table.name]), table.name
    engine.dispose()
    assert len(numbered) >= 8


def test_a_database_that_is_not_empty_is_refused_and_left_as_it_was(
    move: Move, here: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    here()
    filled = move.new()

    with pytest.raises(CallerError, match=r"is not empty: it has .*customers.* Make a new database"):
        here()

    assert move.new() == filled


def test_a_database_of_something_else_is_refused_and_gets_no_table(
    move: Move, here: Callable[[], None]
) -> None:
    with psycopg.connect(f"postgresql://{move.name}", autocommit=True) as other:
        other.execute("create table invoices (id int)")

    with pytest.raises(CallerError, match="is not empty: it has invoices"):
        here()

    assert move.new() == {"invoices": []}


def test_a_copy_that_is_killed_leaves_the_target_empty_and_the_next_one_is_whole(move: Move) -> None:
    upgrade(move.to)
    last = [name for name, rows in move.old().items() if rows][-1]
    with psycopg.connect(f"postgresql://{move.name}") as other:
        # It can be read, as the command does first, but whoever writes into it waits.
        other.execute(f"lock table {last} in share row exclusive mode".encode())
        killed = move.start()
        waits_for_a_lock(move, killed)
        killed.kill()
        killed.communicate()
    nobody_is_connected(move)

    assert not any(move.new().values())
    again = move.start()
    again.communicate(timeout=120)
    assert again.returncode == 0
    assert move.new() == move.old()


def waits_for_a_lock(move: Move, process: "subprocess.Popen[str]") -> None:
    waiting = "select count(*) from pg_locks l join pg_database d on d.oid = l.database where not l.granted"
    until(move, waiting, lambda count: count == 1 or process.poll() is not None)
    assert process.poll() is None, process.communicate()


def nobody_is_connected(move: Move) -> None:
    until(
        move,
        "select count(*) from pg_stat_activity where datname = current_database() "
        "and pid <> pg_backend_pid()",
        lambda count: count == 0,
    )


def until(move: Move, question: str, done: Callable[[int], bool]) -> None:
    """Wait for another process: nothing of ours can announce that."""
    deadline = time.monotonic() + 60
    with psycopg.connect(f"postgresql://{move.name}", autocommit=True) as looking:
        while not done(int((looking.execute(question.encode()).fetchone() or (0,))[0])):
            assert time.monotonic() < deadline, question
            time.sleep(0.02)


def a_night_is_open(move: Move) -> None:
    with closing(sqlite3.connect(move.settings.flow_file)) as books:
        books.execute("update workflow_status set status = 'PENDING' where workflow_uuid like 'night:%'")
        books.commit()


def tables_are_old(move: Move) -> None:
    with written(move) as database:
        database.execute("update alembic_version set version_num = '0020'")


def another_key(move: Move) -> None:
    with written(move) as database:
        database.execute("update secret_stamps set stamp = 'of another key'")


def nothing_is_there(move: Move) -> None:
    (move.settings.data_dir / "handrail.db").unlink()


def nothing_is_in_it(move: Move) -> None:
    (move.settings.data_dir / "handrail.db").write_bytes(b"no database")


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (
            a_night_is_open,
            r"night of 2026-03-18 has begun and not ended: run `handrail agent run --date",
        ),
        (tables_are_old, "are not those of this Handrail: run `handrail db upgrade` first"),
        (another_key, "begun with another HANDRAIL_SECRET_KEY"),
        (nothing_is_there, "There is nothing to copy"),
        (nothing_is_in_it, "holds no tables of Handrail"),
    ],
)
def test_what_is_not_fit_to_be_copied_is_refused_before_anything_is_written(
    made: Callable[[Move], None], sentence: str, move: Move, here: Callable[[], None]
) -> None:
    made(move)

    with pytest.raises((CallerError, ConfigError), match=sentence):
        here()

    assert move.new() == {}


def test_tables_that_were_never_opened_with_a_key_take_the_first_one_there(
    move: Move, here: Callable[[], None]
) -> None:
    with written(move) as database:
        database.execute("delete from secret_stamps")

    here()

    assert move.new()["secret_stamps"] == []


def test_while_anything_works_on_the_source_nothing_is_copied(move: Move, here: Callable[[], None]) -> None:
    with (
        in_use(move.settings.data_dir),
        pytest.raises(CallerError, match="Another Handrail process works on"),
    ):
        here()

    assert move.new() == {}


@pytest.mark.parametrize(
    ("to", "sentence"),
    [
        ("sqlite+aiosqlite:///x.db", "--to has to be a PostgreSQL database"),
        ("postgresql+asyncpg://u:a-password@127.0.0.1:1/nothing", "cannot be opened: make the database"),
        ("postgresql+asyncpg://u:a-password@127.0.0.1:port/x", "--to has to be a PostgreSQL database"),
    ],
)
def test_a_target_that_cannot_be_is_one_sentence_without_its_password(
    to: str, sentence: str, here: Callable[[], None]
) -> None:
    with pytest.raises(CallerError, match=sentence) as refused:
        db_copy(to=to, json_=True)

    assert "a-password" not in str(refused.value)


async def test_the_night_goes_on_there_and_mails_nobody_twice_and_nobody_who_opted_out(
    move: Move, here: Callable[[], None]
) -> None:
    before = Counter(mail["to"] for mail in move.state.mails)
    assert set(before.values()) == {1}
    assert len(before) == MAILED
    await asyncio.to_thread(here)

    there = on_sqlite(move.state, move.settings.data_dir, database_url=move.to, run_cap=PEOPLE)
    async with open_context(there) as ctx:
        report = await flow.run(ctx, night=crowd.LAST)

    after = Counter(mail["to"] for mail in move.state.mails)
    assert set(after.values()) == {1}
    assert len(after) == PEOPLE - 1
    assert report.withheld == {"unsubscribed": 1}


async def test_a_key_file_of_any_bytes_goes_on_to_open_the_database(
    move: Move, monkeypatch: pytest.MonkeyPatch, here: Callable[[], None]
) -> None:
    raw = move.settings.model_copy(update={"secret_key": None, "data_dir": move.settings.data_dir / "raw"})
    raw.data_dir.mkdir()
    (raw.data_dir / "secret.key").write_bytes(b"\xff\x00 no text \xfe\x80\x81\x82")
    async with open_context(raw):
        pass
    monkeypatch.setenv("HANDRAIL_DATA_DIR", str(raw.data_dir))
    monkeypatch.delenv("HANDRAIL_SECRET_KEY")
    await asyncio.to_thread(here)

    there = raw.model_copy(update={"database_url": move.to})
    async with open_context(there) as ctx, ctx.store.read() as work:
        assert await work.stamps.get() == keys.secret_stamp(ctx.secret)

    (raw.data_dir / "secret.key").unlink()
    with pytest.raises(ConfigError, match=r"HANDRAIL_SECRET_KEY is not set, and there is no .*secret\.key"):
        async with open_context(there):
            pass
    with pytest.raises(ConfigError, match="begun with another HANDRAIL_SECRET_KEY"):
        async with open_context(there.model_copy(update={"secret_key": SecretStr("another secret of ours")})):
            pass
