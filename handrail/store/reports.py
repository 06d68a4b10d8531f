"""Copies of saved reports in the store: one row from a fetch until the report shows something else."""

import json
from datetime import datetime, timedelta

from sqlalchemy import delete, func
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from handrail.domain.queries import SavedReport
from handrail.domain.reports import Dashboard, KeptReport, ListedReport
from handrail.store.tables import ReportCopy

KEPT_FOR = timedelta(days=90)


class Reports:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def keep(
        self, listed: ListedReport, dashboards: list[Dashboard], report: SavedReport, now: datetime
    ) -> None:
        """Keep what a report shows now. Copies that nothing confirmed for 90 days are deleted."""
        content = report.model_dump_json(exclude={"computed_at"})
        boards = json.dumps([[board.dashboard_id, board.name] for board in dashboards], ensure_ascii=False)
        row = await self._newest(listed.report_id)
        if row is None or row.content != content:
            row = ReportCopy(
                report_id=listed.report_id,
                name=listed.name,
                kind=report.kind,
                dashboards=boards,
                computed_at=report.computed_at,
                first_fetched_at=now,
                fetched_at=now,
                content=content,
            )
        row.name, row.dashboards = listed.name, boards
        row.computed_at, row.fetched_at = report.computed_at, now
        self._session.add(row)
        await self._session.exec(delete(ReportCopy).where(col(ReportCopy.fetched_at) < now - KEPT_FOR))

    async def newest(self) -> list[KeptReport]:
        """The newest copy of every report, by name."""
        newest = select(func.max(col(ReportCopy.id))).group_by(col(ReportCopy.report_id))
        rows = await self._session.exec(select(ReportCopy).where(col(ReportCopy.id).in_(newest)))
        return sorted((_kept(row) for row in rows), key=lambda one: (one.name.casefold(), one.report_id))

    async def history(self, report_id: int) -> list[KeptReport]:
        """Every copy of one report, newest first."""
        rows = await self._session.exec(
            select(ReportCopy).where(ReportCopy.report_id == report_id).order_by(col(ReportCopy.id).desc())
        )
        return [_kept(row) for row in rows]

    async def _newest(self, report_id: int) -> ReportCopy | None:
        rows = await self._session.exec(
            select(ReportCopy)
            .where(ReportCopy.report_id == report_id)
            .order_by(col(ReportCopy.id).desc())
            .limit(1)
        )
        return rows.first()


def _kept(row: ReportCopy) -> KeptReport:
    report = SavedReport.model_validate_json(row.content)
    return KeptReport(
        report_id=row.report_id,
        name=row.name,
        kind=row.kind,
        dashboards=tuple(
            Dashboard(dashboard_id=number, name=name, report_ids=(row.report_id,))
            for number, name in json.loads(row.dashboards)
        ),
        first_fetched_at=row.first_fetched_at,
        fetched_at=row.fetched_at,
        report=report.model_copy(update={"computed_at": row.computed_at}),
    )
