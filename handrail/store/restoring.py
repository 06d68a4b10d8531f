"""Putting a backup back: checked whole beside the installation, exchanged for it, marked as restored."""

import hmac
import os
import shutil
import sqlite3
import tempfile
from contextlib import closing
from datetime import datetime
from pathlib import Path

from handrail.engine import keys
from handrail.errors import CallerError, ConfigError, StoreTrouble
from handrail.store import archive
from handrail.store.archive import FLOW, RESTORING, STAGE, TABLES, Manifest
from handrail.store.database import newest_version, open_store

BESIDE = ("", "-wal", "-shm")
"""SQLite's files of one database. An old log beside a new database would be read into it."""

_LEFT = "status in ('sending', 'sent', 'unknown')"

CARRIED = {
    "opt_outs": "",
    "suppressed_addresses": "",
    "deliveries": f"where {_LEFT}",
    "delivery_accounts": f"where delivery_id in (select id from deliveries where {_LEFT})",  # noqa: S608  # nosec B608  # our names
    "links": "",
}
"""Who is not to be mailed, what may have reached people, and the links by which they answer: out of tables
that are replaced, this is carried over."""

_ERASED = "update set erased_at = coalesce(erased_at, excluded.erased_at)"
"""Nights read nothing of who was erased since; what the backup holds of them is erased again by hand."""


async def restore(
    source: Path, data_dir: Path, *, secret: bytes, now: datetime, replace: bool
) -> tuple[Manifest, Path | None]:
    """Put the databases of `source` into the data directory; answers where the replaced ones lie.

    Until the last step the installation is as it was; cut off there, nothing opens it before a restore was
    carried through. What is restored sends nothing before it has caught up.
    """
    manifest = archive.read(source)
    _refuse(source, manifest, data_dir, secret, replace=replace)
    stage = data_dir / STAGE
    try:
        shutil.rmtree(stage, ignore_errors=True)
        stage.mkdir(parents=True, mode=0o700)
        archive.unpack(source, manifest, stage)
        await _mark(stage / TABLES, manifest.made_at, now)
        _carry_over(data_dir / TABLES, stage / TABLES)
        aside = _exchange(stage, data_dir, now)
    except OSError as error:
        raise StoreTrouble(f"The backup could not be restored: {archive.where(error, data_dir)}.") from None
    except sqlite3.DatabaseError:
        raise StoreTrouble(
            f"The backup could not be restored: there is no room in {data_dir}, or it is not writable."
        ) from None
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    return manifest, aside


def _refuse(source: Path, manifest: Manifest, data_dir: Path, secret: bytes, *, replace: bool) -> None:
    if manifest.migration > newest_version():
        raise CallerError(
            f"{source} was made by Handrail {manifest.version}, which is later than this one: "
            "install that first."
        )
    if not hmac.compare_digest(manifest.key, keys.secret_stamp(secret)):
        raise ConfigError(
            f"{source} was made with another HANDRAIL_SECRET_KEY: put that key back first (the variable, or "
            f"the file {data_dir / 'secret.key'}); with this one no opt-out of the backup would "
            "be known again."
        )
    if any((data_dir / name).exists() for name in (TABLES, FLOW)) and not replace:
        raise CallerError(
            f"{data_dir} holds an installation: add --replace to put it aside and restore "
            f"{source} in its place."
        )


async def _mark(tables: Path, made_at: datetime, now: datetime) -> None:
    """Bring the tables up to date and write down that they are old: nothing leaves before they caught up."""
    store = await open_store(f"sqlite+aiosqlite:///{tables}")
    try:
        async with store.begin() as work:
            await work.restores.begin(made_at, now)
    finally:
        await store.close()
    with closing(sqlite3.connect(tables)) as database:
        database.execute("pragma journal_mode = delete").close()


def _carry_over(before: Path, after: Path) -> None:
    """What was said and mailed since the backup, as far as the replaced tables can still be read."""
    if not before.exists():
        return
    with closing(sqlite3.connect(after)) as database:
        for table, which in CARRIED.items():
            try:
                with closing(sqlite3.connect(f"{before.resolve().as_uri()}?mode=ro", uri=True)) as old:
                    columns = sorted(_columns(old, table) & _columns(database, table))
                    names = ", ".join(columns)
                    chosen = "select {} from {} {}".format(names, table, which)  # noqa: S608, UP032  # nosec B608  # our names
                    rows = old.execute(chosen).fetchall()
            except sqlite3.DatabaseError:
                continue
            places = ", ".join("?" * len(columns))
            known_already = _ERASED if "erased_at" in columns else "nothing"
            if table == "deliveries":  # what the backup has as planned may have left since
                known_already = "update set " + ", ".join(f"{name} = excluded.{name}" for name in columns)  # nosec B608  # columns of ours
            said = "insert into {} ({}) values ({}) on conflict do {}"
            database.executemany(said.format(table, names, places, known_already), rows)
        database.commit()


def _columns(database: sqlite3.Connection, table: str) -> set[str]:
    return {row[0] for row in database.execute("select name from pragma_table_info(?)", (table,))}


def _exchange(stage: Path, data_dir: Path, now: datetime) -> Path | None:
    """The old databases out, the new ones in. While that goes on the file RESTORING says so."""
    names = [name for name in (TABLES, FLOW) if (stage / name).exists()]
    for name in names:
        _flush(stage / name)
    marker = data_dir / RESTORING
    marker.touch(mode=0o600)
    archive.sync_folder(data_dir)
    old = [
        path
        for name in (TABLES, FLOW)
        for end in BESIDE
        if (path := data_dir / f"{name}{end}").exists()
    ]  # fmt: skip
    aside = None
    if old:
        aside = Path(tempfile.mkdtemp(prefix=f"replaced-{now:%Y%m%dT%H%M%SZ}-", dir=data_dir))
        for path in old:
            path.rename(aside / path.name)
    for name in names:
        (stage / name).chmod(0o600)
        (stage / name).rename(data_dir / name)
    archive.sync_folder(data_dir)
    marker.unlink()
    archive.sync_folder(data_dir)
    return aside


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
