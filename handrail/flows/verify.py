"""The nightly check of our counts against Mixpanel's own: one question, kept with the run."""

from collections import Counter
from datetime import date

from handrail.context import ToolContext
from handrail.domain.metrics import Agreement
from handrail.domain.periods import Period
from handrail.engine.accounts import account_ids
from handrail.engine.accuracy import accuracy
from handrail.flows.sync import REREAD_DAYS


async def verify(ctx: ToolContext, as_of: date) -> Agreement | None:
    """Compare the commonest event of the last days, by account and day; None without an event.

    None too where accounts come from profiles: Mixpanel cannot be asked for counts by those.
    """
    if ctx.settings.mixpanel_profile_property or ctx.settings.mixpanel_domain_accounts:
        return None
    days = Period.of_days(REREAD_DAYS, as_of, await ctx.zone())
    async with ctx.store.read() as work:
        event = await work.metrics.commonest_event(days)
        ours = await work.metrics.event_by_account(event, days) if event else {}
        same = await work.accounts.same()
    if not event:
        return None
    counted = await ctx.mixpanel.queries.segmentation(event, days, by=ctx.mixpanel.account_property)
    theirs: Counter[tuple[str, str]] = Counter()
    for segment in counted.series:
        if account_ids(segment.name):
            for point in segment.points:
                theirs[same.get(segment.name, segment.name), point.start[:10]] += round(point.count)
    return Agreement(
        event=event,
        from_date=days.from_date,
        to_date=days.to_date,
        ours=sum(ours.values()),
        theirs=sum(theirs.values()),
        accuracy=accuracy(ours, theirs),
    )
