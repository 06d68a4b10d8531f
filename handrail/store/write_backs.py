"""What Mixpanel was told of mails, and what it is still to be told."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import delete
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from handrail.domain.deliveries import RECALLED, Status
from handrail.domain.tutorials import Style, Tutorial
from handrail.domain.writes import News
from handrail.engine.learning import PLAIN, told_in
from handrail.store.mail_tables import DeliveryAccount, DeliveryRow, OutcomeRow, WrittenBack
from handrail.store.tables import TutorialRow


class WriteBacks:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def untold(self, since: datetime) -> list[News]:
        """Mails that left since, and completions of theirs that are settled, oldest first."""
        told = set((await self._session.exec(select(WrittenBack.key).where(WrittenBack.at > since))).all())
        sent = await self._session.exec(
            select(DeliveryRow, DeliveryRow.sending_at).where(
                DeliveryRow.status == Status.SENT.value,
                col(DeliveryRow.sending_at) > since,
                DeliveryRow.detail != RECALLED,  # told before the restore, or at another time than then
            )
        )
        completed = await self._session.exec(
            select(DeliveryRow, OutcomeRow.completed_at)
            .join(OutcomeRow, col(OutcomeRow.delivery_id) == col(DeliveryRow.id))
            .where(
                OutcomeRow.arm == "treated",
                col(OutcomeRow.settled).is_(True),
                col(OutcomeRow.completed_at) > since,
            )
        )
        rows = [("sent", *row) for row in sent] + [("completed", *row) for row in completed]
        styles: dict[str, Style] = {}
        found = []
        for what, row, at in rows:
            if f"{what}/{row.id}" not in told:
                if row.tutorial_id not in styles:
                    styles[row.tutorial_id] = await self._style(row.tutorial_id)
                found.append(await self._news(what, row, at, styles[row.tutorial_id]))
        return sorted(found, key=lambda each: (each.at, each.key))

    async def told(self, keys: Sequence[str], now: datetime) -> None:
        self._session.add_all(WrittenBack(key=key, at=now) for key in keys)

    async def forget(self, before: datetime) -> None:
        """Drop what was told before then: nobody tells it again."""
        await self._session.exec(delete(WrittenBack).where(col(WrittenBack.at) < before))

    async def noted(self, night: date) -> bool:
        """Whether the night has its note."""
        return await self._session.get(WrittenBack, night_key(night)) is not None

    async def _news(self, what: str, row: DeliveryRow, at: Any, style: Style) -> News:
        accounts = await self._session.exec(
            select(DeliveryAccount.customer_id).where(DeliveryAccount.delivery_id == row.id)
        )
        values = row.model_dump(include={"night", "user_key", "feature", "tutorial_id"})
        found = {"what": what, "delivery_id": row.id, "at": at, "style": style}
        return News.model_validate({**values, **found, "account_ids": tuple(accounts.all())})

    async def _style(self, tutorial_id: str) -> Style:
        row = await self._session.get(TutorialRow, tutorial_id)
        return told_in(Tutorial.model_validate_json(row.document)) if row else PLAIN


def night_key(night: date) -> str:
    """Of the row that says that a night has its note."""
    return f"night/{night.isoformat()}"
