"""Pictures of an account's health, drawn by the charts of the answers: part of `make pictures`.

`python -m docs.health` takes only these: after a night of the default world, the score of one account by
week, its components, and an alert with the band that was expected.
"""

import asyncio
from collections.abc import Callable
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from agent import night
from handrail.charts.png import png
from handrail.charts.specification import Bar, Bars, Chart
from handrail.context import open_context
from handrail.flows.sync import sync
from handrail.settings import Settings
from standin import acme
from standin.server import running
from standin.world import load
from tests.conftest import settings_for
from tools import _charts
from tools.get_account_health import AccountHealth, get_account_health
from tools.list_alerts import list_alerts

IMAGES = Path(__file__).parent / "images"
ACCOUNT = "Acme"


def shoot_all(images: Path, save: Callable[[bytes, Path], None]) -> None:
    with TemporaryDirectory() as folder:
        acme.generate(Path(folder) / "world")
        with running(load(Path(folder) / "world")) as state:
            settings = settings_for(state, Path(folder) / "data")
            charts = asyncio.run(_charted(settings, state.world.days()[0]))
    for name, chart in charts.items():
        save(png(chart), images / f"health-{name}.png")


async def _charted(settings: Settings, first: date) -> dict[str, Chart]:
    async with open_context(settings) as ctx:
        await sync(ctx, from_day=first)
        await night.run(ctx)
        health = await get_account_health(ctx, account=ACCOUNT)
        raised = await list_alerts(ctx, account=ACCOUNT)
        zone = await ctx.zone()
    alert = next(chart for each in raised.alerts if (chart := _charts.alert(each, zone)))
    return {
        "score": _charts.score(ACCOUNT, health.history, zone),
        "components": _components(health),
        "alert": alert,
    }


def _components(health: AccountHealth) -> Bars:
    period = health.period
    if period is None:
        raise ValueError("The score has no period.")
    return Bars(
        title=f"Components of {ACCOUNT}'s score",
        about=f"{period.from_date} to {period.to_date} ({period.zone}), 0 to 100 and points of the score",
        measured="value",
        noted="points",
        bars=tuple(
            Bar(name=each.component, value=each.value, note=f"{each.contribution:.1f}")
            for each in health.components
        ),
        limit=100,
    )


if __name__ == "__main__":
    from docs.pictures import save

    shoot_all(IMAGES, save)
