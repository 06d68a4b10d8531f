"""The divided world, prepared once."""

import asyncio
from pathlib import Path

import pytest

from handrail.settings import Settings
from standin.state import Standin
from tests import databases
from tests.conftest import settings_for
from tests.hardening.access.divided import SETTINGS, prepare


@pytest.fixture(scope="package")
def _divided_data(
    _acme_server: Standin, _synced_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    data = tmp_path_factory.mktemp("divided") / "data"
    _acme_server.reset()
    asyncio.run(prepare(_synced_data, data, _acme_server))
    return data


@pytest.fixture
def settings(standins: Standin, tmp_path: Path, _divided_data: Path) -> Settings:
    databases.copy(_divided_data, tmp_path / "data")
    return settings_for(standins, tmp_path / "data", **SETTINGS)
