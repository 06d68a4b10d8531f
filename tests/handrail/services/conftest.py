"""A client of Mixpanel over the stand-in, and the default world as it lies on disk."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from handrail.services.bounded import BoundedClient
from handrail.services.mixpanel.client import Mixpanel
from standin.state import Standin
from tests.conftest import settings_for
from tests.oracle_reading import Reading, read


@pytest.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    async with BoundedClient(verify=False) as opened:
        yield opened


@pytest.fixture
def mixpanel(http: httpx2.AsyncClient, standins: Standin, tmp_path: Path) -> Mixpanel:
    return Mixpanel(http, settings_for(standins, tmp_path))


@pytest.fixture(scope="module")
def world(acme_folder: Path) -> Reading:
    return read(acme_folder)
