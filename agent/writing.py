"""The night's texts: one for each kind of struggle."""

from collections.abc import Iterable

from handrail.context import ToolContext
from handrail.domain.spending import Spent
from handrail.domain.struggles import Signature
from handrail.domain.tutorials import Style, Tutorial
from handrail.engine import prices
from handrail.flows.writing import write_in_bulk
from tools._server import reading_client
from tools.draft_tutorial import draft_tutorial


async def write(
    ctx: ToolContext, wanted: Iterable[tuple[Signature, Style]]
) -> dict[tuple[str, Style], Tutorial]:
    """A tutorial for each signature (by its key) and style: many at once where that is cheaper."""
    texts = {(signature.key, style): signature for signature, style in wanted}
    async with reading_client(ctx) as catalogue:
        await write_in_bulk(ctx, [(one, style) for (_, style), one in texts.items()], catalogue)
    tutorials = {}
    for (key, style), signature in texts.items():
        tutorials[key, style] = await draft(ctx, signature, style)
    return tutorials


async def draft(ctx: ToolContext, signature: Signature, style: Style) -> Tutorial:
    """One tutorial, as anybody would ask the tool for it."""
    drafted = await draft_tutorial(
        ctx,
        feature=signature.feature,
        stuck_step=signature.stuck_step,
        reason=signature.reason,
        ever_succeeded=signature.band == "sometimes",
        style=style,
    )
    return drafted.tutorial


async def spent(ctx: ToolContext) -> tuple[Spent, list[str]]:
    """What the model cost on this UTC day, over all runs, and what one has to know of it."""
    async with ctx.store.read() as work:
        total = await work.spending.of_day(ctx.clock.now().date())
    model = ctx.settings.model
    if total.calls and not prices.known(model):
        return total, [f"The prices of {model} are not known: it is counted as the dearest model that is."]
    return total, []
