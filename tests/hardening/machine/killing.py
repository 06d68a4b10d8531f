"""A process that forks, lets the child die by SIGKILL at its n-th step, and looks at what it left.

`python -m tests.hardening.machine.killing backup|restore|migrations FOLDER EVERY` prints JSON: how many steps
there are, at how many a child died, and what was wrong afterwards.
"""

import asyncio
import json
import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from handrail.errors import CallerError, HandrailError
from handrail.store import archive, open_store, upgrade
from handrail.store.database import newest_version
from handrail.store.restoring import restore

SECRET = b"k" * 32
NOW = datetime(2026, 3, 19, 2, tzinfo=UTC)
STEPS = {
    "os.rename",
    "os.remove",
    "os.mkdir",
    "os.rmdir",
    "os.chmod",
    "open",
    "sqlite3.connect",
    "shutil.rmtree",
    "os.truncate",
}
OLD, NEW = "an-old-pause", "a-new-pause"


def die_at(number: int) -> None:
    """Die before the n-th step, whichever files or statements it is about."""
    seen = 0

    def step(*_given: Any) -> None:
        nonlocal seen
        seen += 1
        if seen == number:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(lambda name, _given: step() if name in STEPS else None)
    for name in ("before_cursor_execute", "commit"):
        event.listen(Engine, name, step)


def in_a_child(work: Callable[[], object], number: int) -> bool:
    """Whether the child died at its n-th step; False if it came to its end before."""
    child = os.fork()
    if child == 0:
        die_at(number)
        try:
            work()
        except BaseException as error:
            sys.stderr.write(f"step {number}: {type(error).__name__}: {error}\n")
            os._exit(3)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return True
    assert os.waitstatus_to_exitcode(status) == 0, f"the child failed before step {number}"
    return False


def fill(data_dir: Path, scope: str) -> None:
    async def work() -> None:
        store = await open_store(f"sqlite+aiosqlite:///{data_dir / archive.TABLES}")
        async with store.begin() as tables:
            await tables.deliveries.pause(scope, NOW)
        await store.close()

    asyncio.run(work())
    with closing(sqlite3.connect(data_dir / archive.FLOW)) as flow:
        flow.execute("create table if not exists books (name text)")
        flow.execute("insert into books values (?)", [scope])
        flow.commit()


def scopes(tables: Path) -> set[str]:
    with closing(sqlite3.connect(tables)) as database:
        assert database.execute("pragma integrity_check").fetchone() == ("ok",)
        return {row[0] for row in database.execute("select scope from pauses")}


def after_backup(folder: Path, number: int) -> str:
    """The file is one whole backup, the one before or this one, and the next backup works."""
    target = folder / "handrail.zip"
    stage = folder / f"stage-{number}"
    stage.mkdir()
    archive.unpack(target, archive.read(target), stage)
    found = scopes(stage / archive.TABLES)
    archive.write(target, folder / "data", secret=SECRET, now=NOW)
    left = [path.name for path in (*folder.glob("data/*.part"), *folder.glob(".*.part"))]
    if found not in ({OLD}, {OLD, NEW}):
        return f"the backup held {found}"
    return f"{left} was left over" if left else ""


def after_restore(folder: Path, _number: int) -> str:
    """Nothing opens a mixture; the installation is the old one or the restored one, which is marked."""
    data = folder / "data"
    try:
        archive.refuse_half_restored(data)
    except CallerError:
        put_back(folder)
    found = scopes(data / archive.TABLES)
    with closing(sqlite3.connect(data / archive.FLOW)) as flow:
        books = {row[0] for row in flow.execute("select name from books")}
    with closing(sqlite3.connect(data / archive.TABLES)) as tables:
        marked = tables.execute("select count(*) from restores").fetchone()[0]
    if found != books:
        return f"tables of {found} beside a flow of {books}"
    if found == {OLD} and not marked:
        return "restored, and not marked as restored"
    return "" if found in ({OLD}, {OLD, NEW}) else f"tables of {found}"


def put_back(folder: Path) -> None:
    asyncio.run(restore(folder / "old.zip", folder / "data", secret=SECRET, now=NOW, replace=True))


def after_migrations(folder: Path, number: int) -> str:
    """A normal start brings the tables to where they belong."""
    tables = folder / f"half-{number}.db"
    try:
        fill_one(tables)
    except Exception as error:
        return f"the next start failed: {type(error).__name__}"
    return "" if archive.revision(tables) == newest_version() else "the tables are not up to date"


def fill_one(tables: Path) -> None:
    async def work() -> None:
        store = await open_store(f"sqlite+aiosqlite:///{tables}")
        async with store.begin() as begun:
            await begun.deliveries.pause("x", NOW)
        await store.close()

    asyncio.run(work())


def prepare(kind: str, folder: Path) -> None:
    if kind == "migrations":
        return
    (folder / "data").mkdir()
    fill(folder / "data", OLD)
    for name in ("handrail.zip", "old.zip"):
        archive.write(folder / name, folder / "data", secret=SECRET, now=NOW)
    fill(folder / "data", NEW)


def again(kind: str, folder: Path) -> None:
    """Before each restore: the installation as it was."""
    if kind == "restore":
        for path in (folder / "data").rglob("*"):
            if path.is_file():
                path.unlink()
        put_back(folder)
        fill(folder / "data", NEW)


WORK: dict[str, tuple[Callable[[Path, int], object], Callable[[Path, int], str]]] = {
    "backup": (
        lambda folder, _: archive.write(folder / "handrail.zip", folder / "data", secret=SECRET, now=NOW),
        after_backup,
    ),
    "restore": (lambda folder, _: put_back(folder), after_restore),
    "migrations": (
        lambda folder, number: upgrade(f"sqlite+aiosqlite:///{folder / f'half-{number}.db'}"),
        after_migrations,
    ),
}


def main() -> None:
    kind, folder, every = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    work, look = WORK[kind]
    prepare(kind, folder)
    wrong: dict[int, str] = {}
    number, died = 1, 0
    while True:
        again(kind, folder)
        if not in_a_child(lambda at=number: work(folder, at), number):  # type: ignore[misc]
            break
        died += 1
        try:
            found = look(folder, number)
        except (HandrailError, AssertionError, OSError, sqlite3.Error) as error:
            found = f"{type(error).__name__}: {error}"
        if found:
            wrong[number] = found
        number += every
    json.dump({"steps": number - 1, "died": died, "wrong": wrong}, sys.stdout)


if __name__ == "__main__":
    main()
