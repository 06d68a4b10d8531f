"""One file for a database: whole, of its own key, in nobody's way, and refused where it is damaged."""

import asyncio
import sqlite3
import stat
import zipfile
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from handrail.errors import CallerError, ConfigError, HandrailError
from handrail.lock import alone, in_use
from handrail.store import archive, open_store
from handrail.store.database import newest_version
from handrail.store.restoring import restore
from tests.hardening.machine.conftest import Run

pytestmark = pytest.mark.sqlite("a backup is a copy of its files")

SECRET, OTHER = b"k" * 32, b"o" * 32
NOW = datetime(2026, 3, 19, 2, tzinfo=UTC)


async def pause(data: Path, scope: str) -> None:
    store = await open_store(f"sqlite+aiosqlite:///{data / archive.TABLES}")
    async with store.begin() as work:
        await work.deliveries.pause(scope, NOW)
    await store.close()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    asyncio.run(pause(folder, "all"))
    return folder


@pytest.fixture
def backup(data: Path, tmp_path: Path) -> Path:
    archive.write(tmp_path / "handrail.zip", data, secret=SECRET, now=NOW)
    return tmp_path / "handrail.zip"


def put_back(source: Path, data: Path, *, secret: bytes = SECRET, replace: bool = False) -> None:
    asyncio.run(restore(source, data, secret=secret, now=NOW, replace=replace))


def scopes(data: Path) -> list[str]:
    with closing(sqlite3.connect(data / archive.TABLES)) as tables:
        return [row[0] for row in tables.execute("select scope from pauses")]


def test_what_was_backed_up_while_others_wrote_comes_back_whole_and_is_marked(
    data: Path, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(data / archive.TABLES)) as writer:
        writer.execute("begin immediate")
        writer.execute("insert into pauses values ('feature:half', '2026-03-19 02:00:00')")
        manifest = archive.write(tmp_path / "b.zip", data, secret=SECRET, now=NOW)
        writer.rollback()

    put_back(tmp_path / "b.zip", tmp_path / "empty")

    assert (manifest.migration, manifest.made_at) == (newest_version(), NOW)
    assert scopes(tmp_path / "empty") == ["all"]
    for path in (tmp_path / "b.zip", tmp_path / "empty" / archive.TABLES):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with closing(sqlite3.connect(tmp_path / "empty" / archive.TABLES)) as tables:
        [row] = tables.execute("select backup_at, caught_up_at from restores")
    assert row == ("2026-03-19 02:00:00.000000", None)


def test_the_key_is_not_in_the_backup_and_another_key_is_refused(backup: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(backup) as packed:
        inside = b"".join(packed.read(name) for name in packed.namelist())

    assert SECRET not in inside
    assert SECRET.hex().encode() not in inside
    with pytest.raises(ConfigError, match="made with another HANDRAIL_SECRET_KEY: put that key back first"):
        put_back(backup, tmp_path / "empty", secret=OTHER)
    assert not (tmp_path / "empty").exists()


def test_an_installation_is_replaced_only_when_that_is_said_and_is_put_aside(
    backup: Path, data: Path
) -> None:
    asyncio.run(pause(data, "feature:later"))

    with pytest.raises(CallerError, match="holds an installation: add --replace"):
        put_back(backup, data)
    assert scopes(data) == ["all", "feature:later"]

    put_back(backup, data, replace=True)

    assert scopes(data) == ["all"]
    [aside] = data.glob("replaced-*")
    assert scopes(aside) == ["all", "feature:later"]


def test_nothing_is_restored_while_somebody_works_there(data: Path) -> None:
    with (
        in_use(data),
        pytest.raises(CallerError, match="stop the agent, the server and chat clients"),
        alone(data),
    ):
        pass
    with alone(data), pytest.raises(CallerError, match="A backup is being restored"), in_use(data):
        pass


@pytest.mark.parametrize("place", [0, 40, 200, -2000, -600, -30, -1])
def test_whatever_byte_of_a_backup_is_wrong_the_tables_are_whole(
    place: int, backup: Path, data: Path
) -> None:
    raw = bytearray(backup.read_bytes())
    raw[place] ^= 0x55
    backup.write_bytes(raw)

    with suppress(HandrailError):  # a byte that means nothing is no damage
        put_back(backup, data, replace=True)

    assert scopes(data) == ["all"]
    assert not list(data.glob("*.part"))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_backup_that_was_cut_is_refused(share: float, backup: Path, data: Path) -> None:
    raw = backup.read_bytes()
    backup.write_bytes(raw[: int(len(raw) * share)])

    with pytest.raises(CallerError, match="damaged or no backup of Handrail"):
        put_back(backup, data, replace=True)
    assert scopes(data) == ["all"]


def test_a_backup_of_a_later_handrail_is_refused(backup: Path, data: Path, tmp_path: Path) -> None:
    manifest = archive.read(backup).model_copy(update={"migration": "9999", "version": "9.0"})
    later = tmp_path / "later.zip"
    with zipfile.ZipFile(backup) as old, zipfile.ZipFile(later, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name) if name != archive.MANIFEST else manifest.model_dump_json())

    with pytest.raises(CallerError, match=r"made by Handrail 9\.0, which is later than this one"):
        put_back(later, data, replace=True)


def test_a_damaged_database_makes_no_backup(backup: Path, data: Path) -> None:
    before = backup.read_bytes()
    tables = data / archive.TABLES
    raw = bytearray(tables.read_bytes())
    raw[8192:40960] = b"\xff" * 32768
    tables.write_bytes(raw)

    with pytest.raises(HandrailError, match="is damaged: restore the last backup"):
        archive.write(backup, data, secret=SECRET, now=NOW)
    assert backup.read_bytes() == before


def test_without_its_key_or_on_postgresql_the_command_says_what_to_do(handrail: Run, tmp_path: Path) -> None:
    keyless = handrail("backup", "b.zip", HANDRAIL_SECRET_KEY="")
    postgres = handrail("backup", "b.zip", HANDRAIL_DATABASE_URL="postgresql+asyncpg://u@127.0.0.1:1/x")

    assert (keyless.returncode, postgres.returncode) == (2, 2)
    assert "There is no secret key: set HANDRAIL_SECRET_KEY or put" in keyless.stderr
    assert "back them up with pg_dump, restore them with pg_restore" in postgres.stderr
    assert not (tmp_path / "b.zip").exists()
