"""The stored connection: one sealed row."""

from datetime import datetime

from sqlmodel.ext.asyncio.session import AsyncSession

from handrail.store.tables import StoredConnection

_ONLY = 1


class Connections:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def keep(self, sealed: str, now: datetime) -> None:
        """Keep it in place of the one before."""
        await self._session.merge(StoredConnection(id=_ONLY, sealed=sealed, saved_at=now))

    async def sealed(self) -> str | None:
        """The sealed text, if a connection was kept."""
        row = await self._session.get(StoredConnection, _ONLY)
        return row.sealed if row else None
