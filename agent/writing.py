"""The night's texts: one for each kind of struggle."""

from collections.abc import Mapping

from handrail.context import ToolContext
from handrail.domain.spending import Spent
from handrail.domain.struggles import Signature
from handrail.domain.tutorials import Tutorial
from handrail.engine import prices
from handrail.flows.writing import write_in_bulk
from tools._server import reading_client
from tools.draft_tutorial import draft_tutorial


async def write(ctx: ToolContext, signatures: Mapping[str, Signature]) -> dict[str, Tutorial]:
    """The tutorial of each signature by its key: many at once where that is cheaper, the rest one by one."""
    async with reading_client(ctx) as catalogue:
        await write_in_bulk(ctx, signatures, "plain", catalogue)
    tutorials = {}
    for key, signature in signatures.items():
        drafted = await draft_tutorial(
            ctx,
            feature=signature.feature,
            stuck_step=signature.stuck_step,
            reason=signature.reason,
            ever_succeeded=signature.band == "sometimes",
        )
        tutorials[key] = drafted.tutorial
    return tutorials


async def spent(ctx: ToolContext) -> tuple[Spent, list[str]]:
    """What the model cost on this UTC day, over all runs, and what one has to know of it."""
    async with ctx.store.read() as work:
        total = await work.spending.of_day(ctx.clock.now().date())
    model = ctx.settings.model
    if total.calls and not prices.known(model):
        return total, [f"The prices of {model} are not known: it is counted as the dearest model that is."]
    return total, []
