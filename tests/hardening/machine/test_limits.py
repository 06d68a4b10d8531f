"""What a machine refuses: room on the disk, rights, open files, memory. It is said, and nothing is lost."""

import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent import night
from handrail.context import open_context
from handrail.services.event_table import NO_FOLDER
from handrail.settings import Settings
from handrail.store.trouble import NO_ANSWER, trouble
from standin.state import Standin
from tests.hardening.conftest import Promise
from tests.hardening.counts import FULL, tried
from tests.hardening.machine.conftest import Run, broken_promises, last_words, one_sentence, start
from tests.required import lacking

KILO = 1024

OURS = {
    "This process has too many files open: raise its limit (ulimit -n) and start again.",
    "A file may not grow any further (ulimit -f, or the file system's limit): "
    "free some room and start again: what was written before is whole.",
    "The disk did not read or write the database, full or broken: "
    "free some room and start again: what was written before is whole.",
    "The disk is full: free some room and start again: what was written before is whole.",
    "The machine has no memory left: start again with more, or a lower HANDRAIL_MEMORY_LIMIT.",
    NO_FOLDER,
    NO_ANSWER,
}


def told(text: str) -> bool:
    """A sentence of ours: which limit, or that the database does not open under it."""
    words = last_words(text)
    return words in OURS or (words.startswith("The database ") and "cannot be opened" in words)


def limited(limit: str, value: int) -> tuple[str, ...]:
    """A program that runs another one under a limit of the machine."""
    narrow = (
        "import os, resource, sys; "
        "resource.setrlimit(getattr(resource, sys.argv[1]), (int(sys.argv[2]),) * 2); "
        "os.execvp(sys.argv[3], sys.argv[3:])"
    )
    return sys.executable, "-c", narrow, limit, str(value)


def mount(*arguments: str) -> bool:
    if shutil.which("mount") is None or os.geteuid() != 0:
        return False
    return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode == 0


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Callable[[str], object]]:
    """A disk of so many bytes; what is yielded changes its options, as `size=64m` or `ro`."""
    folder.mkdir()
    if not mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)):
        lacking("root", "A small disk cannot be mounted here: that needs root.")
    try:
        yield lambda options: subprocess.run(["mount", "-o", f"remount,{options}", folder], check=True)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


async def attempt(settings: Settings) -> BaseException | None:
    """One night; what ended it."""
    try:
        async with open_context(settings, actor="nightly") as ctx:
            await night.run(ctx)
    except BaseException as error:
        return error
    return None


@pytest.fixture
async def whole(settings: Settings, standins: Standin, tmp_path: Path) -> tuple[int, int]:
    """Bytes of a data directory before and after a night that lacks nothing."""
    own = settings.model_copy(update={"data_dir": tmp_path / "roomy"})

    def size() -> int:
        return sum(4096 * -(-path.stat().st_size // 4096) for path in own.data_dir.rglob("*"))

    async with open_context(own):
        before = size()
    async with open_context(own, actor="nightly") as ctx:
        await night.run(ctx)
        after = size()
    standins.reset()
    return before, after


@pytest.mark.sqlite("the tables are on the disk that fails")
async def test_wherever_the_disk_is_full_it_is_said_and_with_room_the_night_goes_on(
    settings: Settings,
    standins: Standin,
    whole: tuple[int, int],
    tmp_path: Path,
    promise: Promise,
) -> None:
    before, after = whole
    sizes = tried(40, at_least=4)
    silent, broken, full = {}, {}, 0
    for number in range(sizes):
        # From the tables' own size up: where nothing at all fits, and where little lacks.
        size = before // 2 + (after - before // 2) * number // sizes
        standins.reset()
        own = settings.model_copy(update={"data_dir": tmp_path / f"disk-{number}" / "data"})
        with small_disk(tmp_path / f"disk-{number}", size) as change:
            error = await attempt(own)
            if error is not None:
                full += 1
                words = trouble(error)
                if words is None or "disk" not in words.lower():
                    silent[size] = repr(error)
            change("size=64m")
            assert await attempt(own) is None
            if wrong := await broken_promises(own, standins):
                broken[size] = wrong

    assert (silent, broken) == ({}, {})
    assert full >= sizes // 2
    promise(f"disk full at {full} different sizes: {full} told in a sentence, 0 mails twice or lost")


@pytest.mark.sqlite("the tables are on the disk that fails")
def test_a_disk_that_turns_read_only_is_named_and_the_backup_leaves_nothing_half(
    settings: Settings, handrail: Run, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", 32 << 20) as change:
        data = tmp_path / "disk" / "data"
        assert handrail("db", "upgrade", HANDRAIL_DATA_DIR=str(data)).returncode == 0
        change("ro")
        said = {
            " ".join(arguments): handrail(*arguments, HANDRAIL_DATA_DIR=str(data))
            for arguments in (("agent", "run"), ("backup", str(tmp_path / "b.zip")))
        }
        change("rw")
        backup = handrail("backup", str(tmp_path / "disk" / "b.zip"), HANDRAIL_DATA_DIR=str(data))

    for command, done in said.items():
        assert done.returncode == 1, (command, done.stderr)
        assert one_sentence(done.stderr), done.stderr
        assert "read-only" in done.stderr.lower()
    assert backup.returncode == 0, backup.stderr


@pytest.mark.sqlite("the tables are on the disk that fails")
def test_a_backup_that_does_not_fit_leaves_the_one_before_as_it_was(
    settings: Settings, handrail: Run, tmp_path: Path
) -> None:
    assert handrail("db", "upgrade").returncode == 0
    with small_disk(tmp_path / "disk", 8 * KILO):
        target = tmp_path / "disk" / "handrail.zip"
        target.write_bytes(b"the one before")
        done = handrail("backup", str(target))

        assert done.returncode == 1
        assert one_sentence(done.stderr), done.stderr
        assert "No space left on device" in done.stderr
        assert [path.name for path in target.parent.iterdir()] == ["handrail.zip"]
        assert target.read_bytes() == b"the one before"
    assert not list(settings.data_dir.glob("*.part"))


OPEN_FILES = (*range(18, 50, 2), 64) if FULL else (24,)
GROWTH = (64 * KILO, 200 * KILO, 500 * KILO, 1000 * KILO) if FULL else (500 * KILO,)


@pytest.mark.parametrize(
    ("limit", "value"),
    [("RLIMIT_NOFILE", value) for value in OPEN_FILES] + [("RLIMIT_FSIZE", value) for value in GROWTH],
)
async def test_under_any_limit_nothing_is_lost_and_without_it_the_night_goes_on(
    limit: str,
    value: int,
    settings: Settings,
    standins: Standin,
    handrail: Run,
    promise: Promise,
) -> None:
    under = handrail("agent", "run", "--json", by=limited(limit, value))
    freed = handrail("agent", "run", "--json")

    assert under.returncode == 0 or told(under.stderr), under.stderr
    assert freed.returncode == 0, freed.stderr
    assert await broken_promises(settings, standins) == []
    promise(f"{limit} {value}: 0 mails twice or lost; the night under it ended with {under.returncode}")


async def test_after_a_night_that_ran_out_of_memory_the_next_one_goes_on(
    settings: Settings,
    standins: Standin,
    environment: dict[str, str],
    handrail: Run,
    tmp_path: Path,
    promise: Promise,
) -> None:
    """However it ends: by itself, by a library that gives up, or by the killer that comes for a process."""
    limits = [number << 20 for number in ((700, 800, 900, 1000, 1100, 1200) if FULL else (900,))]
    ended = Counter[str]()
    for limit in limits:
        starved = start(
            "agent", "run", "--json",
            environment=environment, folder=tmp_path, by=limited("RLIMIT_AS", limit),
        )  # fmt: skip
        try:
            starved.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            starved.kill()
            starved.communicate()
        ended["by itself" if starved.wait() >= 0 else "killed"] += 1
    freed = handrail("agent", "run", "--json")

    assert freed.returncode == 0, freed.stderr
    assert await broken_promises(settings, standins) == []
    promise(f"memory of {len(limits)} sizes, ended {dict(ended)}: 0 mails twice or lost afterwards")
