"""How many requests of a caller's minute are taken, by all processes together."""

from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from handrail.store.access_tables import RateRow

_SKEW = timedelta(minutes=1)
"""A process whose clock is behind may still count the minute before."""


class Rates:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def take(self, caller: str, minute: datetime, wanted: int, most: int) -> int:
        """How many more requests of this minute the asking process may let in: `wanted`, fewer, or none."""
        await self._session.exec(delete(RateRow).where(col(RateRow.minute) < minute - _SKEW))
        row = await self._session.get(RateRow, (caller, minute)) or RateRow(
            caller=caller, minute=minute, taken=0
        )
        given = max(0, min(wanted, most - row.taken))
        row.taken += given
        self._session.add(row)
        return given
