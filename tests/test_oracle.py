"""The oracle agrees, figure for figure, with numbers that somebody else counted."""

import json
from datetime import date

from tests import oracle
from tests.dungeon import DUNGEON, needs_dungeon

EXPECTED = DUNGEON / "expected-2026-10-22--2026-11-20.json"


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
