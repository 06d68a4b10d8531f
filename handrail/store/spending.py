"""Spending in the store: every call of the model, and the batches that were handed in."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from handrail.domain.spending import Spent, Usage
from handrail.store.writing_tables import ModelBatch, ModelCall

BATCH_LIVES = timedelta(hours=24)
"""The service ends a batch after a day, whatever became of it."""


@dataclass(frozen=True)
class HandedIn:
    """A batch whose answers nobody has fetched. `calls`: the call's number by tutorial id."""

    id: str
    calls: Mapping[str, int]


class Spending:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def of_day(self, day: date) -> Spent:
        """What a UTC day's calls came to."""
        names = [*Usage.model_fields, "usd"]
        sums = [func.coalesce(func.sum(getattr(ModelCall, name)), 0) for name in names]
        statement: Any = select(func.count(), *sums).where(ModelCall.day == day)
        calls, *values = (await self._session.exec(statement)).one()
        told = dict(zip(names, values, strict=True))
        usd = float(told.pop("usd"))
        return Spent(calls=calls, usage=Usage(**{name: int(value) for name, value in told.items()}), usd=usd)

    async def reserve(self, model: str, usd: float, now: datetime, *, batch: bool = False) -> int:
        """Write a call down before it leaves, with the most that it can cost; answers its number."""
        row = ModelCall(day=now.date(), model=model, batch=batch, usd=usd, at=now)
        self._session.add(row)
        await self._session.flush()
        return int(row.id or 0)

    async def book(self, call: int, usage: Usage, usd: float) -> None:
        """What the call really took, as the service told it."""
        row = await self._session.get(ModelCall, call)
        if row is not None:
            for name, value in usage.model_dump().items():
                setattr(row, name, value)
            row.answered, row.usd = True, usd

    async def forget(self, call: int) -> None:
        """The service refused the call, which costs nothing."""
        row = await self._session.get(ModelCall, call)
        if row is not None:
            await self._session.delete(row)

    async def keep_batch(self, batch_id: str, calls: Mapping[str, int], now: datetime) -> None:
        self._session.add(ModelBatch(id=batch_id, calls=json.dumps(dict(calls)), created_at=now))

    async def open_batches(self, now: datetime) -> list[HandedIn]:
        """Those that may still be fetched, oldest first."""
        rows = await self._session.exec(
            select(ModelBatch)
            .where(col(ModelBatch.done).is_(False), col(ModelBatch.created_at) > now - BATCH_LIVES)
            .order_by(col(ModelBatch.created_at))
        )
        return [HandedIn(row.id, json.loads(row.calls)) for row in rows]

    async def close_batch(self, batch_id: str) -> None:
        row = await self._session.get(ModelBatch, batch_id)
        if row is not None:
            row.done = True
