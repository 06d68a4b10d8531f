"""Schemathesis over the real app on the demo's world: all phases, seeded.

`make schemathesis` tries 200 cases for each operation; HANDRAIL_SCHEMATHESIS_CASES sets another number.
"""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from agent import night
from handrail.context import open_context
from handrail.settings import Settings
from mcp_server.server import create_server
from standin.state import Standin
from tests import databases
from tests.conftest import settings_for
from tests.web.test_access import ADMIN, OPENED
from web.app import create_app

CASES = os.environ.get("HANDRAIL_SCHEMATHESIS_CASES", "10")
CONFIG = Path(__file__).with_name("schemathesis.toml")


@contextmanager
def served(settings: Settings) -> Iterator[str]:
    """The app on a port of its own, in a thread of its own; answers its address."""
    started = threading.Event()

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
            await super().startup()
            started.set()

    server = Server(uvicorn.Config(create_app(settings, create_server), port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert started.wait(60)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(60)


async def one_night(settings: Settings) -> None:
    async with open_context(settings) as ctx:
        await night.run(ctx)


def test_schemathesis_finds_no_fault(standins: Standin, tmp_path: Path, _synced_data: Path) -> None:  # noqa: PT019  (its value is copied)
    databases.copy(_synced_data, tmp_path / "data")
    asyncio.run(one_night(settings_for(standins, tmp_path / "data")))
    settings = settings_for(standins, tmp_path / "data", **OPENED, api_rate=0)
    with served(settings) as address:
        found = subprocess.run(
            [
                str(Path(sys.executable).with_name("st")),
                "--config-file",
                str(CONFIG),
                "run",
                f"{address}/openapi.json",
                f"--max-examples={CASES}",
                "--seed=1",
                "--no-shrink",
                "--warnings=off",
            ],
            cwd=tmp_path,
            env=os.environ | {"HANDRAIL_UNDER_TEST": address, "HANDRAIL_TOKEN_OF_TEST": ADMIN},
            capture_output=True,
            text=True,
            check=False,
        )
        sys.stdout.write(found.stdout)
    assert found.returncode == 0, found.stdout[-6000:] + found.stderr[-2000:]
