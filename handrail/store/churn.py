"""Past days in the store, and the score's track record."""

import json
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import cast

from sqlalchemy import delete, func, insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from handrail.domain.churn import BandName, PastDay, TrackRecord
from handrail.domain.periods import Period
from handrail.store.churn_tables import PastDayRow, ReplayRow, TrackRecordRow
from handrail.store.tables import MixpanelMetric, SyncedDay

_BLOCK = 2000


class Churn:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def replays(self, version: str) -> dict[date, datetime]:
        """The days that were replayed by this definition of the score, and of when their figures were."""
        rows = await self._session.exec(select(ReplayRow).where(ReplayRow.version == version))
        return {row.metric_date: row.read_at for row in rows}

    async def read_days(self) -> dict[date, datetime]:
        """Every day that was read from Mixpanel, and when it was last."""
        rows = await self._session.exec(select(col(SyncedDay.metric_date), col(SyncedDay.read_at)))
        return dict(rows.all())

    async def sessions(self, period: Period) -> dict[str, int]:
        """Sessions by account id; accounts without an event are left out."""
        day = col(MixpanelMetric.metric_date)
        rows = await self._session.exec(
            select(MixpanelMetric.customer_id, func.sum(col(MixpanelMetric.sessions)))
            .where(day >= period.from_date, day <= period.to_date)
            .group_by(col(MixpanelMetric.customer_id))
        )
        return {account: int(total) for account, total in rows.all()}

    async def keep_day(
        self, day: date, accounts: Sequence[PastDay], *, version: str, read_at: datetime
    ) -> None:
        """Keep one replayed day in place of what was kept of it."""
        for table in (PastDayRow, ReplayRow):
            await self._session.exec(delete(table).where(col(table.metric_date) == day))
        rows = [
            {
                "customer_id": each.account,
                "metric_date": day,
                "band": each.band,
                "measures": json.dumps(each.measures),
            }
            for each in accounts
        ]
        for at in range(0, len(rows), _BLOCK):
            await self._session.exec(insert(PastDayRow), params=rows[at : at + _BLOCK])
        self._session.add(ReplayRow(metric_date=day, version=version, read_at=read_at))
        await self._session.flush()

    async def past_days(self, days: Iterable[date]) -> list[PastDay]:
        """Every account on these days, oldest first."""
        rows = await self._session.exec(
            select(PastDayRow)
            .where(col(PastDayRow.metric_date).in_(list(days)))
            .order_by(col(PastDayRow.metric_date), col(PastDayRow.customer_id))
        )
        return [
            PastDay(row.customer_id, row.metric_date, cast("BandName", row.band), json.loads(row.measures))
            for row in rows
        ]

    async def keep_record(self, record: TrackRecord) -> None:
        await self._session.merge(TrackRecordRow(as_of=record.as_of, document=record.model_dump_json()))

    async def track_record(self) -> TrackRecord | None:
        """How the score did on past days, as it was last known; None before the first night."""
        newest = select(func.max(col(TrackRecordRow.as_of))).scalar_subquery()
        found = await self._session.exec(select(TrackRecordRow).where(TrackRecordRow.as_of == newest))
        row = found.first()
        return TrackRecord.model_validate_json(row.document) if row else None
