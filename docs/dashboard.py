"""Pictures of the dashboard's pages, after a night of the default world: part of `make pictures`.

`python -m docs.dashboard` takes only these. The pages on which a person decides are of a night in review.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from agent import night
from handrail.context import open_context
from handrail.flows.reports import read_report
from handrail.flows.review import pending
from handrail.flows.sync import sync
from handrail.settings import SendMode, Settings
from standin import acme
from standin.server import running
from standin.state import Standin
from standin.world import load
from tests.conftest import settings_for
from tests.web.dashboard import visit

IMAGES = Path(__file__).parent / "images"
REPORTS = ("Account health", "Active people by company")
LOOKING = {"book": "/", "account": "/accounts/acct_1001", "reports": "/reports"}
DECIDING = {"tonight": "/tonight", "review": "/tonight/{review}"}
TALLEST = 2400
"""Of a picture, in pixels."""

DRAWN = 500
"""Milliseconds: a frame that lay below the window is drawn a moment after it comes into sight."""


def shoot_all(images: Path, save: Callable[[bytes, Path], None]) -> None:
    with TemporaryDirectory() as folder:
        acme.generate(Path(folder) / "world")
        for mode, pages in ((SendMode.AUTO, LOOKING), (SendMode.REVIEW, DECIDING)):
            with running(load(Path(folder) / "world")) as state:
                settings = settings_for(state, Path(folder) / mode.value, send_mode=mode, reports=REPORTS)
                review = asyncio.run(_a_night(state, settings))
                found = {name: path.format(review=review) for name, path in pages.items()}
                asyncio.run(_shoot(settings, found, images, save))


async def _a_night(state: Standin, settings: Settings) -> str:
    """Run it; answers the first text that waits, if one does."""
    async with open_context(settings) as ctx:
        await sync(ctx, from_day=state.world.days()[0])
        await night.run(ctx)
        for report in REPORTS:
            await read_report(ctx, report)
        return next((each.review.id for each in await pending(ctx)), "")


async def _shoot(
    settings: Settings, pages: dict[str, str], images: Path, save: Callable[[bytes, Path], None]
) -> None:
    async with visit(settings) as tab:
        for name, path in pages.items():
            await tab.page.set_viewport_size({"width": 1200, "height": 400})
            await tab.go(path)
            height: int = await tab.page.evaluate("document.documentElement.scrollHeight")
            await tab.page.set_viewport_size({"width": 1200, "height": min(TALLEST, height)})
            await tab.page.wait_for_timeout(DRAWN)
            save(await tab.page.screenshot(), images / f"page-{name}.png")


if __name__ == "__main__":
    from docs.pictures import save

    shoot_all(IMAGES, save)
