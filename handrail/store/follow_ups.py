"""The question after a mail, in the store: for whom it is due, and what became of it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, or_
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from handrail.domain.deliveries import FollowUp, Status
from handrail.store.mail_tables import AnswerRow, DeliveryRow, FollowUpRow, OutcomeRow

_BLOCK = 500


class FollowUps:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def due(self, now: datetime, *, after: timedelta, until: timedelta, limit: int) -> list[str]:
        """Ids of mails that left so long ago, whose readers neither completed nor answered, oldest first."""
        statement = (
            _unanswered()
            .outerjoin(FollowUpRow, col(FollowUpRow.delivery_id) == col(DeliveryRow.id))
            .where(
                DeliveryRow.status == Status.SENT.value,
                col(DeliveryRow.sending_at) <= now - after,
                col(DeliveryRow.sending_at) > now - until,
                or_(
                    col(FollowUpRow.delivery_id).is_(None),
                    and_(
                        col(FollowUpRow.status) == Status.PLANNED.value,
                        col(FollowUpRow.due_at) <= now,
                    ),
                ),
            )
            .order_by(col(DeliveryRow.sending_at), col(DeliveryRow.id))
            .limit(limit)
        )
        return list((await self._session.exec(statement)).all())

    async def unanswered(self, delivery_id: str) -> bool:
        """Whether the reader of this mail has neither completed nor said yes or no."""
        found = await self._session.exec(_unanswered().where(DeliveryRow.id == delivery_id))
        return found.first() is not None

    async def get(self, delivery_id: str) -> FollowUp | None:
        row = await self._session.get(FollowUpRow, delivery_id)
        return FollowUp.model_validate(row.model_dump()) if row else None

    async def among(self, delivery_ids: Sequence[str]) -> dict[str, FollowUp]:
        """Those after these mails, by the mail."""
        found: list[FollowUpRow] = []
        for at in range(0, len(delivery_ids), _BLOCK):
            some = delivery_ids[at : at + _BLOCK]
            found += await self._session.exec(
                select(FollowUpRow).where(col(FollowUpRow.delivery_id).in_(some))
            )
        return {row.delivery_id: FollowUp.model_validate(row.model_dump()) for row in found}

    async def keep(self, one: FollowUp) -> None:
        values = one.model_dump()
        values["status"] = one.status.value
        row = await self._session.get(FollowUpRow, one.delivery_id) or FollowUpRow(**values)
        for name, value in values.items():
            setattr(row, name, value)
        if one.status is Status.SENDING:
            row.sending_at = one.decided_at
        self._session.add(row)

    async def interrupted(self, begun_before: datetime) -> int:
        """Those that were leaving when a process died may have arrived: unknown. Answers how many."""
        rows = await self._session.exec(
            select(FollowUpRow).where(
                FollowUpRow.status == Status.SENDING.value, col(FollowUpRow.sending_at) < begun_before
            )
        )
        found = rows.all()
        for row in found:
            row.status, row.detail = Status.UNKNOWN.value, "interrupted"
            self._session.add(row)
        return len(found)


def _unanswered() -> Any:
    """Ids of mails whose reader has neither completed the feature nor said yes or no."""
    return (
        select(DeliveryRow.id)
        .outerjoin(OutcomeRow, col(OutcomeRow.delivery_id) == col(DeliveryRow.id))
        .outerjoin(AnswerRow, col(AnswerRow.delivery_id) == col(DeliveryRow.id))
        .where(col(OutcomeRow.completed_at).is_(None), col(AnswerRow.helpful).is_(None))
    )
