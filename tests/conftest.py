"""The real code over the stand-ins: one server a session, one data directory a test."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from handrail.context import ToolContext, open_context
from handrail.domain.periods import Period
from handrail.engine.periods import last_complete_day
from handrail.flows.measure import count
from handrail.flows.sync import sync
from handrail.settings import SendMode, Settings
from standin import acme
from standin.server import running
from standin.state import Standin
from standin.world import load
from tests import postgres

MEMORY, ROOM = Path("/dev/shm"), 4 << 30


def pytest_configure() -> None:
    """Every test has a database of its own, whose commits wait for the disk: in memory they need not."""
    if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


@pytest.fixture(scope="session")
def acme_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("worlds") / "acme"
    acme.generate(folder)
    return folder


@pytest.fixture(scope="session")
def _acme_server(acme_folder: Path) -> Iterator[Standin]:
    with running(load(acme_folder)) as state:
        yield state


@pytest.fixture
def standins(_acme_server: Standin) -> Iterator[Standin]:
    """The stand-ins over the default world, as new."""
    _acme_server.reset()
    yield _acme_server
    _acme_server.reset()


def settings_for(state: Standin, data_dir: Path, **changes: Any) -> Settings:
    """Settings that reach the stand-ins, and nothing of the environment."""
    project = state.world.project
    values: dict[str, Any] = {
        "data_dir": data_dir,
        "database_url": "",
        "secret_key": SecretStr("a secret of the tests, long enough"),
        "kb_dir": state.world.folder / "kb" if (state.world.folder / "kb").is_dir() else None,
        "now": state.world.start(),
        "mixpanel_project_id": project["project_id"],
        "mixpanel_username": project["username"],
        "mixpanel_secret": SecretStr(project["secret"]),
        "mixpanel_account_property": project["account_property"],
        "mixpanel_group_id": next(iter(project.get("group_keys", {}).values()), ""),
        "mixpanel_project_created": project.get("created"),
        "mixpanel_query_url": f"{state.base_url}/mixpanel",
        "mixpanel_export_url": f"{state.base_url}/mixpanel",
        "retry_seconds": 0.01,
        "anthropic_api_key": SecretStr("sk-test"),
        "anthropic_base_url": f"{state.base_url}/anthropic",
        "sendgrid_api_key": SecretStr("SG.test"),
        "sendgrid_url": f"{state.base_url}/sendgrid",
        "mail_from": "guides@vendor.example",
        "mail_reply_to": "success@vendor.example",
        "mail_postal_address": "Vendor, 1 Example Street",
        "public_url": "http://127.0.0.1:8321",
        "send_mode": SendMode.AUTO,
        "send_hours": "always",
    }
    return Settings.load(_env_file=None, **{**values, **changes})


@pytest.fixture
def settings(standins: Standin, tmp_path: Path) -> Settings:
    return settings_for(standins, tmp_path / "data")


@pytest.fixture(scope="session")
def _synced_data(_acme_server: Standin, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory after one sync and one measurement of the funnels, to be copied."""
    data = tmp_path_factory.mktemp("synced")
    _acme_server.reset()

    async def fill() -> None:
        async with open_context(settings_for(_acme_server, data)) as ctx:
            await sync(ctx, from_day=_acme_server.world.days()[0])
            zone = await ctx.zone()
            month = Period.of_days(30, last_complete_day(ctx.clock.now(), zone), zone)
            await count(ctx, await ctx.mixpanel.funnels(), [month, month.before()])

    asyncio.run(fill())
    return data


@pytest.fixture
async def ctx(settings: Settings, _synced_data: Path) -> AsyncIterator[ToolContext]:
    """A context over the default world after its sync; no night has run yet."""
    shutil.copytree(_synced_data, settings.data_dir)
    async with open_context(settings) as opened:
        yield opened


@pytest.fixture
async def empty_ctx(settings: Settings) -> AsyncIterator[ToolContext]:
    """A context over the default world before the first sync."""
    async with open_context(settings) as opened:
        yield opened


OpenWith = Callable[..., Any]


@pytest.fixture
def open_with(standins: Standin, settings: Settings) -> OpenWith:
    """Open a context on the test's own data directory with some settings changed."""

    def opener(**changes: Any) -> Any:
        return open_context(settings_for(standins, settings.data_dir, **changes))

    return opener


@pytest.fixture(scope="session")
def postgres_address() -> Iterator[str]:
    if postgres.binaries() is None:
        required = "postgres" in os.environ.get("HANDRAIL_REQUIRE", "").split(",")
        (pytest.fail if required else pytest.skip)("PostgreSQL is not installed: no initdb was found.")
    with postgres.server() as address:
        yield address


@pytest.fixture
def postgres_settings(postgres_address: str, standins: Standin, tmp_path: Path) -> Iterator[Settings]:
    """Settings like `settings`, with an empty PostgreSQL database for the tables and the flow."""
    with postgres.database(postgres_address) as name:
        yield settings_for(standins, tmp_path / "data", database_url=f"postgresql+asyncpg://{name}")
