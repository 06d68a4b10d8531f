"""Guards in the store: data problems of nights, brakes with what they count, and changed switches."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import delete, func
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from handrail.domain.deliveries import NO_TRACE, Reason, Status
from handrail.domain.feedback import FeedbackKind
from handrail.domain.guards import Brake, DataProblem, Fate, SwitchChange
from handrail.domain.periods import Period
from handrail.store.guard_tables import BrakeRow, DataProblemRow, SwitchChangeRow
from handrail.store.histories import MAILED, Histories
from handrail.store.mail_tables import DeliveryAccount, DeliveryRow, FeedbackRow
from handrail.store.tables import Run

_UNTAKEN = {Status.FAILED.value, Status.UNKNOWN.value}


class Guards:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def replace_problems(self, night: date, problems: Sequence[DataProblem]) -> None:
        await self._session.exec(delete(DataProblemRow).where(col(DataProblemRow.night) == night))
        self._session.add_all(
            DataProblemRow(night=night, **each.model_dump(mode="json")) for each in problems
        )

    async def problems(self, night: date, feature: str = "") -> list[DataProblem]:
        """Of all features, or those that touch this one."""
        statement = select(DataProblemRow).where(DataProblemRow.night == night)
        if feature:
            statement = statement.where(col(DataProblemRow.feature).in_([feature, ""]))
        rows = await self._session.exec(statement.order_by(col(DataProblemRow.feature)))
        return [DataProblem.model_validate(row.model_dump(exclude={"night"})) for row in rows]

    async def brakes(self) -> list[Brake]:
        rows = await self._session.exec(select(BrakeRow).order_by(col(BrakeRow.kind)))
        return [Brake.model_validate(row.model_dump()) for row in rows]

    async def pull(self, brake: Brake) -> None:
        await self._session.merge(BrakeRow(**brake.model_dump(mode="python")))

    async def release(self, now: datetime) -> None:
        """An operator has seen them; what was counted before does not count again."""
        rows = await self._session.exec(select(BrakeRow).where(col(BrakeRow.released_at).is_(None)))
        for row in rows:
            row.released_at = now
            self._session.add(row)

    async def mails_since(self, since: datetime) -> int:
        return await self._count(
            select(func.count())
            .select_from(DeliveryRow)
            .where(col(DeliveryRow.status).in_(MAILED), col(DeliveryRow.sending_at) > since)
        )

    async def told_since(self, since: datetime, kind: FeedbackKind) -> int:
        """Mails that left since then and of which this was told."""
        return await self._count(
            select(func.count(func.distinct(FeedbackRow.delivery_id)))
            .join(DeliveryRow, col(DeliveryRow.id) == col(FeedbackRow.delivery_id))
            .where(FeedbackRow.kind == kind.value, col(DeliveryRow.sending_at) > since)
        )

    async def volumes(self, before: date, nights: int) -> list[int]:
        """Mails of the last nights that were run before this one, those without a mail too."""
        run = await self._session.exec(
            select(col(Run.night))
            .where(col(Run.night) < before, Run.status == "done")
            .order_by(col(Run.night).desc())
            .limit(nights)
        )
        mails = Histories(self._session)
        return [await mails.mails_of(night) for night in run.all()]

    async def streak(self, night: date, since: datetime, most: int) -> int:
        """How many of the newest mails of the night, at most so many, failed or stayed unclear in a row.

        Those on their way, those that were interrupted with our own process, and those that a person looked
        into since, say nothing of the service.
        """
        rows = await self._session.exec(
            select(DeliveryRow.status)
            .where(
                DeliveryRow.night == night,
                col(DeliveryRow.sending_at) > since,
                col(DeliveryRow.status).in_([Status.SENT.value, *_UNTAKEN]),
                col(DeliveryRow.detail).not_in(["interrupted", NO_TRACE]),
            )
            .order_by(col(DeliveryRow.sending_at).desc())
            .limit(most)
        )
        states = rows.all()
        return next((place for place, status in enumerate(states) if status not in _UNTAKEN), len(states))

    async def fate(self, account_id: str, period: Period) -> Fate:
        """Of the nights of a period."""
        by = col(DeliveryRow.status), col(DeliveryRow.reason)
        rows = await self._session.exec(
            select(*by, func.count(func.distinct(DeliveryRow.user_key)))
            .join(DeliveryAccount, col(DeliveryAccount.delivery_id) == col(DeliveryRow.id))
            .where(
                DeliveryAccount.customer_id == account_id,
                DeliveryRow.night >= period.from_date,
                DeliveryRow.night <= period.to_date,
            )
            .group_by(*by)
        )
        mailed, withheld = 0, Counter[str]()
        for status, reason, people in rows:
            if status in MAILED:
                mailed += people
            elif reason:
                withheld[reason] += people
        ordered = {each.value: withheld[each.value] for each in Reason if withheld[each.value]}
        return Fate(mailed=mailed, withheld=ordered)

    async def record(self, change: SwitchChange) -> None:
        self._session.add(SwitchChangeRow(**change.model_dump()))

    async def last_change(self) -> SwitchChange | None:
        rows = await self._session.exec(
            select(SwitchChangeRow).order_by(col(SwitchChangeRow.id).desc()).limit(1)
        )
        row = rows.first()
        return SwitchChange.model_validate(row.model_dump(exclude={"id"})) if row else None

    async def _count(self, statement: object) -> int:
        return int((await self._session.exec(statement)).one())  # type: ignore[call-overload]
