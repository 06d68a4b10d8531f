"""Restores in the store: which tables are old, and since when nobody told them anything."""

from datetime import datetime

from sqlalchemy import or_
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from handrail.domain.restores import Restore
from handrail.store.guard_tables import RestoreRow


class Restores:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def begin(self, backup_at: datetime, now: datetime) -> None:
        """The tables are those of a backup: no mail leaves before they caught up."""
        self._session.add(RestoreRow(backup_at=backup_at, restored_at=now))

    async def pending(self) -> list[Restore]:
        """Those that have not caught up, oldest first."""
        rows = await self._session.exec(
            select(RestoreRow).where(col(RestoreRow.caught_up_at).is_(None)).order_by(col(RestoreRow.id))
        )
        return [Restore.model_validate(row.model_dump()) for row in rows]

    async def caught_up(self, now: datetime, held_until: datetime | None) -> None:
        """All of them have; mails that could not be recalled keep everybody waiting until then."""
        rows = await self._session.exec(select(RestoreRow).where(col(RestoreRow.caught_up_at).is_(None)))
        for row in rows:
            row.caught_up_at, row.held_until = now, held_until
            self._session.add(row)

    async def holding(self, now: datetime) -> Restore | None:
        """The restore for which nothing may leave now, if there is one."""
        rows = await self._session.exec(
            select(RestoreRow)
            .where(or_(col(RestoreRow.caught_up_at).is_(None), col(RestoreRow.held_until) > now))
            .order_by(col(RestoreRow.caught_up_at).is_not(None), col(RestoreRow.held_until).desc())
            .limit(1)
        )
        row = rows.first()
        return Restore.model_validate(row.model_dump()) if row else None
