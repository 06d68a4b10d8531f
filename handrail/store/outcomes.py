"""Outcomes in the store: one row for each mail that left, and for each person first held out of a feature."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from handrail.domain.deliveries import RECALLED, Reason, Status
from handrail.domain.feedback import FeedbackKind
from handrail.domain.outcomes import Arm, Outcome, OutcomeCount
from handrail.domain.periods import Period
from handrail.domain.struggles import Signature
from handrail.engine.outcomes import WINDOW
from handrail.store.mail_tables import DeliveryRow, FeedbackRow, OutcomeRow


class Outcomes:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def begin(self) -> None:
        """Open a window for each mail that left and each first hold-out that have none yet."""
        without = ~select(OutcomeRow).where(OutcomeRow.delivery_id == DeliveryRow.id).exists()
        sent = select(DeliveryRow).where(
            col(DeliveryRow.status) == Status.SENT.value, DeliveryRow.detail != RECALLED, without
        )
        for row in await self._session.exec(sent):
            self._session.add(_opened(row, "treated"))
        for row in await self._session.exec(_first_hold_outs()):
            self._session.add(_opened(row, "holdout"))
        await self._session.flush()

    async def open(self) -> list[Outcome]:
        """Those whose window is not settled, with what the mail service said of their mail."""
        delivered = (
            select(FeedbackRow.delivery_id, func.min(col(FeedbackRow.at)).label("at"))
            .where(FeedbackRow.kind == FeedbackKind.DELIVERED.value)
            .group_by(col(FeedbackRow.delivery_id))
            .subquery()
        )
        rows = await self._session.exec(
            select(OutcomeRow, DeliveryRow.user_key, delivered.c.at)
            .join(DeliveryRow, col(DeliveryRow.id) == col(OutcomeRow.delivery_id))
            .outerjoin(delivered, delivered.c.delivery_id == col(OutcomeRow.delivery_id))
            .where(col(OutcomeRow.settled).is_(False))
            .order_by(col(OutcomeRow.delivery_id))
        )
        return [
            Outcome.model_validate({**row.model_dump(), "user_key": user_key, "delivered_at": at})
            for row, user_key, at in rows.all()
        ]

    async def keep(self, outcomes: Sequence[Outcome]) -> None:
        """Write down how these open ones stand now."""
        changing = {"delivery_id", "window_ends", "completed_at", "settled"}
        if outcomes:
            values = [each.model_dump(include=changing) for each in outcomes]
            await self._session.exec(update(OutcomeRow), params=values)

    async def counts(self, period: Period, feature: str = "") -> list[OutcomeCount]:
        """Outcomes of the nights of a period, by feature, night, arm and how they stand."""
        completed = col(OutcomeRow.completed_at).is_not(None)
        by = (
            col(OutcomeRow.feature),
            col(DeliveryRow.night),
            col(OutcomeRow.arm),
            col(OutcomeRow.succeeded_before),
            col(OutcomeRow.settled),
            completed,
        )
        statement = (
            select(*by, func.count())  # type: ignore[call-overload]
            .join(DeliveryRow, col(DeliveryRow.id) == col(OutcomeRow.delivery_id))
            .where(DeliveryRow.night >= period.from_date, DeliveryRow.night <= period.to_date)
            .group_by(*by)
            .order_by(*by)
        )
        if feature:
            statement = statement.where(OutcomeRow.feature == feature)
        names = ("feature", "night", "arm", "succeeded_before", "settled", "completed", "outcomes")
        rows = (await self._session.exec(statement)).all()
        return [OutcomeCount.model_validate(dict(zip(names, row, strict=True))) for row in rows]

    async def by_signature(self, period: Period, feature: str = "") -> dict[str, tuple[int, int]]:
        """Of the mails of these nights: people followed to the end who had not succeeded before, and how
        many of them completed the feature."""
        completed = func.count(col(OutcomeRow.completed_at))
        statement: Any = (
            select(OutcomeRow.signature, func.count(), completed)
            .join(DeliveryRow, col(DeliveryRow.id) == col(OutcomeRow.delivery_id))
            .where(DeliveryRow.night >= period.from_date, DeliveryRow.night <= period.to_date)
            .where(OutcomeRow.arm == "treated", col(OutcomeRow.settled).is_(True))
            .where(col(OutcomeRow.succeeded_before).is_(False))
            .group_by(col(OutcomeRow.signature))
        )
        if feature:
            statement = statement.where(OutcomeRow.feature == feature)
        return {key: (people, done) for key, people, done in (await self._session.exec(statement)).all()}


def _first_hold_outs() -> Any:
    """The first night of each person × feature held out, where none of theirs was opened yet."""
    held_out = (DeliveryRow.status == Status.WITHHELD.value, DeliveryRow.reason == Reason.HOLDOUT.value)
    opened = (
        select(DeliveryRow.user_key, DeliveryRow.feature)
        .join(OutcomeRow, col(OutcomeRow.delivery_id) == col(DeliveryRow.id))
        .where(OutcomeRow.arm == "holdout")
        .subquery()
    )
    first = (
        select(DeliveryRow.user_key, DeliveryRow.feature, func.min(DeliveryRow.night).label("night"))
        .outerjoin(
            opened,
            (opened.c.user_key == DeliveryRow.user_key) & (opened.c.feature == DeliveryRow.feature),
        )
        .where(*held_out, opened.c.user_key.is_(None))
        .group_by(col(DeliveryRow.user_key), col(DeliveryRow.feature))
        .subquery()
    )
    return (
        select(DeliveryRow)
        .join(
            first,
            (first.c.user_key == DeliveryRow.user_key)
            & (first.c.feature == DeliveryRow.feature)
            & (first.c.night == DeliveryRow.night),
        )
        .where(*held_out)
    )


def _opened(row: DeliveryRow, arm: Arm) -> OutcomeRow:
    return OutcomeRow(
        delivery_id=row.id,
        arm=arm,
        feature=row.feature,
        signature=row.signature,
        tutorial_id=row.tutorial_id,
        window_ends=row.decided_at + WINDOW,
        succeeded_before=Signature.ever_succeeded(row.signature),
        settled=False,
    )
