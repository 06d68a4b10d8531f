"""Reasons in the store: numbered when first seen, named or rejected by an operator."""

from collections.abc import Mapping
from datetime import date

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from handrail.domain.reasons import ReasonStatus, SeenReason
from handrail.store.writing_tables import ErrorReason

MOST_NUMBERED = 50
"""For each feature; anybody can send events with new reasons."""


class Reasons:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def seen(
        self, feature: str, reasons: Mapping[str, tuple[str, int]], day: date
    ) -> dict[str, SeenReason]:
        """Number the new ones; answers each by its key, without those that came after the fiftieth.

        `reasons`: by key, the code (empty where it does not read like one) and how many people met it.
        """
        rows = {row.reason_key: row for row in await self._rows(feature)}
        number = max((row.number for row in rows.values()), default=0)
        # The commonest first, so that noise cannot push them out.
        for key, (code, people) in sorted(reasons.items(), key=lambda each: (-each[1][1], each[0])):
            if key not in rows:
                if number >= MOST_NUMBERED:
                    continue
                number += 1
                rows[key] = ErrorReason(
                    feature=feature, number=number, reason_key=key, code=code, first_seen=day, last_seen=day
                )
                self._session.add(rows[key])
            if day >= rows[key].last_seen:
                rows[key].people, rows[key].last_seen = people, day
        await self._session.flush()
        return {key: _seen(rows[key]) for key in reasons if key in rows}

    async def all(self, feature: str = "") -> list[SeenReason]:
        """Those that wait first, then by how many people met them."""
        found = [_seen(row) for row in await self._rows(feature)]
        return sorted(found, key=lambda one: (one.status != "listed", -one.people, one.feature, one.number))

    async def decide(self, feature: str, number: int, status: ReasonStatus, name: str = "") -> bool:
        """Approve or reject one; False if there is none."""
        row = await self._session.get(ErrorReason, (feature, number))
        if row is None:
            return False
        row.status, row.name = status, name
        return True

    async def _rows(self, feature: str) -> list[ErrorReason]:
        statement = select(ErrorReason).order_by(col(ErrorReason.feature), col(ErrorReason.number))
        if feature:
            statement = statement.where(ErrorReason.feature == feature)
        return list(await self._session.exec(statement))


def _seen(row: ErrorReason) -> SeenReason:
    return SeenReason.model_validate(row.model_dump(exclude={"reason_key"}))
