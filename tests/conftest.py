"""The real code over the stand-ins: one server a session, one data directory a test."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from _pytest.terminal import TerminalReporter
from pydantic import SecretStr

from handrail.context import ToolContext, open_context
from handrail.domain.periods import Period
from handrail.engine.periods import last_complete_day
from handrail.flows.measure import count
from handrail.flows.sync import sync
from handrail.settings import SendMode, Settings
from handrail.workspaces import FIELDS
from standin import acme
from standin.server import running
from standin.state import Standin
from standin.world import load
from tests import databases, postgres
from tests.required import lacking

_LEFT_OUT: list[int] = []


UNTIL = float(os.environ["HANDRAIL_TEST_UNTIL"]) if "HANDRAIL_TEST_UNTIL" in os.environ else None
"""Seconds since 1970 after which no further test begins; CI ends its runs by the clock."""

OUT_OF_TIME = "the time of this run was over (HANDRAIL_TEST_UNTIL)"


def pytest_configure(config: pytest.Config) -> None:
    """No setting of whoever runs the tests reaches them: a token of theirs would reach their Mixpanel.

    Every test has a database of its own, whose commits wait for the disk: in memory they need not.
    """
    for name in FIELDS:
        os.environ.pop(name, None)
    config.addinivalue_line("markers", "sqlite(reason): about SQLite's own files; not for PostgreSQL.")
    if memory := postgres.memory():
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(memory))
    if not databases.ON_POSTGRES:
        databases.watch()
        return
    stack = ExitStack()
    config.add_cleanup(stack.close)
    databases.start(stack)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On PostgreSQL what needs no database is left out, and what is on PostgreSQL in any case."""
    if not databases.ON_POSTGRES:
        return
    if UNTIL is not None:
        _turn(items, int(UNTIL) // 86_400)
    left_out = [each for each in items if not databases.may_open(each) or databases.has_its_own(each)]
    config.hook.pytest_deselected(items=left_out)
    _LEFT_OUT[:] = [len(left_out)]
    items[:] = [each for each in items if each not in set(left_out)]
    for each in items:
        if mark := each.get_closest_marker("sqlite"):
            each.add_marker(pytest.mark.skip(reason=f"about SQLite: {mark.args[0]}"))


def _turn(items: list[pytest.Item], day: int) -> None:
    """Begin with other files on another day: what there is no time for is not always the same."""
    files = list(dict.fromkeys(each.path for each in items))
    first = day * 29 % len(files)
    place = {path: number for number, path in enumerate([*files[first:], *files[:first]])}
    items.sort(key=lambda each: place[each.path])


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    if UNTIL is not None and time.time() > UNTIL:
        pytest.skip(OUT_OF_TIME)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left_out"] = _LEFT_OUT


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Every worker of xdist collects the same."""
    _LEFT_OUT[:] = getattr(node, "workeroutput", {}).get("left_out", _LEFT_OUT)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    with databases.watched(item):
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None]:
    folder = getattr(item, "funcargs", {}).get("tmp_path")
    yield
    if databases.ON_POSTGRES and folder is not None:
        databases.forget(folder)


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    late = sum(OUT_OF_TIME in str(each.longrepr) for each in terminalreporter.stats.get("skipped", []))
    if late:
        terminalreporter.write_line(f"{late} tests were not run: {OUT_OF_TIME}.")
    if databases.ON_POSTGRES:
        skipped = [str(each.longrepr) for each in terminalreporter.stats.get("skipped", [])]
        about = sum("about SQLite:" in each for each in skipped)
        terminalreporter.write_line(
            f"On PostgreSQL: {about} tests about SQLite's own files were skipped, {sum(_LEFT_OUT)} need no "
            "database or have one of their own and were left out."
        )


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


def moved(settings: Settings, data_dir: Path) -> Settings:
    """The same on another data directory, with the database that belongs to it."""
    return settings.model_copy(update={"data_dir": data_dir, "database_url": databases.address(data_dir)})


def settings_for(state: Standin, data_dir: Path, **changes: Any) -> Settings:
    """Settings that reach the stand-ins, and nothing of the environment."""
    project = state.world.project
    values: dict[str, Any] = {
        "data_dir": data_dir,
        "database_url": changes.get("database_url") or databases.address(data_dir),
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
    databases.copy(_synced_data, settings.data_dir)
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
        lacking("postgres", "PostgreSQL is not installed: no initdb was found.")
    with postgres.server() as address:
        yield address


@pytest.fixture
def postgres_settings(postgres_address: str, standins: Standin, tmp_path: Path) -> Iterator[Settings]:
    """Settings like `settings`, with an empty PostgreSQL database for the tables and the flow."""
    with postgres.database(postgres_address) as name:
        yield settings_for(standins, tmp_path / "data", database_url=f"postgresql+asyncpg://{name}")
