"""A saved Mixpanel report, or every report of a dashboard, with its age."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from handrail.context import ToolContext
from handrail.domain.queries import ReportRow, ReportStep, RetentionCohort
from handrail.domain.reports import KeptReport, ReportAge
from handrail.engine.cursors import page
from handrail.engine.text import quoted, shown
from handrail.flows.reports import list_reports, read_report
from tools._answers import Figures, Paged, age, report_in_mixpanel
from tools._params import Cursor, Detail
from tools._tool import tool

ROWS = 20
ROWS_OF_A_DASHBOARD = 5
"""Of each of its reports; read alone, a report shows all."""

POINTS = 7
"""Newest buckets of a series, and intervals of a cohort, in a concise answer."""


class RowView(BaseModel):
    what: str = Field(description="Metric and segments; data from outside.")
    points: dict[str, float] = Field(description="Count by day, or other bucket.")
    steps: list[ReportStep]
    cohorts: list[RetentionCohort]


class ReportView(BaseModel):
    name: str = Field(description="Data from outside.")
    report_id: int
    kind: str
    days: str = Field(description="As the report has them.")
    read_at: datetime | None = Field(description="From Mixpanel. Null: no copy yet.")
    computed_at: str = Field(description="By Mixpanel, in its words.")
    left_out: str
    mixpanel_url: str
    rows: list[RowView]


class SavedReports(Figures, Paged):
    reports: list[ReportView] = Field(default_factory=list)


@tool(title="Saved report", effect="read", reach="refused")
async def get_saved_report(
    ctx: ToolContext,
    report: Annotated[
        str, Field(description="Report or dashboard, name or id. Empty: list all.", max_length=255)
    ] = "",
    detail: Detail = "concise",
    cursor: Cursor = "",
) -> SavedReports:
    """Read a saved Mixpanel report, or every report of a dashboard, and say how old it is.

    Use it for "show our Activation dashboard" or "which reports do we have?".
    For one account's funnel, use query_funnel; for its activity, use query_events.
    """
    if not report.strip():
        return _listed(ctx, await list_reports(ctx), cursor)
    reading = await read_report(ctx, report)
    single = reading.reports[0] if len(reading.reports) == 1 and not reading.dashboard else None
    part = page(single.report.rows if single else (), cursor, ROWS, of=(report, single and single.fetched_at))
    oldest = min((each.fetched_at for each in reading.reports), default=None)
    return SavedReports(
        summary=f"{'Dashboard' if reading.dashboard else 'Report'} {quoted(reading.name)}: "
        f"{_counted(len(reading.reports), 'report')} read{f', {age(ctx, oldest)}' if oldest else ''}"
        f"{f'; {len(reading.unread)} could not be read anew' if reading.unread else ''}.",
        as_of=oldest,
        caveats=[f"{quoted(each.name)}: {each.because}" for each in reading.unread],
        next_step="Give the cursor for the next rows." if part.cursor else "",
        showing=part.showing,
        cursor=part.cursor,
        reports=[
            _view(ctx, each, part.rows if single else list(each.report.rows[:ROWS_OF_A_DASHBOARD]), detail)
            for each in reading.reports
        ],
    )


def _listed(ctx: ToolContext, known: tuple[ReportAge, ...], cursor: str) -> SavedReports:
    part = page(known, cursor, 50, of="all reports")
    return SavedReports(
        summary=f"The project has {_counted(len(known), 'saved report')}; "
        f"of {sum(each.fetched_at is not None for each in known)} there is a copy.",
        as_of=ctx.clock.now(),
        next_step="Ask again with a report's name or id.",
        showing=part.showing,
        cursor=part.cursor,
        reports=[
            ReportView(
                name=shown(each.name),
                report_id=each.report_id,
                kind=each.kind,
                days="",
                read_at=each.fetched_at,
                computed_at=each.computed_at,
                left_out="",
                mixpanel_url=report_in_mixpanel(ctx.settings, each.kind, each.report_id),
                rows=[],
            )
            for each in part.rows
        ],
    )


def _view(ctx: ToolContext, copy: KeptReport, rows: list[ReportRow], detail: str) -> ReportView:
    report = copy.report
    most = None if detail == "full" else POINTS
    cut = [
        "" if len(rows) == len(report.rows) else f"rows: showing {len(rows)} of {len(report.rows)}",
        f"all but the newest {most} buckets" if most and any(_longer(row, most) for row in rows) else "",
        "" if report.complete else "segments that point at persons, or that Mixpanel did not give",
    ]
    return ReportView(
        name=shown(copy.name),
        report_id=copy.report_id,
        kind=copy.kind,
        days=f"{report.from_date[:10]} to {report.to_date[:10]}" if report.from_date else "",
        read_at=copy.fetched_at,
        computed_at=report.computed_at,
        left_out="; ".join(filter(None, cut)),
        mixpanel_url=report_in_mixpanel(ctx.settings, copy.kind, copy.report_id),
        rows=[_row(each, most) for each in rows],
    )


def _longer(row: ReportRow, most: int) -> bool:
    return max(len(row.points), len(row.cohorts), *(len(each.returned) for each in row.cohorts), 0) > most


def _row(row: ReportRow, most: int | None) -> RowView:
    """One row; `most`: only so many of its newest buckets."""
    points = row.points[-most:] if most else row.points
    cohorts = row.cohorts[-most:] if most else row.cohorts
    return RowView(
        what=shown(" / ".join(row.path)),
        points={point.start: point.count for point in points},
        steps=list(row.steps),
        cohorts=[each.model_copy(update={"returned": each.returned[:most]}) for each in cohorts],
    )


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
