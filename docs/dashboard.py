"""Pictures of the dashboard's pages, after a night of the default world: part of `make pictures`.

`python -m docs.dashboard [NAME ...]` takes only these, all of them without a name.
"""

import asyncio
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from agent import night
from handrail.context import open_context
from handrail.flows.reports import read_report
from handrail.flows.sync import sync
from handrail.settings import Settings
from standin import acme
from standin.server import running
from standin.world import load
from tests.conftest import settings_for
from tests.web.dashboard import visit

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "img"
REPORTS = ("Account health", "Active people by company")
PAGES: list[tuple[str, str]] = [
    ("book", "/"),
    ("account", "/accounts/acct_1001"),
    ("reports", "/reports"),
    ("report", "/reports/52110502"),
]
SHAPES: list[tuple[str, Literal["light", "dark"], int]] = [
    ("light", "light", 1200),
    ("dark", "dark", 1200),
    ("phone", "light", 390),
]
TALLEST = 2400


def shoot_all(images: Path, save: Callable[[bytes, Path], None], only: Collection[str] = ()) -> None:
    """Each page in light, dark and as wide as a telephone."""
    images.mkdir(exist_ok=True)
    with TemporaryDirectory() as folder:
        acme.generate(Path(folder) / "world")
        with running(load(Path(folder) / "world")) as state:
            settings = settings_for(state, Path(folder) / "data", holdout=0.1, reports=REPORTS)
            asyncio.run(_shoot(settings, state.world.days()[0], images, save, only))


async def _shoot(
    settings: Settings,
    first: object,
    images: Path,
    save: Callable[[bytes, Path], None],
    only: Collection[str],
) -> None:
    async with open_context(settings) as ctx:
        await sync(ctx, from_day=first)
        await night.run(ctx)
        for report in REPORTS:
            await read_report(ctx, report)
    for shape, scheme, width in SHAPES:
        async with visit(settings, scheme=scheme, width=width) as tab:
            for name, path in PAGES:
                if only and name not in only:
                    continue
                await tab.page.set_viewport_size({"width": width, "height": 600})
                await tab.go(path)
                height: int = await tab.page.evaluate("document.documentElement.scrollHeight")
                await tab.page.set_viewport_size({"width": width, "height": min(TALLEST, height)})
                save(await tab.page.screenshot(), images / f"{name}-{shape}.png")


if __name__ == "__main__":
    from docs.pictures import save

    shoot_all(IMAGES, save, sys.argv[1:])
