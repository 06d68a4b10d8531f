"""The night's stages about accounts: what changed for them, and how they fare."""

from datetime import date

from agent.notebook import Notebook
from handrail.context import ToolContext
from handrail.errors import ConfigError
from handrail.flows.alerts import raise_alerts
from handrail.flows.churn import keep_track
from handrail.flows.health import keep_scores


async def alert(ctx: ToolContext, book: Notebook, as_of: date) -> None:
    """Raise alerts; of funnels only those that were measured tonight are looked at."""
    if not book.dry_run:
        book.write(alerts=await raise_alerts(ctx, as_of, book.windows))


async def score(ctx: ToolContext, book: Notebook, as_of: date) -> None:
    """Engagement of every account, and how the score did before; untrusted verdicts are none."""
    if book.dry_run:
        return
    trusted = [each.slug for each in ctx.kb.features() if not book.troubled(each.slug)]
    try:
        book.write(scored=await keep_scores(ctx, as_of, judged=trusted))
        await keep_track(ctx, as_of)
    except ConfigError as error:
        book.notes.append(f"No account was scored: {error}")
