"""Mails of which nobody knows whether they left: what a person found out about them. None is sent again."""

from datetime import date

from handrail.context import ToolContext
from handrail.domain.deliveries import NO_TRACE, Delivery, Status
from handrail.errors import CallerError

FOUND = "a person found it in the mail service's log"


async def unknown(ctx: ToolContext, night: date | None = None) -> list[Delivery]:
    """Those of a night, or of all, the newest first; those that nobody looked into before the others."""
    async with ctx.store.read() as work:
        found = await work.deliveries.unknown(night)
    return sorted(found, key=lambda each: (each.detail == NO_TRACE, -each.decided_at.timestamp(), each.id))


async def found_out(ctx: ToolContext, delivery_id: str, *, arrived: bool) -> Delivery:
    """Write down what a person saw in the mail service's log.

    Without a trace it stays unknown, and counts as mailed for every rule: a log may be wrong, too.
    """
    async with ctx.store.begin() as work:
        delivery = await work.deliveries.get(delivery_id)
        if delivery is None or delivery.status is not Status.UNKNOWN:
            raise CallerError("The outcome of this mail is known by now, or there is no such mail.")
        status, detail = (Status.SENT, FOUND) if arrived else (Status.UNKNOWN, NO_TRACE)
        await work.deliveries.settle(delivery_id, status, detail)
    return delivery.model_copy(update={"status": status, "detail": detail})
