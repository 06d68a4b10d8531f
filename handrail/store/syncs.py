"""Syncs in the store: how far each has come, and which days are whole."""

from collections.abc import Collection
from datetime import date, datetime, timedelta

from sqlalchemy import delete
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from handrail.domain.metrics import ReadDay, SyncRecord, SyncState, SyncStatus
from handrail.store.tables import Sync, SyncedDay


class Syncs:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def start(
        self,
        span: tuple[date, date],
        zone: str,
        now: datetime,
        *,
        days_total: int,
        days_done: int = 0,
        events: tuple[int, int] = (0, 0),
    ) -> int:
        """A new sync over `span` (both included); one that was still running is running no more.

        `days_done` and `events` (all, with an account) are what an interrupted one has done of it already.
        """
        running = await self._session.exec(select(Sync).where(Sync.status == "running"))
        for dead in running.all():
            dead.status, dead.finished_at = "interrupted", now
            dead.message = "The process that read it ended before it was done."
            self._session.add(dead)
        row = Sync(
            started_at=now,
            zone=zone,
            from_date=span[0],
            to_date=span[1],
            days_total=days_total,
            days_done=days_done,
            events=events[0],
            events_with_account=events[1],
        )
        self._session.add(row)
        await self._session.flush()
        return row.id or 0

    async def advance(
        self, sync_id: int, span: tuple[date, date], *, events: tuple[int, int], shape: str, now: datetime
    ) -> None:
        """The days of `span` are whole; `events` are all, and those with an account."""
        row = await self._row(sync_id)
        days = [span[0] + timedelta(days=number) for number in range((span[1] - span[0]).days + 1)]
        await self._session.exec(delete(SyncedDay).where(col(SyncedDay.metric_date).in_(days)))
        self._session.add_all(
            SyncedDay(metric_date=day, sync_id=sync_id, read_at=now, shape=shape) for day in days
        )
        row.days_done += len(days)
        row.events += events[0]
        row.events_with_account += events[1]
        self._session.add(row)

    async def take_over(self, sync_id: int, days: Collection[date]) -> None:
        """What another sync has read of these days counts as read by this one."""
        rows = await self._session.exec(select(SyncedDay).where(col(SyncedDay.metric_date).in_(days)))
        for row in rows.all():
            row.sync_id = sync_id
            self._session.add(row)

    async def end(self, sync_id: int, status: SyncStatus, now: datetime, message: str = "") -> SyncRecord:
        row = await self._row(sync_id)
        row.status, row.finished_at, row.message = status, now, message
        self._session.add(row)
        return SyncRecord.model_validate(row.model_dump())

    async def get(self, sync_id: int) -> SyncState | None:
        row = await self._session.get(Sync, sync_id)
        return SyncState.model_validate(row.model_dump()) if row else None

    async def newest(self) -> SyncState | None:
        row = (await self._session.exec(select(Sync).order_by(col(Sync.id).desc()).limit(1))).first()
        return SyncState.model_validate(row.model_dump()) if row else None

    async def days(self, shape: str) -> dict[date, ReadDay]:
        """The days that were read with these settings."""
        rows = await self._session.exec(select(SyncedDay).where(SyncedDay.shape == shape))
        return {
            row.metric_date: ReadDay(day=row.metric_date, sync_id=row.sync_id, read_at=row.read_at)
            for row in rows
        }

    async def _row(self, sync_id: int) -> Sync:
        row = await self._session.get(Sync, sync_id)
        if row is None:
            raise LookupError(f"There is no sync {sync_id}.")
        return row
