"""Calls of tools in the store: who called what, when, and with which outcome."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import delete
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from handrail.domain.access import ToolCall
from handrail.store.access_tables import ToolCallRow


class Calls:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def record(self, calls: Iterable[ToolCall]) -> None:
        self._session.add_all(ToolCallRow(**call.model_dump()) for call in calls)

    async def newest(self, limit: int) -> Sequence[ToolCall]:
        rows = await self._session.exec(select(ToolCallRow).order_by(col(ToolCallRow.id).desc()).limit(limit))
        return [ToolCall.model_validate(row.model_dump(exclude={"id"})) for row in rows]

    async def forget(self, before: datetime) -> None:
        await self._session.exec(delete(ToolCallRow).where(col(ToolCallRow.at) < before))
