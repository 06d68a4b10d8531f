"""What a night did, and why it did not do the rest."""

from typing import Annotated

from pydantic import Field

from handrail.context import ToolContext
from handrail.domain.runs import Report
from handrail.engine.brief_words import looks
from handrail.engine.periods import given_day
from handrail.errors import NotThere
from handrail.flows import review
from tools import _reviews
from tools._answers import Figures, caveats
from tools._tool import View, tool
from tools._views import Viewed


class NightReport(Figures, Viewed):
    report: Report
    worth_a_look: list[str] = Field(description="Accounts of its morning brief: evidence, next step.")
    waiting: list[str] = Field(description="Tutorials that wait for a person's yes, of any night.")


@tool(title="Night report", effect="read", view=View("review"), reach="refused")
async def get_night_report(
    ctx: ToolContext,
    night: Annotated[str, Field(description="As-of day; empty: last night.", max_length=10)] = "",
) -> NightReport:
    """Report one night: who struggled, what was sent or withheld and why, which accounts need a look.

    Use it for "what did Handrail do last night?" or "which accounts need me today?".
    For people who are stuck, use find_struggling_users.
    """
    async with ctx.store.read() as work:
        report = await work.nights.report(given_day(night, "night"))
        brief = await work.briefs.get(report.night) if report else None
        last = await work.metrics.last_sync()
    if report is None:
        raise NotThere(f"There was no night {night or 'yet'}: run `handrail agent run`.")
    waiting = await review.pending(ctx)
    withheld = sum(report.withheld.values())
    return NightReport(
        summary=f"Night of {report.night}: {report.struggling_users} people struggling, "
        f"{report.sent} mailed, {withheld} withheld, {report.failed} failed, "
        f"{report.unknown} with an unknown outcome.",
        as_of=report.finished_at or report.started_at,
        caveats=await caveats(ctx, last) if last else [],
        report=report,
        worth_a_look=looks(brief) if brief else [],
        waiting=[_reviews.line(each) for each in waiting],
    ).seen_as(_reviews.page(ctx, waiting))
