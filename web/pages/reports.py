"""The project's saved reports and dashboards: how old their copies are, and what a copy shows."""

from collections import Counter
from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import HTMLResponse, Response

from handrail.charts.reports import charts
from handrail.domain.reports import ReportAge
from handrail.engine.text import shown
from handrail.errors import HandrailError
from handrail.flows.reports import FRESH, list_reports, read_report, report_history
from tools._answers import age, report_in_mixpanel
from web.api import FROM_HERE, Ctx
from web.bodies import Form
from web.frame import Framed, back

router = APIRouter(include_in_schema=False)
COPIES = 10
"""Earlier copies that are listed."""


@router.get("/reports")
async def reports_page(ctx: Ctx, frame: Framed) -> HTMLResponse:
    """Looking costs no question of the hour's budget."""
    try:
        reports = await list_reports(ctx)
    except HandrailError as error:
        return frame.message("Reports", f"The saved reports cannot be listed. {error}")
    ages = {each.report_id: age(ctx, each.fetched_at) for each in reports if each.fetched_at}
    return frame("reports.html", title="Reports", reports=reports, boards=_boards(reports), ages=ages)


@router.get("/reports/{report_id}")
async def report_page(
    ctx: Ctx, frame: Framed, report_id: Annotated[int, Path(ge=1, le=2**53)]
) -> HTMLResponse:
    """The newest copy; a report without one says so, and how to get one."""
    copies = await report_history(ctx, report_id)
    if not copies:
        try:
            known = {each.report_id: each for each in await list_reports(ctx)}
        except HandrailError as error:
            return frame.message("No copy of this report", str(error))
        if report_id not in known:
            return frame.message("No such report", "No saved report of this project has this id.", 404)
        return frame("report.html", title=shown(known[report_id].name), report_id=report_id, copy=None)
    drawn, left = charts(copies[0])
    return frame(
        "report.html",
        title=shown(copies[0].name),
        report_id=report_id,
        copy=copies[0],
        charts=drawn,
        left=left,
        copies=copies[:COPIES],
        link=report_in_mixpanel(ctx.settings, copies[0].kind, report_id),
    )


@router.post("/reports/refresh", dependencies=FROM_HERE)
async def refresh(ctx: Ctx, frame: Framed, form: Form) -> Response:
    """Ask Mixpanel for a report, or those of a dashboard, unless the copy is younger than an hour."""
    try:
        reading = await read_report(ctx, form.get("report", ""), older=FRESH)
    except HandrailError as error:
        return frame.message("Nothing was read", str(error), 409)
    if reading.unread:
        told = " ".join(f"{shown(each.name)}: {each.because}" for each in reading.unread)
        return frame.message("Not everything could be read", told, 409)
    single = reading.reports[0].report_id if len(reading.reports) == 1 and not reading.dashboard else None
    return back(f"/reports/{single}" if single else "/reports")


def _boards(reports: tuple[ReportAge, ...]) -> dict[str, int]:
    """How many reports each dashboard has, by its name."""
    return dict(sorted(Counter(name for each in reports for name in each.dashboards).items()))
