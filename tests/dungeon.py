"""A project made by another maker's generator, where this machine has it: a second opinion."""

import os
from pathlib import Path

import pytest

DUNGEON = Path(
    os.environ.get("HANDRAIL_DUNGEON") or Path(__file__).parents[2] / "shared" / "worlds" / "dungeon"
)
needs_dungeon = pytest.mark.skipif(
    not (DUNGEON / "project.json").is_file(), reason="the world `dungeon` is not on this machine"
)
