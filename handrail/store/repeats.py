"""Keys of requests in the store: claimed before they act, with the answer to give again."""

from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from handrail.domain.repeats import Answered
from handrail.store.access_tables import RepeatRow

KEPT_FOR = timedelta(hours=24)
GIVEN_UP = timedelta(minutes=10)
"""A request without an answer by then has died with its process: its key is free again."""


class Repeats:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def claim(self, key: str, request: str, now: datetime) -> Answered | None:
        """The earlier request with this key; None: the key is this request's now."""
        row = await self._session.get(RepeatRow, key)
        if row is not None and now - row.at < (KEPT_FOR if row.status else GIVEN_UP):
            return Answered(request=row.request, status=row.status, answer=row.answer)
        await self._session.merge(RepeatRow(key=key, request=request, at=now))
        return None

    async def keep(self, key: str, status: int, answer: str) -> None:
        row = await self._session.get_one(RepeatRow, key)
        row.status, row.answer = status, answer
        self._session.add(row)

    async def drop(self, key: str) -> None:
        """Nothing came of the request: the same key may try again."""
        await self._session.exec(delete(RepeatRow).where(col(RepeatRow.key) == key))

    async def forget(self, now: datetime) -> None:
        await self._session.exec(delete(RepeatRow).where(col(RepeatRow.at) < now - KEPT_FOR))
