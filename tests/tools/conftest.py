"""The independent count of the default world, done once."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests import oracle

FROM, TO = date(2026, 10, 21), date(2026, 11, 19)


@pytest.fixture(scope="session")
def expected(acme_folder: Path) -> dict[str, Any]:
    """What the oracle counts for the last 30 complete days of the default world."""
    return oracle.count(acme_folder, FROM, TO)
