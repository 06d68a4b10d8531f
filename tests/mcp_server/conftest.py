"""Acme's figures, counted independently."""

from datetime import date
from pathlib import Path

import pytest

from tests import oracle


@pytest.fixture(scope="session")
def acme_totals(acme_folder: Path) -> dict[str, int]:
    counted = oracle.count(acme_folder, date(2026, 10, 21), date(2026, 11, 19))
    period = counted["accounts"]["acct_1001"]["period"]
    return {name: period[name] for name in ("total_events", "unique_users", "sessions")}
