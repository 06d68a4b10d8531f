"""Feedback in the store: one row an event, however often it was told; one row of answers a mail."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, case, func, insert
from sqlalchemy.orm import Mapped
from sqlmodel import col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from handrail.domain.feedback import Answer, AnswerCount, FeedbackKind, MailEvent, OptOutKind
from handrail.domain.periods import Period
from handrail.engine.keys import OWN_CLICK
from handrail.store.histories import STAYED
from handrail.store.mail_tables import (
    AnswerRow,
    DeliveryRow,
    FeedbackRow,
    SuppressedAddress,
    SuppressionLists,
)

_BLOCK = 500


class Feedback:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def keep(self, events: Sequence[MailEvent]) -> list[MailEvent]:
        """Keep those that are not known yet, under their key or under the service's id; answers which."""
        keys = await self._known(col(FeedbackRow.key), [each.key for each in events])
        ids = await self._known(
            col(FeedbackRow.event_id), [each.event_id for each in events if each.event_id]
        )
        new = []
        for each in events:
            if each.key not in keys and each.event_id not in ids:
                new.append(each)
                keys.add(each.key)
                ids |= {each.event_id} - {""}
        rows = [each.model_dump(exclude={"opts_out"}) | {"kind": each.kind.value} for each in new]
        if rows:
            await self._session.exec(insert(FeedbackRow), params=rows)
        return new

    async def _known(self, column: Mapped[str], values: Sequence[str]) -> set[str]:
        """Those of the values that stand in this column."""
        found: set[str] = set()
        for at in range(0, len(values), _BLOCK):
            some = values[at : at + _BLOCK]
            found |= set(await self._session.exec(select(column).where(column.in_(some))))
        return found

    async def of(self, delivery_ids: Sequence[str]) -> dict[str, list[tuple[FeedbackKind, datetime]]]:
        """What was told of these mails, oldest first; opens and clicks of machines are left out."""
        rows = await self._session.exec(
            select(FeedbackRow)
            .where(col(FeedbackRow.delivery_id).in_(delivery_ids), col(FeedbackRow.by_machine).is_(False))
            .order_by(col(FeedbackRow.at))
        )
        found: dict[str, list[tuple[FeedbackKind, datetime]]] = {}
        for row in rows:
            found.setdefault(row.delivery_id, []).append((FeedbackKind(row.kind), row.at))
        return found

    async def told(self, period: Period, feature: str = "") -> dict[str, Counter[frozenset[FeedbackKind]]]:
        """Of the mails of these nights, by feature: how many were told the same kinds of. No machines.

        Of clicks only those through our own redirect.
        """
        bit = case({kind.value: 1 << at for at, kind in enumerate(FeedbackKind)}, value=FeedbackRow.kind)
        kinds = func.sum(func.distinct(bit)).label("kinds")
        mails = (
            select(DeliveryRow.feature, kinds)
            .join(DeliveryRow, col(DeliveryRow.id) == col(FeedbackRow.delivery_id))
            .where(
                *_mailed(period),
                col(FeedbackRow.by_machine).is_(False),
                or_(
                    col(FeedbackRow.kind) != FeedbackKind.CLICKED.value,
                    col(FeedbackRow.key).startswith(OWN_CLICK),
                ),
            )
            .group_by(col(DeliveryRow.feature), col(FeedbackRow.delivery_id))
        )
        if feature:
            mails = mails.where(DeliveryRow.feature == feature)
        each = mails.subquery()
        alike = select(each.c.feature, each.c.kinds, func.count()).group_by(each.c.feature, each.c.kinds)
        found: dict[str, Counter[frozenset[FeedbackKind]]] = {}
        for slug, bits, count in await self._session.exec(alike):
            told = frozenset(kind for at, kind in enumerate(FeedbackKind) if int(bits) >> at & 1)
            found.setdefault(slug, Counter())[told] += count
        return found

    async def answer(self, delivery_id: str, *, helpful: bool, at: datetime) -> None:
        """Keep whether the mail helped; the last answer counts."""
        row = await self._answers_of(delivery_id, at)
        row.helpful, row.at = helpful, at

    async def needs_help(self, delivery_id: str, at: datetime) -> None:
        """Keep that the reader of this mail asked for more help; of the reader nothing."""
        row = await self._answers_of(delivery_id, at)
        if not row.needs_help:
            row.needs_help, row.at = True, at

    async def read_for(self, delivery_id: str, seconds: int, at: datetime) -> None:
        """Keep how long a visit of the page was; the longest counts, so a repeat changes nothing."""
        row = await self._answers_of(delivery_id, at)
        if seconds > row.seconds:
            row.seconds, row.at = seconds, at

    async def answers(self, delivery_ids: Sequence[str]) -> dict[str, Answer]:
        rows = await self._session.exec(select(AnswerRow).where(col(AnswerRow.delivery_id).in_(delivery_ids)))
        return {row.delivery_id: Answer.model_validate(row.model_dump()) for row in rows}

    async def answered(self, period: Period, feature: str = "") -> dict[str, AnswerCount]:
        """What readers of the mails of these nights said, counted by feature."""
        statement = (
            select(
                DeliveryRow.feature,
                func.count().filter(col(AnswerRow.helpful).is_(True)),
                func.count().filter(col(AnswerRow.helpful).is_(False)),
                func.count().filter(col(AnswerRow.needs_help).is_(True)),
            )
            .join(AnswerRow, col(AnswerRow.delivery_id) == col(DeliveryRow.id))
            .where(*_mailed(period))
            .group_by(col(DeliveryRow.feature))
        )
        if feature:
            statement = statement.where(DeliveryRow.feature == feature)
        return {
            slug: AnswerCount(yes=yes, no=no, needs_help=needs_help)
            for slug, yes, no, needs_help in await self._session.exec(statement)
        }

    async def _answers_of(self, delivery_id: str, at: datetime) -> AnswerRow:
        row = await self._session.get(AnswerRow, delivery_id) or AnswerRow(delivery_id=delivery_id, at=at)
        self._session.add(row)
        return row

    async def suppress(self, address_key: str, kind: OptOutKind, at: datetime) -> None:
        """Nobody is mailed at this address any more; the first reason stays."""
        if await self._session.get(SuppressedAddress, address_key) is None:
            self._session.add(SuppressedAddress(address_key=address_key, kind=kind, at=at))

    async def suppressed(self, address_key: str) -> str | None:
        """Why this address is not mailed, if it is not."""
        row = await self._session.get(SuppressedAddress, address_key)
        return row.kind if row else None

    async def lists_read(self, at: datetime) -> None:
        await self._session.merge(SuppressionLists(id=1, read_at=at))

    async def lists_read_at(self) -> datetime | None:
        row = await self._session.get(SuppressionLists, 1)
        return row.read_at if row else None


def _mailed(period: Period) -> tuple[ColumnElement[bool], ...]:
    """Mails of these nights. Of most decisions, which were not to mail, nothing is ever told."""
    night = col(DeliveryRow.night)
    return night >= period.from_date, night <= period.to_date, col(DeliveryRow.status).not_in(STAYED)
