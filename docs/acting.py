"""Pictures of the pages on which a person decides, from Tonight to Settings: part of `make pictures`.

A night of the default world is run in review mode against stand-ins of its own; some texts are approved, and
the people behind the mails act.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from agent import night, schedule
from handrail.context import open_context
from handrail.flows import review
from handrail.flows.sync import sync
from handrail.settings import SendMode, Settings
from standin import acme
from standin.server import running
from standin.state import Standin
from standin.world import load
from tests.conftest import settings_for
from tests.web.dashboard import visit

SHAPES: list[tuple[str, Literal["light", "dark"], int]] = [
    ("light", "light", 1200),
    ("dark", "dark", 1200),
    ("phone", "light", 390),
]
TALLEST = 1800
"""Of a picture, in pixels."""

DRAWN = 500
"""Milliseconds: a frame that lay below the window is drawn a moment after it comes into sight."""

APPROVED = 3


def shoot_all(images: Path, folder: Path, save: Callable[[bytes, Path], None]) -> None:
    """Each page in light, dark and on a phone."""
    images.mkdir(exist_ok=True)
    world = folder / "world"
    if not world.exists():
        acme.generate(world)
    with running(load(world)) as standins:
        settings = settings_for(standins, folder / "data", send_mode=SendMode.REVIEW)
        asyncio.run(_fill(standins, settings))
        asyncio.run(_shoot(images, settings, save))


async def _fill(standins: Standin, settings: Settings) -> None:
    if (settings.data_dir / "handrail.db").exists():
        return
    async with open_context(settings) as ctx:
        await sync(ctx, from_day=standins.world.days()[0])
        await night.run(ctx)
        for each in (await review.pending(ctx))[:APPROVED]:
            await review.approve(ctx, each.review.id)
        await schedule.mails_due(ctx)
        for each in (await review.pending(ctx))[:1]:
            await review.reject(ctx, each.review.id)


async def _shoot(images: Path, settings: Settings, save: Callable[[bytes, Path], None]) -> None:
    async with open_context(settings) as ctx:
        first = (await review.pending(ctx))[0].review
    pages = {
        "tonight": "/tonight",
        "review": f"/tonight/{first.id}",
        "edit": f"/tonight/{first.id}/edit",
        "runs": "/runs",
        "run": f"/runs/{first.night}",
        "results": "/results",
        "settings": "/settings",
    }
    for shape, scheme, width in SHAPES:
        async with visit(settings, width=width, scheme=scheme) as tab:
            if shape == "light":
                await tab.go("/settings")
                await tab.page.get_by_role("button", name="Check now").click()
            for name, path in pages.items():
                await tab.page.set_viewport_size({"width": width, "height": 400})
                await tab.go(path)
                height: Any = await tab.page.evaluate("document.documentElement.scrollHeight")
                await tab.page.set_viewport_size({"width": width, "height": min(TALLEST, int(height))})
                await tab.page.wait_for_timeout(DRAWN)
                save(await tab.page.screenshot(), images / f"{name}-{shape}.png")
