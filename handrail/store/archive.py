"""A backup as one file: the tables and the flow's own books as they stood at one moment, and a manifest."""

import hashlib
import os
import shutil
import sqlite3
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import IO, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from handrail.engine import keys
from handrail.errors import CallerError, StoreTrouble

Part = Literal["handrail.db", "flow.db"]

TABLES: Part = "handrail.db"
FLOW: Part = "flow.db"
MANIFEST = "manifest.json"
MOST_OF_A_MANIFEST = 100_000
WORKSHOP = "backup.part"
"""Copies lie here, in the data directory, until the archive has them."""

_DAMAGED = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,  # a compression that is not known
    RuntimeError,  # a password is wanted
)
"""What `zipfile` raises of a file that is no archive of ours, or not whole."""

STAGE = "restore.part"
"""What comes out of an archive lies here until all of it is checked."""

RESTORING = "restoring"
"""This file is there while databases are exchanged: until it is gone nothing may be opened."""

_CHUNK = 1 << 20


class Kept(BaseModel):
    """One file of a backup."""

    model_config = ConfigDict(frozen=True)

    sha256: str
    size: int


class Manifest(BaseModel):
    """What a backup says of itself. `key` tells whether a secret key is the one it was made with."""

    model_config = ConfigDict(frozen=True)

    handrail_backup: Literal[1] = 1
    version: str
    migration: str
    made_at: AwareDatetime
    key: str
    files: dict[Part, Kept]


def write(target: Path, data_dir: Path, *, secret: bytes, now: datetime) -> Manifest:
    """Copy the databases while others work on them, and put them into `target` in one step.

    What `target` held before stays until the new one is whole. Raises `CallerError` where there is nothing
    to back up, `StoreTrouble` where a disk does not take it.
    """
    if not (data_dir / TABLES).exists():
        raise CallerError(f"There is nothing to back up: {data_dir} holds no {TABLES}.")
    workshop, part = data_dir / WORKSHOP, target.with_name(f".{target.name}.part")
    try:
        _fresh(workshop)
        # The flow's books first: what they call done must stand in the tables.
        parts: tuple[Part, Part] = (FLOW, TABLES)
        names = [name for name in parts if (data_dir / name).exists()]
        for name in names:
            copy_database(data_dir / name, workshop / name)
        manifest = Manifest(
            version=version("handrail"),
            migration=revision(workshop / TABLES),
            made_at=now,
            key=keys.secret_stamp(secret),
            files={name: _measured(workshop / name) for name in names},
        )
        _pack(part, manifest, workshop)
        os.replace(part, target)  # noqa: PTH105  (the name of the step)
        sync_folder(target.parent)
    except OSError as error:
        raise StoreTrouble(f"The backup could not be written: {where(error, target)}.") from None
    finally:
        part.unlink(missing_ok=True)
        shutil.rmtree(workshop, ignore_errors=True)
    return manifest


def _pack(part: Path, manifest: Manifest, folder: Path) -> None:
    with os.fdopen(os.open(part, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.writestr(MANIFEST, manifest.model_dump_json(indent=2))
            for name in manifest.files:
                archive.write(folder / name, name)
        file.flush()
        os.fsync(file.fileno())


def read(source: Path) -> Manifest:
    """What the archive says of itself. Raises `CallerError` where it is none, or of a later Handrail."""
    with _opened(source) as archive:
        try:
            with archive.open(MANIFEST) as file:
                manifest = Manifest.model_validate_json(file.read(MOST_OF_A_MANIFEST))
        except (KeyError, ValidationError):
            raise CallerError(f"{source} is no backup of Handrail, or of a later version of it.") from None
    if TABLES not in manifest.files:
        raise CallerError(f"{source} holds no {TABLES}: it is no backup of Handrail.")
    return manifest


def unpack(source: Path, manifest: Manifest, stage: Path) -> None:
    """Put the archive's databases into `stage`, each byte as it was. Raises `CallerError` if one is not."""
    with _opened(source) as archive:
        for name, kept in manifest.files.items():
            try:
                with archive.open(name) as packed, (stage / name).open("xb") as file:
                    _limited(packed, file, kept.size)
            except KeyError:
                raise CallerError(f"{source} is damaged: {name} is missing. Take another backup.") from None
            if _measured(stage / name) != kept:
                raise CallerError(
                    f"{source} is damaged: {name} is not what was backed up. Take another backup."
                )


@contextmanager
def _opened(source: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with _file(source) as file, zipfile.ZipFile(file) as archive:
            yield archive
    except _DAMAGED:
        raise CallerError(f"{source} is damaged or no backup of Handrail. Take another backup.") from None


def _file(source: Path) -> IO[bytes]:
    try:
        return source.open("rb")
    except (FileNotFoundError, IsADirectoryError):
        raise CallerError(f"There is no file {source}.") from None
    except OSError as error:
        raise CallerError(f"The file {source} cannot be read: {error.strerror}.") from None


def _limited(packed: IO[bytes], file: IO[bytes], size: int) -> None:
    """No more than the manifest says, whatever the archive would unfold to."""
    left = size + 1
    while left and (chunk := packed.read(min(_CHUNK, left))):
        file.write(chunk)
        left -= len(chunk)
    file.flush()
    os.fsync(file.fileno())


def copy_database(source: Path, target: Path) -> None:
    """One consistent copy, by SQLite's own backup: writers go on meanwhile, and the log needs no copy."""
    try:
        with (
            closing(
                sqlite3.connect(f"{source.resolve().as_uri()}?mode=rw", uri=True, timeout=30)
            ) as database,
            closing(sqlite3.connect(target)) as copy,
        ):
            database.backup(copy)
            copy.execute("pragma journal_mode = delete").close()
            whole = copy.execute("pragma quick_check").fetchone() == ("ok",)
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_CORRUPT:
            whole = False
        else:
            raise StoreTrouble(
                f"{source} could not be copied: there is no room beside it, or it cannot be read."
            ) from None
    if not whole:
        raise StoreTrouble(f"{source} is damaged: restore the last backup, and look after the disk.")
    target.chmod(0o600)


def revision(tables: Path) -> str:
    """The migration that a database has come to."""
    with closing(sqlite3.connect(tables)) as database:
        row = database.execute("select version_num from alembic_version").fetchone()
    return str(row[0]) if row else ""


def _fresh(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)


def _measured(path: Path) -> Kept:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Kept(sha256=digest, size=path.stat().st_size)


def sync_folder(folder: Path) -> None:
    """What was renamed in a folder outlives a power cut after this."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def where(error: OSError, otherwise: Path) -> str:
    """The system's own word for it, and the file."""
    return f"{error.strerror or type(error).__name__}: {error.filename or otherwise}"


def refuse_half_restored(data_dir: Path) -> None:
    """Raises `CallerError` where a restore was cut off between the old databases and the new ones."""
    if (data_dir / RESTORING).exists():
        raise CallerError(
            f"A restore into {data_dir} was cut off: run `handrail restore FILE --replace` again."
        )
