"""The commands of all other pages than operations.md, run as they are written, over the stand-ins."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from standin.state import Standin
from tests.docs.blocks import Block, blocks
from tests.hardening.conftest import Promise
from tests.hardening.counts import FULL
from tests.hardening.supply.test_operations import around, run

__all__ = ["around"]

NOT_RUN = {
    "claude": "is somebody else's chat client",
    "docker": "needs Docker",
    "handrail agent start": "does not end",
    "handrail serve": "does not end",
    "handrail standin": "does not end",
    "handrail --workspace": "wants two projects: tests/handrail/cli/test_workspace_commands.py",
    "make": "is no command of ours",
    "systemd-run": "needs systemd and a user of its own",
    "handrail tutorials promote": "wants yeses of three nights: tests/agent/test_review.py",
    "handrail reasons approve": "wants a reason that no document explains: tests/handrail/cli",
    "handrail reasons reject": "the same",
    "handrail db restored": "in operations.md and tests/hardening/machine/test_restore.py",
}
"""How commands begin that are only read here, and why. Those of operations.md have a test of their own."""


@pytest.mark.skipif(not FULL, reason="Each command is a process: with HANDRAIL_HARDENING=full")
def test_the_commands_of_the_pages_run(
    around: dict[str, str], standins: Standin, tmp_path: Path, promise: Promise
) -> None:
    """In the order of the pages, after a night in review mode; words that stand for an id get a real one."""
    environment = {**around, "HANDRAIL_SEND_MODE": "review"}
    (tmp_path / "my-world").symlink_to(standins.world.folder)
    (tmp_path / "ids.txt").write_text("nobody-of-this-name\n", "utf-8")
    run("handrail agent run", tmp_path, environment)
    run("handrail demo --no-serve", tmp_path, environment)
    alerts = json.loads(run("handrail alerts list --json", tmp_path, environment))["alerts"]
    texts = json.loads(run("handrail tutorials review --json", tmp_path, environment))["waiting"]
    real = {
        "3f09a1c2de": alerts[0]["id"],
        "86060d8c97": alerts[1]["id"],
        "approve ID": f"approve {texts[0]['review']['id']}",
        "reject ID": f"reject {texts[1]['review']['id']}",
        "/backups": str(tmp_path),
        "DISTINCT_ID": around["DISTINCT_ID"],
        "KEY": "0" * 64,
        ".venv/bin/": "",
    }
    count = 0
    for block in blocks("sh"):
        lines = [line for line in block.text.splitlines() if "handrail " in line and runs(block, line)]
        if not lines:
            continue
        exported = [line for line in block.text.splitlines() if line.startswith("export ")]
        for line in lines:
            run("\n".join([*exported, _filled(line, real)]), tmp_path, environment)
            count += 1
    assert count > 15
    promise(f"docs: {count} of {count} commands of the pages run, {len(NOT_RUN)} kinds are only read")


def _filled(line: str, real: Mapping[str, str]) -> str:
    for word, value in real.items():
        line = line.replace(word, value)
    return line


def runs(block: Block, line: str) -> bool:
    return block.page not in ("docs/operations.md", "docs/adding-a-tool.md") and not line.startswith(
        ("  ", *NOT_RUN)
    )


def test_what_is_not_run_is_still_written_somewhere() -> None:
    text = "\n".join(block.text for block in blocks("sh"))

    assert sorted(each for each in NOT_RUN if not re.search(rf"^{each}\b", text, re.MULTILINE)) == []
