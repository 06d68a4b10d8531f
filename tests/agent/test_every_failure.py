"""A small night in which each thing fails once: every point of a send, every write, every request."""

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from agent import night
from handrail.context import open_context
from handrail.settings import Settings
from handrail.store import Store
from handrail.store.database import Work
from standin.faults import Fault, Faults
from standin.gate import GENERIC
from standin.server import running
from standin.state import Standin
from tests import crowd
from tests.agent.killed_at import POINTS
from tests.chaos import Outcome, Workers, judge
from tests.conftest import moved, settings_for

PEOPLE = 6
ALL = os.environ.get("HANDRAIL_EVERY_FAILURE") == "1"
"""`make chaos` fails each one, the suite every fourth request and every ninth write."""


@pytest.fixture(scope="module")
def _few(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    with running(crowd.generate(tmp_path_factory.mktemp("few") / "world", PEOPLE, accounts=2)) as state:
        yield state


@pytest.fixture
def few(_few: Standin) -> Iterator[Standin]:
    _few.reset()
    faults = _few.faults
    yield _few
    _few.faults = faults


@pytest.fixture
def settings(few: Standin, tmp_path: Path) -> Settings:
    return settings_for(few, tmp_path / "data", backfill_days=1, **crowd.OPEN)


async def held(settings: Settings, few: Standin) -> list[str]:
    """The promises that the night broke."""
    async with open_context(settings) as ctx, ctx.store.read() as work:
        made = await work.deliveries.of_night(crowd.LAST)
    outcome = Outcome(PEOPLE, 1, 0, 0.0, Counter())
    judge(outcome, made, few.mails)
    return outcome.wrong


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_at_any_point_of_a_send_doubles_and_loses_nobody(
    point: str, settings: Settings, few: Standin, tmp_path: Path
) -> None:
    group = Workers(settings, tmp_path, 0)
    killed = subprocess.run(
        [sys.executable, "-m", "tests.agent.killed_at", point],
        env=group.environment,
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    again = subprocess.run(
        [sys.executable, "-m", "handrail.cli", "agent", "run", "--json"],
        env=group.environment,
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )

    assert again.returncode == 0, again.stderr.decode()
    assert asyncio.run(held(settings, few)) == []


class NthFails(Faults):
    """The n-th request to any neighbour is answered with a 500, whatever it is; counts all of them."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number
        self.seen = 0

    def take(self, neighbour: str, path: str, names: set[str]) -> Fault | None:
        if names is not GENERIC:
            return None
        self.seen += 1
        if self.seen != self.number:
            return None
        return Fault(neighbour, path, "status", details={"status": 500})


class WriteFails(Exception):
    """What a database raises."""


def fail_write(monkeypatch: pytest.MonkeyPatch, number: int, *, committed: bool) -> list[int]:
    """Let the n-th writing transaction fail, before or after it was committed; answers the count so far."""
    original = Store.begin
    seen = [0]

    @asynccontextmanager
    async def begin(store: Store) -> AsyncIterator[Work]:
        seen[0] += 1
        mine = seen[0]
        async with original(store) as work:
            yield work
            if mine == number and not committed:
                raise WriteFails
        if mine == number:
            raise WriteFails

    monkeypatch.setattr(Store, "begin", begin)
    return seen


async def _night(settings: Settings) -> None:
    async with open_context(settings) as ctx:
        await night.run(ctx)


async def _fails_once(settings: Settings) -> None:
    with suppress(Exception):  # any failure will do
        await _night(settings)


@pytest.mark.parametrize("committed", [False, True])
async def test_whichever_write_fails_the_next_run_keeps_every_promise(
    committed: bool,
    settings: Settings,
    few: Standin,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patch:
        seen = fail_write(patch, 0, committed=committed)
        await _night(moved(settings, tmp_path / "whole"))
    broken = {}
    for number in range(1, seen[0] + 1, 1 if ALL else 9):
        few.reset()
        own = moved(settings, tmp_path / str(number))
        with monkeypatch.context() as patch:
            fail_write(patch, number, committed=committed)
            await _fails_once(own)
        await _night(own)
        if wrong := await held(own, few):
            broken[number] = wrong

    assert broken == {}
    assert seen[0] > 30


async def test_whichever_request_fails_the_next_run_keeps_every_promise(
    settings: Settings, few: Standin, tmp_path: Path
) -> None:
    few.faults = counting = NthFails(0)
    await _night(moved(settings, tmp_path / "whole"))
    broken = {}
    for number in range(1, counting.seen + 1, 1 if ALL else 4):
        few.reset()
        own = moved(settings, tmp_path / str(number))
        few.faults = NthFails(number)
        await _fails_once(own)
        few.faults = Faults()
        await _night(own)
        if wrong := await held(own, few):
            broken[number] = wrong

    assert broken == {}
    assert counting.seen > 15
