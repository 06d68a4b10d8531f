"""Briefs in the store, the figures they are made of, and what the team was told already."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import case, func
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from handrail.domain.briefs import Brief
from handrail.domain.periods import Period
from handrail.domain.struggles import Struggle
from handrail.store.mail_tables import AnswerRow, DeliveryAccount, DeliveryRow, OutcomeRow
from handrail.store.tables import BriefRow, Notice, QuerySlot, StruggleRow, SyncedDay, TutorialRow


class Briefs:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def keep(self, brief: Brief) -> None:
        await self._session.merge(BriefRow(night=brief.night, document=brief.model_dump_json()))

    async def get(self, night: date | None = None) -> Brief | None:
        """The brief of a night, or the newest."""
        statement = select(BriefRow.document).order_by(col(BriefRow.night).desc()).limit(1)
        if night is not None:
            statement = statement.where(BriefRow.night == night)
        document = (await self._session.exec(statement)).first()
        return Brief.model_validate_json(document) if document else None

    async def between(self, first: date, before: date) -> list[Brief]:
        """Those of the nights from `first` on and before the other."""
        rows = await self._session.exec(
            select(BriefRow.document).where(BriefRow.night >= first, BriefRow.night < before)
        )
        return [Brief.model_validate_json(document) for document in rows]

    async def struggling(self, night: date) -> Counter[tuple[str, str]]:
        """People who struggle, by account and feature."""
        found: Counter[tuple[str, str]] = Counter()
        rows = await self._session.stream_scalars(
            select(StruggleRow.document).where(StruggleRow.night == night)
        )
        async for document in rows:
            one = Struggle.model_validate_json(document)
            found.update((account, one.feature) for account in one.account_ids)
        return found

    async def unhelped(self, first: datetime, before: datetime) -> dict[str, int]:
        """By account: people whose last answer was no, and came between these instants."""
        rows = await self._session.exec(
            select(DeliveryAccount.customer_id, func.count(func.distinct(DeliveryRow.user_key)))
            .join(DeliveryRow, col(DeliveryRow.id) == col(DeliveryAccount.delivery_id))
            .join(AnswerRow, col(AnswerRow.delivery_id) == col(DeliveryRow.id))
            .where(col(AnswerRow.helpful).is_(False), AnswerRow.at >= first, AnswerRow.at < before)
            .group_by(col(DeliveryAccount.customer_id))
        )
        return dict(rows.all())

    async def followed(self, period: Period) -> dict[tuple[str, str], tuple[int, int]]:
        """(people mailed and followed to the end, of these completed) by account and feature.

        Of the nights of a period; who had succeeded before is not among them.
        """
        completed = func.sum(case((col(OutcomeRow.completed_at).is_not(None), 1), else_=0))
        by = (col(DeliveryAccount.customer_id), col(OutcomeRow.feature))
        statement = (
            select(*by, func.count(), completed)
            .join(DeliveryRow, col(DeliveryRow.id) == col(OutcomeRow.delivery_id))
            .join(DeliveryAccount, col(DeliveryAccount.delivery_id) == col(OutcomeRow.delivery_id))
            .where(
                OutcomeRow.arm == "treated",
                col(OutcomeRow.settled).is_(True),
                col(OutcomeRow.succeeded_before).is_(False),
                DeliveryRow.night >= period.from_date,
                DeliveryRow.night <= period.to_date,
            )
            .group_by(*by)
        )
        rows = await self._session.exec(statement)
        return {(account, feature): (people, done) for account, feature, people, done in rows.all()}

    async def completed(self, first: datetime, before: datetime) -> int:
        """Mails after which the feature was completed between these instants."""
        at = col(OutcomeRow.completed_at)
        rows = await self._session.exec(
            select(func.count()).select_from(OutcomeRow).where(
                OutcomeRow.arm == "treated", at >= first, at < before
            )
        )  # fmt: skip
        return rows.one()

    async def last_sign(self, night: date) -> datetime | None:
        """When a night last asked Mixpanel, finished a day, wrote a text or decided on a mail."""
        signs: Sequence[Any] = (
            select(func.max(QuerySlot.taken_at)).where(QuerySlot.actor == "nightly"),
            select(func.max(SyncedDay.read_at)),
            select(func.max(TutorialRow.created_at)),
            select(func.max(DeliveryRow.decided_at)).where(DeliveryRow.night == night),
        )
        found = [(await self._session.exec(statement)).one() for statement in signs]
        return max((at for at in found if at is not None), default=None)

    async def tell(self, what: str, day: date, now: datetime) -> bool:
        """Whether nobody told this of the day yet; from now on somebody did."""
        if await self._session.get(Notice, (what, day)) is not None:
            return False
        self._session.add(Notice(what=what, day=day, at=now))
        await self._session.flush()
        return True

    async def untell(self, what: str, day: date) -> None:
        """It did not get through: somebody may tell it again."""
        row = await self._session.get(Notice, (what, day))
        if row is not None:
            await self._session.delete(row)
