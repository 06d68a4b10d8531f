"""Pictures of the pages that chat clients show beside an answer, from real answers: part of `make pictures`.

A night of the default world is run in review mode against stand-ins of its own; then a client over stdio
asks, and the host of the browser tests shows each answer on its page.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from mcp import Client
from mcp.client.stdio import StdioServerParameters

from tests.mcp_server.host import APPS, shown

HANDRAIL = str(Path(sys.executable).parent / "handrail")
PAGES: list[tuple[str, str, dict[str, Any]]] = [
    ("events", "query_events", {"account": "Acme"}),
    ("funnel", "query_funnel", {"account": "Acme", "funnel": "Connect a data source"}),
    ("review", "get_night_report", {}),
]
SHAPES: list[tuple[str, Literal["light", "dark"], int]] = [
    ("light", "light", 720),
    ("dark", "dark", 720),
    ("narrow", "light", 300),
]
TALLEST = 1700
"""Of a picture: the page of reviews is as long as the list."""


def shoot_all(images: Path, folder: Path, save: Callable[[bytes, Path], None]) -> None:
    """Each page in light, dark and 300 pixels wide."""
    with _neighbours() as found:
        environment = {
            **os.environ,
            **found,
            "HANDRAIL_DATA_DIR": str(folder),
            "HANDRAIL_SEND_MODE": "review",
            "HANDRAIL_MAIL_FROM": "guides@handrail-demo.example",
            "HANDRAIL_MAIL_REPLY_TO": "success@handrail-demo.example",
            "HANDRAIL_MAIL_POSTAL_ADDRESS": "Handrail Demo, 1 Example Street",
            "ANTHROPIC_API_KEY": "demo",
            "SENDGRID_API_KEY": "SG.demo",
        }
        if not (folder / "handrail.db").exists():
            subprocess.run([HANDRAIL, "agent", "run"], env=environment, check=True)  # noqa: S603
        asyncio.run(_shoot(images, environment, save))


async def _shoot(images: Path, environment: dict[str, str], save: Callable[[bytes, Path], None]) -> None:
    command = StdioServerParameters(command=HANDRAIL, args=["mcp"], env=environment)
    async with Client(command, extensions=[APPS]) as client:
        for view, tool, arguments in PAGES:
            for shape, theme, width in SHAPES:
                async with shown(client, tool, arguments, theme=theme, width=width) as seen:
                    height = min(TALLEST, seen.height())
                    await seen.page.set_viewport_size({"width": width, "height": height})
                    save(await seen.page.screenshot(), images / f"view-{view}-{shape}.png")


@contextmanager
def _neighbours() -> Iterator[dict[str, str]]:
    """Stand-ins in a process of their own, and the settings that reach them, as it prints them."""
    command = [HANDRAIL, "standin", "--port", "8399"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)  # noqa: S603
    try:
        found: dict[str, str] = {}
        while "ANTHROPIC_BASE_URL" not in found and process.stderr:
            name, _, value = process.stderr.readline().strip().partition("=")
            found[name] = value
        yield found
    finally:
        process.terminate()
        process.wait()
