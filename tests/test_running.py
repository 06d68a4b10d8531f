"""How the suite is run: by the clock."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOME = "tests/handrail/engine/test_periods.py"


@pytest.mark.parametrize(("seconds", "run"), [(-1, False), (600, True)])
def test_after_its_time_a_run_begins_no_further_test_and_says_how_many(seconds: int, run: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", SOME],
        env={**os.environ, "HANDRAIL_TEST_UNTIL": str(time.time() + seconds)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout
    assert (" passed" in done.stdout) == run
    assert (" tests were not run: the time of this run was over" in done.stdout) != run
