"""SIGKILL at every step of a migration, a backup and a restore, and a normal start after it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hardening.conftest import Promise
from tests.hardening.counts import FULL
from tests.hardening.machine.conftest import ROOT

pytestmark = pytest.mark.sqlite("migrations, backups and restores of its files")

EVERY = {"backup": 1 if FULL else 4, "restore": 1 if FULL else 5, "migrations": 1 if FULL else 37}


@pytest.mark.parametrize("kind", sorted(EVERY))
def test_whichever_step_dies_the_next_start_finds_everything_whole(
    kind: str, tmp_path: Path, promise: Promise
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.hardening.machine.killing", kind, str(tmp_path), str(EVERY[kind])],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["wrong"] == {}
    assert found["died"] >= 5
    promise(f"SIGKILL in {kind}: {found['died']} steps of {found['steps']}, 0 left anything half done")
