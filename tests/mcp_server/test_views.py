"""The pages of MCP Apps in a real browser, beside an independent count."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from handrail.context import ToolContext
from tests import oracle
from tests.mcp_server.host import app_client, shown


@pytest.fixture(scope="session")
def acme_counted(acme_folder: Path) -> dict[str, Any]:
    """What the oracle counts for Acme in the last 30 complete days."""
    return dict(oracle.count(acme_folder, date(2026, 10, 21), date(2026, 11, 19))["accounts"]["acct_1001"])


async def test_the_page_of_events_shows_what_an_independent_count_finds(
    ctx: ToolContext, acme_counted: dict[str, Any]
) -> None:
    async with app_client(ctx) as client, shown(client, "query_events", {"account": "Acme"}) as seen:
        volume = await seen.table("Events and users by day")

    assert seen.errors == []
