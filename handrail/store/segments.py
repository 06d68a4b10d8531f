"""The users of accounts in the store: in numbers, never one by one."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta

from sqlalchemy import delete, func, insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from handrail.domain.metrics import USER_DAYS_KEPT
from handrail.domain.segments import AccountUsers, Seen
from handrail.store.tables import AccountUsersRow, MixpanelMetric, UserDay


class Segments:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def active_since(self, as_of: date) -> date | None:
        """The oldest day whose users are all kept; None where there is no such day."""
        first = (await self._session.exec(select(func.min(MixpanelMetric.metric_date)))).one()
        return max(first, as_of - timedelta(days=USER_DAYS_KEPT)) if first and first <= as_of else None

    async def seen(self, since: date, until: date) -> dict[str, dict[str, Seen]]:
        """By account id and user key: the first and the last day of activity, both days included."""
        day = col(UserDay.metric_date)
        rows = await self._session.exec(
            select(col(UserDay.customer_id), col(UserDay.user_key), func.min(day), func.max(day))
            .where(day >= since, day <= until)
            .group_by(col(UserDay.customer_id), col(UserDay.user_key))
        )
        found: dict[str, dict[str, Seen]] = defaultdict(dict)
        for account, user, first, last in rows:
            found[account][user] = Seen(first=first, last=last)
        return found

    async def replace(self, counted: Sequence[AccountUsers]) -> None:
        """Keep these figures in place of all earlier ones."""
        await self._session.exec(delete(AccountUsersRow))
        rows = [{"customer_id": one.account_id, "document": one.model_dump_json()} for one in counted]
        if rows:
            await self._session.exec(insert(AccountUsersRow), params=rows)

    async def of(self, account_id: str) -> AccountUsers | None:
        row = await self._session.get(AccountUsersRow, account_id)
        return AccountUsers.model_validate_json(row.document) if row else None
