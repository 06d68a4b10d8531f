"""The tools of `make scan`, which have an environment of their own."""

from pathlib import Path
from typing import NoReturn

from tests import required

PLACE = Path(__file__).parents[3] / ".venv-audit"
BIN = PLACE / "bin"


def lacking(words: str) -> NoReturn:
    """Skip, or fail where they are required."""
    required.lacking("audit", f"{words}: run `make scan` once.")
