"""The night's stages about accounts: what changed for them, and what to tell."""

from datetime import date
from typing import TYPE_CHECKING

from handrail.context import ToolContext
from handrail.flows.alerts import raise_alerts

if TYPE_CHECKING:
    from agent.night import Notebook


async def alert(ctx: ToolContext, book: "Notebook", as_of: date) -> None:
    """Raise alerts; of funnels only those that were measured tonight are looked at."""
    if not book.dry_run:
        book.write(alerts=await raise_alerts(ctx, as_of, book.windows))
