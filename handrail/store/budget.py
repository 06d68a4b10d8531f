"""The query budget in the store: one ledger for every process of a project."""

from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import delete, func
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from handrail.domain.deliveries import Actor
from handrail.engine.budget import WINDOW, Spent, Told
from handrail.store.tables import QueryLimit, QuerySlot

KEPT = WINDOW + timedelta(hours=1)
"""Requests from before that are forgotten."""


class Budget:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def spent(self, project: str, system: str, now: datetime) -> list[Spent]:
        """Requests of the last hour."""
        rows = await self._session.exec(
            select(QuerySlot).where(
                QuerySlot.project == project,
                QuerySlot.system == system,
                col(QuerySlot.taken_at) > now - WINDOW,
            )
        )
        return [
            Spent(actor=cast("Actor", row.actor), at=row.taken_at, running=not row.ended)
            for row in rows.all()
        ]

    async def told(self, project: str, system: str) -> Told:
        row = await self._session.get(QueryLimit, (project, system))
        if row is None:
            return Told()
        return Told(hourly=row.hourly, learned_at=row.learned_at, refused_until=row.refused_until)

    async def take(self, project: str, system: str, actor: Actor, now: datetime) -> int:
        """Write a request down before it leaves; answers its number."""
        await self._session.exec(delete(QuerySlot).where(col(QuerySlot.taken_at) < now - KEPT))
        row = QuerySlot(project=project, system=system, actor=actor, taken_at=now)
        self._session.add(row)
        await self._session.flush()
        return int(row.id or 0)

    async def asked(self, project: str, system: str, actor: Actor, since: datetime) -> int:
        """Requests of one actor that counted, or may have."""
        rows = await self._session.exec(
            select(func.count())
            .select_from(QuerySlot)
            .where(
                QuerySlot.project == project,
                QuerySlot.system == system,
                QuerySlot.actor == actor,
                col(QuerySlot.taken_at) >= since,
            )
        )
        return int(rows.one())

    async def end(self, slot: int, *, counted: bool) -> None:
        """The request is over; one that Mixpanel does not count is forgotten."""
        row = await self._session.get(QuerySlot, slot)
        if row is None:
            return
        if counted:
            row.ended = True
            self._session.add(row)
        else:
            await self._session.delete(row)

    async def learn(
        self, project: str, system: str, hourly: int | None, until: datetime, now: datetime
    ) -> None:
        row = await self._session.get(QueryLimit, (project, system)) or QueryLimit(
            project=project, system=system
        )
        row.refused_until = until
        if hourly is not None:
            row.hourly, row.learned_at = hourly, now
        self._session.add(row)
