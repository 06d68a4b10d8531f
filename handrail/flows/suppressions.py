"""Keeping up with the mail service's own lists: after an outage or a restore nothing is sent before that."""

from datetime import timedelta

from handrail.context import ToolContext
from handrail.engine import keys
from handrail.flows.catch_up import catch_up

FRESH = timedelta(minutes=15)
"""Lists read so lately are good enough: what comes in between, the webhook tells."""

OVERLAP = timedelta(hours=1)
"""Read again, for clocks differ and lists are late."""


async def keep_up(ctx: ToolContext) -> None:
    """Take in what the lists have gained since last time; after a restore, all that happened meanwhile.

    Raises `UpstreamError` if a list cannot be read.
    """
    from handrail.services.mail import suppressions  # noqa: PLC0415  (the mail client, only before mail leaves)

    if await catch_up(ctx) is not None:
        return
    now = ctx.clock.now()
    async with ctx.store.read() as work:
        last = await work.feedback.lists_read_at()
    if last is not None and timedelta(0) <= now - last < FRESH:
        return
    # A clock that was ahead and was set right: nothing that was listed since may be passed over.
    found = await suppressions.since(ctx.mail, min(last, now) - OVERLAP if last else None)
    async with ctx.store.begin() as work:
        for one in found:
            await work.feedback.suppress(keys.address_key(ctx.secret, one.address), one.kind, one.at)
        await work.feedback.lists_read(now)
