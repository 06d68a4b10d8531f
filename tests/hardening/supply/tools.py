"""The tools of `make scan`, which have an environment of their own."""

import os
from pathlib import Path
from typing import NoReturn

import pytest

PLACE = Path(__file__).parents[3] / ".venv-audit"
BIN = PLACE / "bin"


def lacking(words: str) -> NoReturn:
    """Skip, or fail where they are required."""
    required = "audit" in os.environ.get("HANDRAIL_REQUIRE", "").split(",")
    (pytest.fail if required else pytest.skip)(f"{words}: run `make scan` once.")
