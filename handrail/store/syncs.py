"""Syncs in the store: how far each has come, and which days are whole."""

from collections.abc import Collection
from datetime import date, datetime, timedelta

from sqlalchemy import delete, func
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from handrail.domain.metrics import Coverage, ReadDay, SyncRecord, SyncState, SyncStatus
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
        taken_over: Collection[date] = (),
        resumed: int = 0,
    ) -> int:
        """A new sync over `span` (both included); one that was still running is running no more.

        The days `taken_over` were read by the sync `resumed`, which did not come to its end, and are done.
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
            days_done=len(taken_over),
        )
        before = await self._session.get(Sync, resumed) if taken_over else None
        for name in Coverage._fields if before else ():
            setattr(row, name, getattr(before, name))
        self._session.add(row)
        await self._session.flush()
        read = await self._session.exec(select(SyncedDay).where(col(SyncedDay.metric_date).in_(taken_over)))
        for day in read.all():
            day.sync_id = row.id or 0
            self._session.add(day)
        return row.id or 0

    async def advance(
        self, sync_id: int, span: tuple[date, date], *, counts: Coverage, shape: str, now: datetime
    ) -> None:
        """The days of `span` are whole; `counts` are added to the sync's."""
        row = await self._row(sync_id)
        days = [span[0] + timedelta(days=number) for number in range((span[1] - span[0]).days + 1)]
        await self._session.exec(delete(SyncedDay).where(col(SyncedDay.metric_date).in_(days)))
        self._session.add_all(
            SyncedDay(metric_date=day, sync_id=sync_id, read_at=now, shape=shape) for day in days
        )
        row.days_done += len(days)
        for name, count in counts._asdict().items():
            setattr(row, name, getattr(row, name) + count)
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

    async def last_read(self) -> datetime | None:
        """When a day was last read and its figures were replaced."""
        return (await self._session.exec(select(func.max(SyncedDay.read_at)))).one()

    async def days(self, shape: str) -> dict[date, ReadDay]:
        """The days that were read with these settings."""
        rows = await self._session.exec(select(SyncedDay).where(SyncedDay.shape == shape))
        return {
            row.metric_date: ReadDay(day=row.metric_date, sync_id=row.sync_id, read_at=row.read_at)
            for row in rows
        }

    async def project(self) -> int | None:
        """The project whose figures the tables hold; None while there are none."""
        rows = await self._session.exec(
            select(SyncedDay.shape).order_by(col(SyncedDay.read_at).desc()).limit(1)
        )
        shape = rows.first()
        return int(shape.split()[0]) if shape else None

    async def _row(self, sync_id: int) -> Sync:
        row = await self._session.get(Sync, sync_id)
        if row is None:
            raise LookupError(f"There is no sync {sync_id}.")
        return row
