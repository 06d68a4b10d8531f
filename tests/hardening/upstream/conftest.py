"""Three people who struggle, the stand-ins that know them, and what every case is held to."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from handrail.settings import Settings
from standin.server import running
from standin.state import Standin
from tests import crowd
from tests.conftest import settings_for
from tests.hardening.upstream.faults import Fault

PEOPLE = 3
FOREIGN = re.compile(
    r"zqx|ana@|127\.0\.0\.1|https?:|Traceback|Error\b|Exception|httpx|httpcore|\[Errno|<html", re.IGNORECASE
)
"""What no sentence of ours holds: upstream text, addresses, names of exceptions."""

CLEAR_REFS, STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")


@pytest.fixture(scope="session")
def _three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    world = crowd.generate(tmp_path_factory.mktemp("three") / "world", PEOPLE, accounts=1)
    with running(world) as state:
        yield state


@pytest.fixture
def three(_three: Standin) -> Standin:
    _three.reset()
    return _three


@pytest.fixture
def settings(three: Standin, tmp_path: Path) -> Settings:
    return settings_for(three, tmp_path / "data", backfill_days=1, memory_limit="600MB", **crowd.OPEN)


def behind(settings: Settings, **changes: Any) -> Settings:
    return settings.model_copy(update=changes)


def plain(sentence: str) -> bool:
    """Whether an operator reads what happened, in words of ours."""
    return bool(sentence.strip()) and not FOREIGN.search(sentence)


@dataclass
class Peak:
    megabytes: float = 0.0


@contextmanager
def measured(fault: Fault) -> Iterator[Peak]:
    """By how much this process grew at its highest; nothing where that cannot be told."""
    peak = Peak()
    if not fault.heavy or not CLEAR_REFS.exists():
        yield peak
        return
    CLEAR_REFS.write_text("5")
    before = _megabytes("VmRSS")
    yield peak
    peak.megabytes = _megabytes("VmHWM") - before


def _megabytes(name: str) -> float:
    [line] = [line for line in STATUS.read_text().splitlines() if line.startswith(name + ":")]
    return int(line.split()[1]) / 1024
