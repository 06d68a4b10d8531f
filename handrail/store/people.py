"""One person in the store: everything that is kept under their key, and how it goes.

Tables are found by their columns: one that is added later with a `user_key` or a `delivery_id` is told and
erased like the others.
"""

import json
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Table, and_, delete, update
from sqlmodel import SQLModel, col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from handrail.domain.deliveries import Status
from handrail.domain.reviews import ReviewStatus
from handrail.engine.keys import review_id
from handrail.engine.marks import MARK_BYTES, split
from handrail.store.access_tables import RepeatRow
from handrail.store.mail_tables import DeliveryRow, OptOut, ReviewRow, WrittenBack
from handrail.store.tables import EventDay, StruggleRow, UserDay, ValueDay

Row = dict[str, Any]

STAYS = "opt_outs"
"""That somebody is not to be mailed outlives all else that is known of them."""

UNNAMED = "user_days"
"""Accounts' users are counted from these: the rows stay, under a random key that leads to nobody."""

Marked = TypeVar("Marked", EventDay, ValueDay)


class PeopleRows:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def erased(self) -> frozenset[str]:
        """Keys of people who were erased: nothing of them is read any more."""
        rows = await self._session.exec(select(OptOut.user_key).where(col(OptOut.erased_at).is_not(None)))
        return frozenset(rows)

    async def deliveries(self, user_key: str) -> list[str]:
        """Ids of this person's mails, also of those that were never decided on."""
        found: set[str] = set()
        for ids in (
            select(DeliveryRow.id).where(DeliveryRow.user_key == user_key),
            select(StruggleRow.delivery_id).where(StruggleRow.user_key == user_key),
        ):
            found.update(await self._session.exec(ids))
        return sorted(found - {""})

    async def is_being_mailed(self, user_key: str) -> bool:
        """Whether a mail to this person is leaving right now."""
        rows = await self._session.exec(
            select(DeliveryRow.id).where(
                DeliveryRow.user_key == user_key, DeliveryRow.status == Status.SENDING.value
            )
        )
        return rows.first() is not None

    async def everything(self, user_key: str, mark: bytes) -> dict[str, list[Row]]:
        """Every row that is about this person, by table; of marks the rows that hold the person's."""
        ids = await self.deliveries(user_key)
        found: dict[str, list[Row]] = {}
        for table in SQLModel.metadata.sorted_tables:
            if (about := _about(table, user_key, ids)) is not None:
                told = await (await self._session.connection()).execute(table.select().where(about))
                found[table.name] = [_plain(row) for row in told.mappings()]
        events = await self._marked(EventDay, user_key, mark)
        values = await self._marked(ValueDay, user_key, mark)
        for name, held in (("event_days", events), ("value_days", values)):
            found[name] = [_plain(row.model_dump(exclude={"marks"})) for row in held]
        return {name: rows for name, rows in sorted(found.items()) if rows}

    async def erase(self, user_key: str, mark: bytes, now: datetime) -> Counter[str]:
        """Drop every row about this person, or make it nobody's; answers how many rows those were, by table.

        That they are not to be mailed stays, or is written down now.
        """
        ids = await self.deliveries(user_key)
        gone: Counter[str] = Counter()
        gone["event_days"] += await self._unmark(EventDay, user_key, mark)
        gone["value_days"] += await self._unmark(ValueDay, user_key, mark)
        gone["reviews"] += await self._leave_reviews(ids)
        for table in reversed(SQLModel.metadata.sorted_tables):
            about = _about(table, user_key, ids)
            if about is None or table.name in (STAYS, ReviewRow.__tablename__):
                continue
            statement: Any = delete(table).where(about)
            if table.name == UNNAMED:
                statement = update(table).where(about).values(user_key=secrets.token_hex(32))
            gone[table.name] += (await self._session.exec(statement)).rowcount
        kept = await self._session.get(OptOut, user_key) or OptOut(user_key=user_key, kind="erased", at=now)
        kept.erased_at = now
        self._session.add(kept)
        return +gone

    async def _marked(self, table: type[Marked], user_key: str, mark: bytes) -> list[Marked]:
        """Rows that hold this mark; they are of days on which the person was active."""
        rows = await self._session.exec(
            select(table)
            .join(
                UserDay,
                and_(
                    col(UserDay.customer_id) == table.customer_id,
                    col(UserDay.metric_date) == table.metric_date,
                ),
            )
            .where(UserDay.user_key == user_key, col(table.marks).is_not(None))
        )
        return [row for row in rows if mark in split(row.marks or b"")]

    async def _unmark(self, table: type[Marked], user_key: str, mark: bytes) -> int:
        """Put a random mark in the place of this one, so that every count stays."""
        rows, instead = await self._marked(table, user_key, mark), secrets.token_bytes(MARK_BYTES)
        for row in rows:
            row.marks = b"".join(instead if each == mark else each for each in split(row.marks or b""))
            self._session.add(row)
        return len(rows)

    async def _leave_reviews(self, ids: Sequence[str]) -> int:
        """Take these mails out of the audiences; a review is then called after those who are left."""
        rows = (await self._session.exec(select(ReviewRow).where(_holds(ReviewRow.deliveries, ids)))).all()
        for row in rows:
            left = [each for each in json.loads(row.deliveries) if each not in ids]
            values = row.model_dump() | {
                "id": review_id(row.night, row.text_hash, left),
                "deliveries": json.dumps(left),
            }
            await self._session.exec(
                update(DeliveryRow).where(col(DeliveryRow.review_id) == row.id).values(review_id=values["id"])
            )
            await self._session.delete(row)
            await self._session.flush()
            if left or row.status != ReviewStatus.WAITING.value:
                await self._session.merge(ReviewRow(**values))
        return len(rows)


def _about(table: Table, user_key: str, ids: Sequence[str]) -> ColumnElement[bool] | None:
    """Which rows of a table are about this person; None where none can be."""
    columns, special = table.columns, _SPECIAL.get(table.name)
    if special is not None:
        return special(user_key, ids)
    if "user_key" in columns:
        return columns["user_key"] == user_key
    if "delivery_id" in columns:
        return columns["delivery_id"].in_(ids)
    return None


_SPECIAL: dict[str, Callable[[str, Sequence[str]], ColumnElement[bool]]] = {
    str(WrittenBack.__tablename__): lambda _, ids: or_(
        *(col(WrittenBack.key).endswith(f"/{each}", autoescape=True) for each in ids), False
    ),
    str(ReviewRow.__tablename__): lambda _, ids: _holds(ReviewRow.deliveries, ids),
    str(RepeatRow.__tablename__): lambda user_key, ids: _holds(RepeatRow.answer, [user_key, *ids]),
}


def _holds(column: Any, texts: Iterable[str]) -> ColumnElement[bool]:
    return or_(*(col(column).contains(each, autoescape=True) for each in texts), False)


def _plain(values: Any) -> Row:
    """Values as JSON has them."""
    return {
        name: value if isinstance(value, str | int | float | None) else value.isoformat()
        for name, value in dict(values).items()
    }
