"""What a night did, and why it did not do the rest."""

from datetime import date
from typing import Annotated

from pydantic import Field

from handrail.context import ToolContext
from handrail.domain.runs import Report
from handrail.errors import CallerError
from tools._answers import Answer
from tools._tool import tool


class NightReport(Answer):
    report: Report


@tool(title="Night report", effect="read")
async def get_night_report(
    ctx: ToolContext,
    night: Annotated[str, Field(description="As-of day; empty: last night.", max_length=10)] = "",
) -> NightReport:
    """Report one night: who struggled, what was sent, and what was withheld for which reason.

    Use it for "what did Handrail do last night?" or "why was nobody mailed?".
    For people who are stuck, use find_struggling_users.
    """
    try:
        day = date.fromisoformat(night) if night else None
    except ValueError:
        raise CallerError(f"{night!r} is no day; write it as 2026-11-20.") from None
    async with ctx.store.read() as work:
        report = await work.nights.report(day)
    if report is None:
        raise CallerError(f"There was no night {night or 'yet'}: run `handrail agent run`.")
    withheld = sum(report.withheld.values())
    return NightReport(
        summary=f"Night of {report.night}: {report.struggling_users} people struggling, "
        f"{report.sent} mailed, {withheld} withheld, {report.failed} failed, "
        f"{report.unknown} with an unknown outcome.",
        as_of=report.finished_at or report.started_at,
        report=report,
    )
