"""Opt-outs told outside, to the mail service's list and to profiles: no restore touches them there."""

import logging

from handrail.context import ToolContext
from handrail.domain.writes import ProfileChange
from handrail.errors import HandrailError
from handrail.services.people import OPT_OUT_PROPERTY

log = logging.getLogger(__name__)


async def tell_opt_outs(ctx: ToolContext) -> int:
    """Tell who unsubscribed with us and was not told of yet; answers how many. Safe to repeat.

    Raises `UpstreamError` where a neighbour does not take it: then it is told again. Who has no profile any
    more cannot be mailed, and there is nobody to tell of.
    """
    from handrail.services.mail import suppressions  # noqa: PLC0415  (the mail client, only when it is needed)

    ingest = ctx.connected.ingest if ctx.connected else None
    if ctx.connected is None or not (ctx.mail.opt_outs_to or ingest):
        return 0
    async with ctx.store.read() as work:
        untold = await work.deliveries.untold_opt_outs()
    if not untold:
        return 0
    contacts = (await ctx.people.fetch(untold)).values()
    await suppressions.add(ctx.mail, sorted({each.email for each in contacts if each.email}))
    if ingest is not None:
        change = {OPT_OUT_PROPERTY: True}
        await ingest.set_profiles(
            [ProfileChange(distinct_id=each.distinct_id, values=change, union={}) for each in contacts]
        )
    async with ctx.store.begin() as work:
        await work.deliveries.told_opt_outs(untold, ctx.clock.now())
    return len(untold)


async def tell_soon(ctx: ToolContext) -> None:
    """The same after a page was answered; what fails is told by the agent."""
    try:
        await tell_opt_outs(ctx)
    except HandrailError as error:
        log.warning("an opt-out is kept, and was not told outside yet: %s", error)
