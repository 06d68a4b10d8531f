"""A server that is judged, over stand-ins of its own: `python -m tests.judge.serving FOLDER`."""

import argparse
import asyncio
import json
import socket
import sys
from pathlib import Path
from typing import Any

import uvicorn
from mcp.server import MCPServer

from agent import flow
from handrail.context import OpenContext, open_context
from handrail.settings import Settings
from mcp_server.server import create_server
from standin import acme
from standin.server import running
from standin.world import load
from tests.conftest import settings_for
from tests.judge.fixture import add_conformance_fixture
from tools._server import OnDemand
from web.app import create_app


def main() -> None:
    """Serve the web app with `/mcp` over a store after its first night, and print its address."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folder", type=Path)
    options.add_argument(
        "--fixture", action="store_true", help="add what the conformance suite calls by name"
    )
    asked = options.parse_args()
    world = asked.folder / "world"
    acme.generate(world)
    with running(load(world)) as standins:
        settings = settings_for(standins, asked.folder / "data")
        asyncio.run(_night(settings))
        listener = socket.create_server(("127.0.0.1", 0))
        app = create_app(settings, _with_fixture if asked.fixture else create_server)
        sys.stdout.write(json.dumps({"url": f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"}) + "\n")
        sys.stdout.flush()
        uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False)).run(sockets=[listener])


async def _night(settings: Settings) -> None:
    async with open_context(settings, actor="nightly") as ctx:
        await flow.run(ctx)


def _with_fixture(open_context: OpenContext, *given: Any) -> MCPServer[OnDemand]:
    """As the web app makes its server, whatever else it gives."""
    server = create_server(open_context, *given)
    add_conformance_fixture(server)
    return server


if __name__ == "__main__":
    main()
