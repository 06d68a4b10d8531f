"""The secret's stamp: one row, written when the database is first opened."""

from sqlmodel.ext.asyncio.session import AsyncSession

from handrail.store.tables import SecretStamp

_ONLY = 1


class Stamps:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def get(self) -> str | None:
        """The stamp, if the database has one."""
        row = await self._session.get(SecretStamp, _ONLY)
        return row.stamp if row else None

    async def keep(self, stamp: str) -> None:
        """Keep it for ever."""
        self._session.add(SecretStamp(id=_ONLY, stamp=stamp))
