"""The independent count of the default world, and the world after one night, each done once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from agent import night
from handrail.context import ToolContext, open_context
from handrail.settings import Settings
from standin.state import Standin
from tests import databases, oracle
from tests.conftest import settings_for

FROM, TO = date(2026, 10, 21), date(2026, 11, 19)


@pytest.fixture(scope="session")
def expected(acme_folder: Path) -> dict[str, Any]:
    """What the oracle counts for the last 30 complete days of the default world."""
    return oracle.count(acme_folder, FROM, TO)


@pytest.fixture(scope="session")
def _night_data(_acme_server: Standin, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory after one night, to be copied."""
    data = tmp_path_factory.mktemp("night")
    _acme_server.reset()

    async def run() -> None:
        async with open_context(settings_for(_acme_server, data)) as ctx:
            await night.run(ctx)

    asyncio.run(run())
    return data


@pytest.fixture
async def morning(settings: Settings, _night_data: Path) -> AsyncIterator[ToolContext]:
    """A context over the default world after its first night."""
    databases.copy(_night_data, settings.data_dir)
    async with open_context(settings) as opened:
        yield opened
