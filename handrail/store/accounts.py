"""Accounts in the store."""

import json
from collections.abc import Sequence
from datetime import datetime

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from handrail.domain.accounts import Account, AccountFacts, GroupProfile
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
            row.name, row.domain = row.given_name or profile.name, profile.domain
            row.internal, row.opted_out = profile.internal, profile.opted_out
            row.updated_at = now
            self._session.add(row)
        await self._session.flush()
        return {mixpanel_id: row.id for mixpanel_id, row in known.items()}

    async def describe(
        self, facts: Sequence[tuple[int, AccountFacts]], *, project_id: int, now: datetime
    ) -> tuple[int, list[int]]:
        """Take over what the company says of its accounts: (accounts described, lines that fit none).

        An id that Mixpanel has not told yet makes a new account; a name has to be known.
        """
        rows = list(await self._session.exec(select(Customer)))
        by_id = {row.mixpanel_group_id: row for row in rows}
        by_name = {row.name.casefold(): row for row in rows}
        described, unknown = 0, []
        for line, fact in facts:
            row = by_id.get(fact.id) if fact.id else by_name.get(fact.name.casefold())
            if row is None and fact.id:
                row = Customer(
                    id=keys.account_uuid(project_id, fact.id),
                    mixpanel_group_id=fact.id,
                    name=fact.name or fact.id,
                    created_at=now,
                    updated_at=now,
                )
                by_id[fact.id] = row
            if row is None:
                unknown.append(line)
                continue
            _describe(row, fact, now)
            self._session.add(row)
            described += 1
        await self._session.flush()
        return described, unknown


def _describe(row: Customer, fact: AccountFacts, now: datetime) -> None:
    if fact.id and fact.name:
        row.given_name = row.name = fact.name
    row.aliases = json.dumps(fact.aliases, ensure_ascii=False)
    row.domains = json.dumps([domain.lower() for domain in fact.domains], ensure_ascii=False)
    row.segment, row.arr, row.csm = fact.segment, fact.arr, fact.csm
    row.renewal, row.churned_at, row.updated_at = fact.renewal, fact.churned_at, now


def _account(row: Customer) -> Account:
    return Account(
        id=row.id,
        mixpanel_id=row.mixpanel_group_id,
        name=row.name,
        domain=row.domain,
        aliases=tuple(json.loads(row.aliases)),
        domains=tuple(json.loads(row.domains)),
        segment=row.segment,
        arr=row.arr,
        csm=row.csm,
        renewal=row.renewal,
        churned_at=row.churned_at,
        internal=row.internal,
        opted_out=row.opted_out,
    )
