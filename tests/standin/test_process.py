"""The stand-ins as a process of their own."""

import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest

ROOT = Path(__file__).parents[2]


COMMANDS = [(["-m", "handrail.cli", "standin"], "8797"), (["-m", "standin"], "8798")]


@pytest.mark.parametrize(("arguments", "port"), COMMANDS, ids=["handrail", "python"])
def test_the_stand_ins_run_alone_and_print_how_to_reach_them(
    arguments: list[str], port: str, acme_folder: Path, tmp_path: Path
) -> None:
    process = subprocess.Popen(
        [sys.executable, *arguments, "--world", str(acme_folder), "--port", port],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        answer = _when_up(f"http://127.0.0.1:{port}/control/ledger", process)
    finally:
        process.terminate()
        _, printed = process.communicate(timeout=20)

    assert answer["limit"] == 60
    assert f"http://127.0.0.1:{port}" in printed


def _when_up(url: str, process: "subprocess.Popen[str]") -> dict[str, int]:
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline and process.poll() is None:
        try:
            return dict(httpx2.get(url, trust_env=False).json())
        except httpx2.ConnectError:
            time.sleep(0.1)
    raise AssertionError("the stand-ins did not come up")
