"""REST: the copies of saved Mixpanel reports."""

from typing import Annotated

from fastapi import APIRouter, Path

from handrail.domain.reports import KeptReport
from handrail.engine.cursors import page
from handrail.errors import NotThere
from handrail.flows.reports import report_history
from tools._params import Detail
from tools.get_saved_report import ReportView, get_saved_report
from web.api import Ctx
from web.rest.lists import Cursor, Limit, Listed
from web.rest.route import RestRoute

router = APIRouter(route_class=RestRoute, tags=["reports"])


class ReportList(Listed[ReportView]):
    """Saved reports; where there is no copy yet, `read_at` is null."""


class ReportReading(Listed[ReportView]):
    """One report, or every report of a dashboard. Of one report alone, the cursor leads to further rows."""

    next_step: str = ""


class ReportHistory(Listed[KeptReport]):
    """Newest first; one for each change, of 90 days."""


@router.get("/api/reports", operation_id="list_reports")
async def reports(ctx: Ctx, cursor: Cursor = "") -> ReportList:
    """List the project's saved reports, 50 in one answer, with the age of each copy."""
    found = await get_saved_report(ctx, cursor=cursor)
    return ReportList.of(found, found.reports, found.cursor, as_of=None)


@router.get("/api/reports/{name_or_id}", operation_id="get_report")
async def report(
    ctx: Ctx,
    name_or_id: Annotated[str, Path(min_length=1, max_length=255, description="Of a report or dashboard.")],
    detail: Detail = "concise",
    cursor: Cursor = "",
) -> ReportReading:
    """Read a saved report, or every report of a dashboard, as Mixpanel has it.

    The same answer as the tool `get_saved_report`: a copy of today is told as it is, else Mixpanel is asked.
    """
    found = await get_saved_report(ctx, report=name_or_id, detail=detail, cursor=cursor)
    return ReportReading.of(found, found.reports, found.cursor)


@router.get("/api/reports/{report_id}/history", operation_id="get_report_history")
async def history(
    ctx: Ctx,
    report_id: Annotated[int, Path(ge=1, le=2**53, description="From the list of reports.")],
    limit: Limit = 50,
    cursor: Cursor = "",
) -> ReportHistory:
    """List what a report showed before: one copy for each change, of 90 days."""
    found = await report_history(ctx, report_id)
    if not found:
        raise NotThere(f"There is no copy of a report {report_id}.")
    part = page(found, cursor, limit, of=(report_id, found[0].first_fetched_at))
    return ReportHistory(summary=f"{len(found)} copies.", items=part.rows, next_cursor=part.cursor or None)
