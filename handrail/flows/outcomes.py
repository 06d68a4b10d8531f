"""Following people after their mail, or after they were held out: who completed the feature in time."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import UTC, timedelta

from handrail.context import ToolContext
from handrail.domain.outcomes import Outcome
from handrail.engine.outcomes import WINDOW, follow, window_ends
from handrail.flows.sync import REREAD_DAYS, read_events

Successes = dict[tuple[str, str], list[int]]
"""Epoch seconds of success events, by user key and event."""


async def follow_outcomes(ctx: ToolContext) -> int:
    """Look again at every window that is not settled; answers how many are settled now.

    Where a feature's document is gone, nobody can say what its success is: its windows stay open.
    """
    async with ctx.store.begin() as work:
        await work.outcomes.begin()
        waiting = await work.outcomes.open()
    event = {feature.slug: feature.events.success for feature in ctx.kb.features()}
    known = [each for each in waiting if each.feature in event]
    if not known:
        return 0
    successes = await _successes(ctx, known, {event[each.feature] for each in known})
    now, late = ctx.clock.now(), timedelta(days=REREAD_DAYS)
    followed = [
        follow(each, successes[each.user_key, event[each.feature]], now=now, late=late) for each in known
    ]
    async with ctx.store.begin() as work:
        await work.outcomes.keep([each for each, was in zip(followed, known, strict=True) if each != was])
    return sum(each.settled for each in followed)


async def _successes(ctx: ToolContext, waiting: Sequence[Outcome], events: Collection[str]) -> Successes:
    """Success events since the first of these windows began, of the people who have one."""
    people = {each.user_key for each in waiting}
    begins = min(window_ends(each) for each in waiting) - WINDOW
    final = ctx.clock.now().astimezone(UTC).date() + timedelta(days=1)
    # A day more before: the project's day may have begun earlier than UTC's.
    first = begins.astimezone(UTC).date() - timedelta(days=1)
    table = await read_events(ctx, await ctx.zone(), first, final, events=sorted(events))
    found: Successes = defaultdict(list)
    try:
        for user_key, seen in table.by_user(sorted(events)):
            if user_key in people:
                for one in seen:
                    found[user_key, one.name].append(one.time)
    finally:
        table.close()
    return found
