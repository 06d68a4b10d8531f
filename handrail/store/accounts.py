"""Accounts in the store."""

import json
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, func, or_
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from handrail.domain.accounts import Account, AccountFacts, GroupProfile
from handrail.engine import keys
from handrail.engine.text import shown
from handrail.errors import CallerError
from handrail.store.merging import left, merge
from handrail.store.once import once
from handrail.store.tables import AccountId, Customer


class Accounts:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    @once
    async def all(self) -> list[Account]:
        return await self._read()

    async def version(self) -> tuple[object, ...]:
        """Differs once an account came, went or was changed."""
        rows = await self._session.exec(select(func.count(), func.max(Customer.updated_at)))
        return tuple(rows.one())

    async def by_ids(self, ids: Sequence[str]) -> list[Account]:
        return await self._read(col(Customer.id).in_(ids))

    @once
    async def named(self, name: str) -> list[Account]:
        """Those of this very name, id or Mixpanel id."""
        names = (Customer.id, Customer.mixpanel_group_id, Customer.name)
        return await self._read(or_(*(col(each) == name for each in names)))

    async def _read(self, *where: ColumnElement[bool]) -> list[Account]:
        """By name, each with its further Mixpanel ids."""
        rows = await self._session.exec(
            select(Customer, AccountId.mixpanel_id)
            .outerjoin(AccountId, col(AccountId.customer_id) == col(Customer.id))
            .where(*where)
            .order_by(col(Customer.name), col(Customer.id), col(AccountId.mixpanel_id))
        )
        found: dict[str, tuple[Customer, list[str]]] = {}
        for row, other in rows:
            found.setdefault(row.id, (row, []))[1].extend([other] if other else [])
        return [_account(*each) for each in found.values()]

    async def same(self) -> dict[str, str]:
        """From further Mixpanel ids of accounts to the one that each is kept under."""
        rows = await self._session.exec(
            select(AccountId.mixpanel_id, Customer.mixpanel_group_id).join(
                Customer, col(Customer.id) == col(AccountId.customer_id)
            )
        )
        return dict(rows.all())

    async def ids(self) -> dict[str, str]:
        """Our id by Mixpanel id, further ones among them."""
        known = await self._session.exec(select(Customer.mixpanel_group_id, Customer.id))
        others = await self._session.exec(select(AccountId.mixpanel_id, AccountId.customer_id))
        return {**dict(known.all()), **dict(others.all())}

    async def keep(
        self, profiles: Sequence[GroupProfile], *, project_id: int, now: datetime
    ) -> dict[str, str]:
        """Insert or update accounts; answers our id by Mixpanel id.

        A profile of a further id lends its flags to the account, and says whether it has left, too.
        """
        known = {row.mixpanel_group_id: row for row in await self._session.exec(select(Customer))}
        same = await self.same()
        for profile in sorted(profiles, key=lambda profile: profile.mixpanel_id in same):
            row = known.get(same.get(profile.mixpanel_id, profile.mixpanel_id))
            if row is None:
                row = _new(profile.mixpanel_id, profile.name, project_id, now)
                known[profile.mixpanel_id] = row
            if profile.mixpanel_id in same:
                row.internal, row.opted_out = (
                    row.internal or profile.internal,
                    row.opted_out or profile.opted_out,
                )
                row.mixpanel_churned_at = left(row.mixpanel_churned_at, profile.churned_at)
                continue
            _rename(row, row.given_name or profile.name)
            row.domain = profile.domain
            row.internal, row.opted_out = profile.internal, profile.opted_out
            row.mixpanel_churned_at = profile.churned_at
            row.updated_at = now
            self._session.add(row)
        await self._session.flush()
        return {mixpanel_id: row.id for mixpanel_id, row in known.items()}

    async def describe(
        self, facts: Sequence[tuple[int, AccountFacts]], *, project_id: int, now: datetime
    ) -> tuple[int, list[int]]:
        """Take over what the company says of its accounts: (accounts described, lines that fit none).

        An id that Mixpanel has not told yet makes a new account; a name has to be known. Several ids become
        one account: what is kept of the others becomes its own.
        """
        rows = list(await self._session.exec(select(Customer)))
        by_id = {row.mixpanel_group_id: row for row in rows}
        by_name = {row.name.casefold(): row for row in rows}
        same = await self.same()
        described, unknown = 0, []
        for line, fact in facts:
            if fact.id in same:
                raise CallerError(
                    f"Line {line}: {fact.id!r} is one account with {same[fact.id]!r}; describe that."
                )
            row = by_id.get(fact.id) if fact.id else by_name.get(fact.name.casefold())
            if row is None and fact.id:
                row = by_id[fact.id] = _new(fact.id, fact.name or fact.id, project_id, now)
            if row is None:
                unknown.append(line)
                continue
            _describe(row, fact, now)
            self._session.add(row)
            await self._session.flush()
            for other in fact.mixpanel_ids[1:]:
                await self._unite(row, other, by_id, by_name)
            described += 1
        await self._session.flush()
        return described, unknown

    async def _unite(
        self, row: Customer, other: str, by_id: dict[str, Customer], by_name: dict[str, Customer]
    ) -> None:
        """Count what carries the other id for this account, from now on and in what is kept."""
        known = await self._session.get(AccountId, other)
        if known is not None and known.customer_id != row.id:
            raise CallerError(f"{other!r} is one account with another id already: it cannot be two.")
        merged = by_id.pop(other, None)
        if merged is not None:
            by_name.pop(merged.name.casefold(), None)
            by_name[row.name.casefold()] = row
            _remember(row, merged.name)
            for name in json.loads(merged.former_names):
                _remember(row, name)
            await merge(self._session, row, merged)
        if known is None:
            self._session.add(AccountId(mixpanel_id=other, customer_id=row.id))
        await self._session.flush()


def _new(mixpanel_id: str, name: str, project_id: int, now: datetime) -> Customer:
    return Customer(
        id=keys.account_uuid(project_id, mixpanel_id),
        mixpanel_group_id=mixpanel_id,
        name=name,
        created_at=now,
        updated_at=now,
    )


def _rename(row: Customer, name: str) -> None:
    """The name it had so far stays one that finds it."""
    if name != row.name:
        _remember(row, row.name)
        row.name = name


def _remember(row: Customer, name: str) -> None:
    former = json.loads(row.former_names)
    if name not in (row.mixpanel_group_id, shown(row.mixpanel_group_id), *former):
        row.former_names = json.dumps([*former, name], ensure_ascii=False)


def _describe(row: Customer, fact: AccountFacts, now: datetime) -> None:
    if fact.id and fact.name:
        row.given_name = fact.name
        _rename(row, fact.name)
    row.aliases = json.dumps(fact.aliases, ensure_ascii=False)
    row.domains = json.dumps([domain.lower() for domain in fact.domains], ensure_ascii=False)
    row.segment, row.arr, row.csm = fact.segment, fact.arr, fact.csm
    row.renewal, row.churned_at, row.updated_at = fact.renewal, fact.churned_at, now


def _account(row: Customer, others: Sequence[str]) -> Account:
    former = (name for name in json.loads(row.former_names) if name != row.name)
    return Account(
        id=row.id,
        mixpanel_id=row.mixpanel_group_id,
        name=shown(row.name) or shown(row.mixpanel_group_id),
        domain=shown(row.domain),
        aliases=tuple(dict.fromkeys([*json.loads(row.aliases), *former, *others])),
        domains=tuple(json.loads(row.domains)),
        segment=row.segment,
        arr=row.arr,
        csm=row.csm,
        renewal=row.renewal,
        churned_at=row.churned_at or row.mixpanel_churned_at,
        internal=row.internal,
        opted_out=row.opted_out,
    )
