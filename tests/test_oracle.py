"""The oracle agrees, figure for figure, with numbers that somebody else counted."""

import json
from datetime import date
from pathlib import Path

import pytest

from tests import oracle

DUNGEON = Path(__file__).resolve().parents[1].parent / "shared" / "worlds" / "dungeon"
EXPECTED = DUNGEON / "expected-2026-10-22--2026-11-20.json"

needs_dungeon = pytest.mark.skipif(not EXPECTED.exists(), reason="the world 'dungeon' is not on this machine")


@needs_dungeon
def test_oracle_counts_the_dungeon_as_its_makers_did() -> None:
    expected = json.loads(EXPECTED.read_text("utf-8"))
    del expected["struggling"]

    counted = oracle.count(DUNGEON, date(2026, 10, 22), date(2026, 11, 20), accounts=expected["accounts"])

    assert counted == expected


@needs_dungeon
def test_oracle_finds_the_strugglers_of_the_dungeon() -> None:
    expected = json.loads(EXPECTED.read_text("utf-8"))["struggling"]

    found = oracle.struggling(DUNGEON, date(2026, 11, 20), DUNGEON / "kb")

    assert found == expected
