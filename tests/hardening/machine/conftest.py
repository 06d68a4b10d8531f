"""A world of six people who all may be mailed, and the command line over it."""

import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from handrail.context import open_context
from handrail.domain.deliveries import Delivery
from handrail.settings import Settings
from standin.server import running
from standin.state import Standin
from tests import crowd
from tests.agent.test_kill import ROOT
from tests.chaos import Outcome, Workers, judge
from tests.conftest import settings_for

PEOPLE = 6

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def _six(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    with running(crowd.generate(tmp_path_factory.mktemp("six") / "world", PEOPLE, accounts=2)) as state:
        yield state


@pytest.fixture
def standins(_six: Standin) -> Iterator[Standin]:
    _six.reset()
    yield _six
    _six.reset()


@pytest.fixture
def settings(standins: Standin, tmp_path: Path) -> Settings:
    return settings_for(standins, tmp_path / "data", backfill_days=1, **crowd.OPEN)


@pytest.fixture
def environment(settings: Settings, tmp_path: Path) -> dict[str, str]:
    """The settings as a process gets them."""
    return Workers(settings, tmp_path, 0).environment


def start(
    *arguments: str, environment: dict[str, str], folder: Path, by: tuple[str, ...] = ()
) -> "subprocess.Popen[bytes]":
    """A command that goes on beside the test."""
    return subprocess.Popen(
        [*by, sys.executable, "-m", "handrail.cli", *arguments],
        env=environment,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.fixture
def handrail(environment: dict[str, str], tmp_path: Path) -> Run:
    """Run a command of the product in a process of its own, `by` another program, with `changes`."""

    def run(
        *arguments: str, by: tuple[str, ...] = (), module: str = "handrail.cli", **changes: str
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*by, sys.executable, "-m", module, *arguments],
            env={**environment, **changes},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return run


async def deliveries(settings: Settings) -> list[Delivery]:
    """The rows of the night of the six."""
    async with open_context(settings) as ctx, ctx.store.read() as work:
        return await work.deliveries.of_night(crowd.LAST)


async def broken_promises(settings: Settings, standins: Standin) -> list[str]:
    """What the night broke, its rows held against the mails that arrived."""
    outcome = Outcome(PEOPLE, 1, 0, 0.0, Counter())
    judge(outcome, await deliveries(settings), standins.mails)
    return outcome.wrong


def one_sentence(text: str) -> bool:
    """Whether a person is told in our words what is wrong: no traceback, and our name in front."""
    lines = [line for line in text.splitlines() if line.startswith("handrail: ")]
    return "Traceback" not in text and len(lines) == 1 and lines[0].endswith(".")


def last_words(text: str) -> str:
    """What a person reads last, without what the interpreter and the engine wrote above it."""
    return text.rstrip().rpartition("\n")[2].removeprefix("handrail: ")


__all__ = ["PEOPLE", "ROOT", "Run", "broken_promises", "deliveries", "last_words", "one_sentence", "start"]
