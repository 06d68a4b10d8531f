"""docs/operations.md, run as it is written: every command of it, in order, over the stand-ins."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from handrail.settings import Settings
from standin.state import Standin
from tests import databases, postgres
from tests.agent.test_kill import environment
from tests.hardening.conftest import Promise
from tests.hardening.counts import FULL, tried

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "operations.md"
WRITTEN_WITH = "a secret of the tests, long enough"
"""The key of the data directory that is copied, as its file would hold it."""

IN_THE_SUITE = 4
"""Blocks of the page: all is well, backup, restore, catching up. Each command is a process of its own."""

BETWEEN = timedelta(minutes=20)
"""Passes from block to block: the page says "a quarter of an hour later"."""


MOVE = re.compile(r"^## Moving to PostgreSQL$.*?(?=^## )", re.DOTALL | re.MULTILINE)
"""This way is gone once, and the rest of the page goes on where it did not lead."""


def blocks(text: str) -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)


def run(block: str, folder: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", block],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    return done.stdout


@pytest.fixture
def around(standins: Standin, settings: Settings, _synced_data: Path, tmp_path: Path) -> dict[str, str]:
    """What a shell of the operator's has: the command, the settings, and a data directory after a sync."""
    programs = tmp_path / "programs"
    programs.mkdir()
    shim = programs / "handrail"
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m handrail.cli "$@"\n', "utf-8")
    shim.chmod(0o755)
    databases.copy(_synced_data, settings.data_dir)
    (settings.data_dir / "secret.key").write_text(WRITTEN_WITH, "utf-8")
    profile = (standins.world.folder / "profiles.jsonl").read_text("utf-8").splitlines()[0]
    [person] = re.findall(r'"\$distinct_id": *"([^"]+)"', profile)
    given = {
        **environment(settings),
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "HANDRAIL_MIXPANEL_TOKEN": standins.world.project["token"],
        "HANDRAIL_MIXPANEL_INGEST_URL": f"{standins.base_url}/mixpanel",
        "HANDRAIL_PUBLIC_URL": "https://handrail.vendor.example",
        "DISTINCT_ID": person,
    }
    return {name: value for name, value in given.items() if name != "HANDRAIL_SECRET_KEY"}


@pytest.mark.sqlite("backups and restores of its files")
def test_every_step_of_the_page_works_as_it_is_written_and_nobody_is_mailed_twice(
    standins: Standin,
    settings: Settings,
    around: dict[str, str],
    tmp_path: Path,
    promise: Promise,
) -> None:
    assert settings.now is not None
    moment = settings.now
    run("handrail agent run", tmp_path, around)
    first = Counter(mail["to"] for mail in standins.mails)

    known = blocks(MOVE.sub("", PAGE.read_text("utf-8")))
    page = known[: tried(len(known), at_least=IN_THE_SUITE)]
    for block in page:
        moment += BETWEEN
        run(block, tmp_path, {**around, "HANDRAIL_NOW": moment.isoformat()})

    assert first
    assert Counter(mail["to"] for mail in standins.mails) == first
    assert (tmp_path / "safe" / "secret.key").read_text("utf-8") == WRITTEN_WITH
    assert (tmp_path / "old-data" / "handrail.db").exists() == FULL
    promise(f"operations: {len(page)} of {len(known)} blocks of the page run as written, 0 mails twice")


def test_the_move_to_postgresql_works_as_it_is_written(
    around: dict[str, str], postgres_address: str, tmp_path: Path
) -> None:
    [section] = MOVE.findall(PAGE.read_text("utf-8"))
    (tmp_path / "backups").mkdir()
    with postgres.database(postgres_address) as name:
        given = {**around, "POSTGRES": f"postgresql+asyncpg://{name}"}
        before = json.loads(run("handrail accounts list --json", tmp_path, given))

        said = [run(block, tmp_path, given) for block in blocks(section)]

        assert "customers" in said[0]
        assert "The secret key stays in" in said[0]
        assert "sending mode: auto" in said[1]
        assert json.loads(run("handrail accounts list --json", tmp_path, given)) == before
        with psycopg.connect(f"postgresql://{name}") as tables:
            [(accounts,)] = tables.execute("select count(*) from customers").fetchall()
        assert accounts == len(before["accounts"]) > 20
