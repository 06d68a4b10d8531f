"""How each workspace stands: what is switched on, how fresh it is, and whether it has all that it needs."""

from typing import Any

from handrail.cli import printing
from handrail.cli.each import Told, tell_each
from handrail.cli.opening import with_context
from handrail.cli.printing import Json
from handrail.context import ToolContext
from handrail.flows.alarm import standing
from handrail.flows.doctor import check as check_all
from handrail.settings import Settings


def status(*, json_: Json = False) -> None:
    """What is switched on, paused, and how fresh the figures are."""

    async def work(ctx: ToolContext) -> dict[str, Any]:
        async with ctx.store.read() as store:
            pauses, last = await store.deliveries.pauses(), await store.metrics.last_sync()
            report, brakes = await store.nights.report(), await store.guards.brakes()
            restored = await store.restores.holding(ctx.clock.now())
        held = [each for each in brakes if each.holds(report.night if report else each.night)]
        return {
            "alarms": [each.model_dump() for each in await standing(ctx)],
            "send_mode": ctx.settings.send_mode.value,
            "paused": pauses,
            "restored": restored.model_dump(mode="json") if restored else None,
            "brakes": [each.model_dump(mode="json") for each in held],
            "last_sync": last.model_dump(mode="json") if last else None,
            "last_night": report.model_dump(mode="json") if report else None,
        }

    def tell(settings: Settings) -> Told:
        found = with_context(work, settings=settings)
        return found, printing.status(found), True

    tell_each(tell, as_json=json_)


def doctor(*, json_: Json = False) -> None:
    """Check everything that a night needs; exit code 1 if something is missing."""

    def tell(settings: Settings) -> Told:
        found = with_context(check_all, settings=settings)
        well = all(one.ok for one in found)
        return {"ok": well, "checks": [one.model_dump() for one in found]}, printing.checks(found), well

    tell_each(tell, as_json=json_)
