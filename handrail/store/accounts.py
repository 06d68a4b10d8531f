"""Accounts in the store."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from handrail.domain.accounts import Account, GroupProfile
from handrail.engine import keys
from handrail.store.tables import Customer


class Accounts:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def all(self) -> list[Account]:
        rows = await self._session.exec(select(Customer).order_by(Customer.name, Customer.id))
        return [_account(row) for row in rows]

    async def by_ids(self, ids: Sequence[str]) -> list[Account]:
        rows = await self._session.exec(select(Customer).where(col(Customer.id).in_(ids)))
        return [_account(row) for row in rows]

    async def keep(
        self, profiles: Sequence[GroupProfile], *, project_id: int, now: datetime
    ) -> dict[str, str]:
        """Insert or update accounts; answers our id by Mixpanel id."""
        known = {row.mixpanel_group_id: row for row in await self._session.exec(select(Customer))}
        for profile in profiles:
            row = known.get(profile.mixpanel_id)
            if row is None:
                row = Customer(
                    id=keys.account_uuid(project_id, profile.mixpanel_id),
                    mixpanel_group_id=profile.mixpanel_id,
                    name=profile.name,
                    created_at=now,
                    updated_at=now,
                )
                known[profile.mixpanel_id] = row
            row.name, row.domain = profile.name, profile.domain
            row.internal, row.opted_out = profile.internal, profile.opted_out
            row.updated_at = now
            self._session.add(row)
        await self._session.flush()
        return {mixpanel_id: row.id for mixpanel_id, row in known.items()}


def _account(row: Customer) -> Account:
    return Account(
        id=row.id,
        mixpanel_id=row.mixpanel_group_id,
        name=row.name,
        domain=row.domain,
        internal=row.internal,
        opted_out=row.opted_out,
    )
