"""The docs gap list: what the nights found people stuck at, held against the documents."""

from datetime import date, timedelta

from handrail.context import ToolContext
from handrail.domain.gaps import Gap
from handrail.engine import gaps

NIGHTS = 7


async def docs_gaps(ctx: ToolContext, until: date | None = None) -> list[Gap]:
    """Gaps of the last nights up to `until` (default: the last that kept its verdicts), the widest first."""
    async with ctx.store.read() as work:
        last = until or await work.nights.last_struggle_night()
        if last is None:
            return []
        stuck = await work.nights.stuck(last - timedelta(days=NIGHTS - 1), last)
        refused = await work.nights.refused()
    features = {each.slug: each for each in ctx.kb.features()}
    # A draft that was refused against an earlier version of the document says nothing of this one.
    current = {
        each.signature: each.because
        for each in refused
        if each.feature in features and each.version == features[each.feature].version
    }
    return gaps.gaps(stuck, features, current)
