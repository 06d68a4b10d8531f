"""Deliveries in the store, their links, and the switches that stop them."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, insert, or_, true
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from handrail.domain.deliveries import Chosen, Delivery, Reason, Status
from handrail.domain.periods import Period
from handrail.store.histories import MAILED
from handrail.store.mail_tables import DeliveryAccount, DeliveryRow, Link, OptOut, Pause
from handrail.store.once import once
from handrail.store.tables import UserDay

_BLOCK = 500


class Deliveries:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def get(self, delivery_id: str) -> Delivery | None:
        row = await self._session.get(DeliveryRow, delivery_id)
        return (await self._deliveries([row]))[0] if row else None

    async def among(self, delivery_ids: Sequence[str]) -> dict[str, Delivery]:
        """Those of these ids that were decided on before."""
        found: list[DeliveryRow] = []
        for at in range(0, len(delivery_ids), _BLOCK):
            some = delivery_ids[at : at + _BLOCK]
            found += await self._session.exec(select(DeliveryRow).where(col(DeliveryRow.id).in_(some)))
        return {each.id: each for each in await self._deliveries(found)}

    async def with_status(self, night: date, statuses: Collection[Status]) -> set[str]:
        """Ids of a night's mails that stand so."""
        rows = await self._session.exec(
            select(DeliveryRow.id).where(
                DeliveryRow.night == night, col(DeliveryRow.status).in_([each.value for each in statuses])
            )
        )
        return set(rows.all())

    async def of_night(self, night: date) -> list[Delivery]:
        rows = await self._session.exec(
            select(DeliveryRow).where(DeliveryRow.night == night).order_by(col(DeliveryRow.id))
        )
        return await self._deliveries(rows.all())

    async def unknown(self, night: date | None = None) -> list[Delivery]:
        """Mails whose outcome is unknown, of a night or of all."""
        statement = select(DeliveryRow).where(DeliveryRow.status == Status.UNKNOWN.value)
        if night is not None:
            statement = statement.where(DeliveryRow.night == night)
        return await self._deliveries((await self._session.exec(statement)).all())

    async def tried_again(self, night: date) -> int:
        """Attempts beyond the first, over all mails of a night."""
        return await self._count(
            select(func.coalesce(func.sum(DeliveryRow.attempts - 1), 0)).where(
                DeliveryRow.night == night, DeliveryRow.attempts > 1
            )
        )

    async def counts(self, period: Period, feature: str = "") -> list[tuple[str, Status, str, int]]:
        """(feature, status, reason, decisions) of the nights of a period."""
        by = (col(DeliveryRow.feature), col(DeliveryRow.status), col(DeliveryRow.reason))
        statement = (
            select(*by, func.count())
            .where(DeliveryRow.night >= period.from_date, DeliveryRow.night <= period.to_date)
            .group_by(*by)
            .order_by(*by)
        )
        if feature:
            statement = statement.where(DeliveryRow.feature == feature)
        rows = await self._session.exec(statement)
        return [(slug, Status(status), reason, count) for slug, status, reason, count in rows]

    async def listed(
        self, period: Period, chosen: Chosen, *, after: tuple[date, str] | None = None, limit: int
    ) -> list[Delivery]:
        """Decisions of the nights of a period, newest night first, then by id; after the one of a place."""
        rows = await self._session.exec(
            _chosen(select(DeliveryRow), period, chosen)
            .where(_beyond(after) if after else true())
            .order_by(col(DeliveryRow.night).desc(), col(DeliveryRow.id))
            .limit(limit)
        )
        return await self._deliveries(rows.all())

    async def states(self, period: Period, chosen: Chosen) -> list[tuple[Status, str, int]]:
        """(status, reason, decisions) of the nights of a period."""
        by = (col(DeliveryRow.status), col(DeliveryRow.reason))
        statement = _chosen(select(*by, func.count()), period, chosen).group_by(*by).order_by(*by)
        rows = await self._session.exec(statement)
        return [(Status(status), reason, count) for status, reason, count in rows]

    async def due(self, now: datetime, limit: int) -> list[Delivery]:
        """Planned mails whose time has come, longest waiting first."""
        rows = await self._session.exec(
            select(DeliveryRow)
            .where(DeliveryRow.status == Status.PLANNED.value, col(DeliveryRow.due_at) <= now)
            .order_by(col(DeliveryRow.due_at), col(DeliveryRow.id))
            .limit(limit)
        )
        return await self._deliveries(rows.all())

    async def forget(self, night: date) -> None:
        """Drop the night's decisions; sensible only in a transaction that is thrown away."""
        ids = select(col(DeliveryRow.id)).where(DeliveryRow.night == night)
        await self._session.exec(delete(DeliveryAccount).where(col(DeliveryAccount.delivery_id).in_(ids)))
        await self._session.exec(delete(DeliveryRow).where(col(DeliveryRow.night) == night))

    async def approve(self, delivery_ids: Sequence[str], review_id: str, now: datetime) -> None:
        """A person said yes: those that waited for it are due now, those that wait for hours keep waiting."""
        for row in await self._undecided(delivery_ids):
            if row.reason == Reason.NEEDS_APPROVAL.value:
                row.status, row.due_at = Status.PLANNED.value, now
            row.review_id = review_id
            self._session.add(row)

    async def reject(self, delivery_ids: Sequence[str], review_id: str) -> None:
        """A person said no: nobody asks about these again."""
        for row in await self._undecided(delivery_ids):
            row.status, row.reason = Status.WITHHELD.value, Reason.NEEDS_APPROVAL.value
            row.review_id, row.detail = review_id, "rejected"
            self._session.add(row)

    async def tell(self, delivery_ids: Sequence[str], tutorial_id: str) -> None:
        """Those that nobody decided on get this text instead."""
        for row in await self._undecided(delivery_ids):
            row.tutorial_id = tutorial_id
            self._session.add(row)

    async def _undecided(self, delivery_ids: Sequence[str]) -> Sequence[DeliveryRow]:
        found: list[DeliveryRow] = []
        for at in range(0, len(delivery_ids), _BLOCK):
            rows = await self._session.exec(
                select(DeliveryRow).where(
                    col(DeliveryRow.id).in_(delivery_ids[at : at + _BLOCK]),
                    col(DeliveryRow.status).in_([Status.PLANNED.value, Status.WITHHELD.value]),
                    col(DeliveryRow.reason).in_([Reason.NEEDS_APPROVAL.value, Reason.QUIET_HOURS.value]),
                )
            )
            found.extend(rows.all())
        return found

    async def keep(self, delivery: Delivery) -> Delivery:
        """Insert a decision, or replace the earlier one of the same night, person and feature.

        Answers it with the attempts counted.
        """
        row = await self._session.get(DeliveryRow, delivery.id)
        values = delivery.model_dump(exclude={"account_ids"}, mode="python")
        values["status"] = delivery.status.value
        values["attempts"] = row.attempts if row else 0
        if delivery.status is Status.SENDING:
            values["sending_at"] = delivery.decided_at
            values["attempts"] += 1
        if row is None:
            row = DeliveryRow(**values)
            self._session.add(row)
            await self._session.flush()
            for account in delivery.account_ids:
                self._session.add(DeliveryAccount(delivery_id=delivery.id, customer_id=account))
        else:
            for name, value in values.items():
                setattr(row, name, value)
            self._session.add(row)
        await self._session.flush()
        return delivery.model_copy(update={"attempts": values["attempts"]})

    async def keep_all(self, deliveries: Sequence[Delivery]) -> None:
        """Keep decisions of which none lets a mail go; those that are new in two statements."""
        before = await self.among([each.id for each in deliveries])
        new = [each for each in deliveries if each.id not in before]
        for each in deliveries:
            if each.id in before:
                await self.keep(each)
        if not new:
            return
        rows = [each.model_dump(exclude={"account_ids"}) | {"status": each.status.value} for each in new]
        await self._session.exec(insert(DeliveryRow), params=rows)
        accounts = [
            {"delivery_id": each.id, "customer_id": account} for each in new for account in each.account_ids
        ]
        if accounts:
            await self._session.exec(insert(DeliveryAccount), params=accounts)

    async def settle(
        self,
        delivery_id: str,
        status: Status,
        detail: str,
        *,
        reason: str | None = None,
        due_at: datetime | None = None,
    ) -> None:
        """Write down what became of a mail that was being sent; what is known is never made unclear again.

        `due_at`: it certainly did not leave, and is asked about again then.
        """
        statement = select(DeliveryRow).where(DeliveryRow.id == delivery_id).with_for_update()
        row = (await self._session.exec(statement)).one()
        if row.status == Status.SENT.value:
            return
        row.status, row.detail = status.value, detail
        if reason is not None:
            row.reason, row.due_at = reason, due_at
        self._session.add(row)

    async def interrupted(
        self, among: Sequence[str] | None = None, *, begun_before: datetime | None = None
    ) -> int:
        """Mails that are being sent become unknown, for their sender is gone; answers how many.

        Those of these ids, whose sender the caller has replaced, or all that were begun before an instant.
        A sender that lives after all settles them the better for it.
        """
        sending = select(DeliveryRow).where(DeliveryRow.status == Status.SENDING.value)
        if begun_before is not None:
            sending = sending.where(col(DeliveryRow.sending_at) < begun_before)
        rows = (await self._session.exec(sending)).all()
        ours = None if among is None else set(among)
        found = [row for row in rows if ours is None or row.id in ours]
        for row in found:
            row.status, row.detail = Status.UNKNOWN.value, "interrupted"
            self._session.add(row)
        return len(found)

    async def _count(self, statement: Any) -> int:
        return int((await self._session.exec(statement)).one())

    async def add_link(self, token: str, delivery_id: str, purpose: str, target: str, now: datetime) -> None:
        """Remember one token of a mail. `target` is empty where the purpose says it all."""
        self._session.add(
            Link(token=token, delivery_id=delivery_id, purpose=purpose, target=target, created_at=now)
        )

    async def link_target(self, token: str, purpose: str) -> tuple[str, str] | None:
        """(delivery id, target) of a token that was made for this purpose."""
        row = await self._session.get(Link, token)
        return (row.delivery_id, row.target) if row is not None and row.purpose == purpose else None

    async def link(self, delivery_id: str, purpose: str) -> str | None:
        """A delivery's token for a purpose."""
        rows = await self._session.exec(
            select(Link.token).where(Link.delivery_id == delivery_id, Link.purpose == purpose).limit(1)
        )
        return rows.first()

    async def opt_out(self, user_key: str, kind: str, now: datetime) -> None:
        """Remember that this person is not to be mailed; the earliest reason stays, whenever it is told."""
        row = await self._session.get(OptOut, user_key)
        if row is None:
            self._session.add(OptOut(user_key=user_key, kind=kind, at=now))
        elif (now, kind) < (row.at, row.kind):
            row.at, row.kind = now, kind
            self._session.add(row)

    async def untold_opt_outs(self) -> list[str]:
        """People who unsubscribed with us, of whom no place outside knows."""
        rows = await self._session.exec(
            select(OptOut.user_key)
            .where(OptOut.kind == "unsubscribed", col(OptOut.told_at).is_(None))
            .order_by(col(OptOut.user_key))
        )
        return list(rows.all())

    async def told_opt_outs(self, user_keys: Sequence[str], now: datetime) -> None:
        for at in range(0, len(user_keys), _BLOCK):
            rows = await self._session.exec(
                select(OptOut).where(col(OptOut.user_key).in_(user_keys[at : at + _BLOCK]))
            )
            for row in rows:
                row.told_at = now
                self._session.add(row)

    async def recall(self, delivery: Delivery) -> None:
        """A mail that left after the backup which these tables come from: it counts as sent at that time.

        Of several to one person in one night whose features are not known there is one row.
        """
        rows = await self._session.exec(
            select(DeliveryRow).where(
                DeliveryRow.night == delivery.night,
                DeliveryRow.user_key == delivery.user_key,
                DeliveryRow.feature == delivery.feature,
            )
        )
        row = rows.first()
        if row is None or row.id == delivery.id:
            await self.keep(delivery)
            row = await self._session.get_one(DeliveryRow, delivery.id)
        row.sending_at, row.attempts = delivery.decided_at, max(row.attempts, 1)
        self._session.add(row)

    async def accounts_of(self, user_keys: Collection[str]) -> dict[str, tuple[str, ...]]:
        """The accounts in which these people were active, as far as that is kept."""
        known = sorted(user_keys)
        found: defaultdict[str, list[str]] = defaultdict(list)
        for at in range(0, len(known), _BLOCK):
            rows = await self._session.exec(
                select(UserDay.user_key, UserDay.customer_id)
                .where(col(UserDay.user_key).in_(known[at : at + _BLOCK]))
                .distinct()
            )
            for user_key, account in rows:
                found[user_key].append(account)
        return {user_key: tuple(sorted(accounts)) for user_key, accounts in found.items()}

    async def mailed(self) -> set[str]:
        """Everybody to whom a mail left, or may have."""
        rows = await self._session.exec(
            select(DeliveryRow.user_key).where(col(DeliveryRow.status).in_(MAILED)).distinct()
        )
        return set(rows.all())

    async def features(self) -> set[str]:
        """Every feature of which a mail was ever decided on."""
        return set((await self._session.exec(select(DeliveryRow.feature).distinct())).all())

    async def opted_out(self) -> int:
        """How many people are not to be mailed any more."""
        return await self._count(select(func.count()).select_from(OptOut))

    async def pause(self, scope: str, now: datetime) -> None:
        if await self._session.get(Pause, scope) is None:
            self._session.add(Pause(scope=scope, at=now))

    async def resume(self, scope: str) -> None:
        row = await self._session.get(Pause, scope)
        if row is not None:
            await self._session.delete(row)

    @once
    async def pauses(self) -> list[str]:
        rows = await self._session.exec(select(Pause.scope).order_by(col(Pause.scope)))
        return list(rows.all())

    async def _deliveries(self, rows: Sequence[DeliveryRow]) -> list[Delivery]:
        accounts: defaultdict[str, list[str]] = defaultdict(list)
        for at in range(0, len(rows), _BLOCK):
            some = [row.id for row in rows[at : at + _BLOCK]]
            found = await self._session.exec(
                select(DeliveryAccount.delivery_id, DeliveryAccount.customer_id).where(
                    col(DeliveryAccount.delivery_id).in_(some)
                )
            )
            for delivery_id, account in found:
                accounts[delivery_id].append(account)
        return [
            Delivery.model_validate({**row.model_dump(), "account_ids": tuple(accounts[row.id])})
            for row in rows
        ]


def _chosen(statement: Any, period: Period, chosen: Chosen) -> Any:
    """The statement over deliveries, narrowed to what was asked for."""
    statement = statement.where(DeliveryRow.night >= period.from_date, DeliveryRow.night <= period.to_date)
    for name in ("status", "reason", "feature"):
        if wanted := getattr(chosen, name):
            statement = statement.where(getattr(DeliveryRow, name) == wanted)
    if chosen.account_id:
        own = select(DeliveryAccount.delivery_id).where(DeliveryAccount.customer_id == chosen.account_id)
        statement = statement.where(col(DeliveryRow.id).in_(own))
    return statement


def _beyond(place: tuple[date, str]) -> ColumnElement[bool]:
    night, delivery_id = place
    return or_(
        col(DeliveryRow.night) < night,
        and_(col(DeliveryRow.night) == night, col(DeliveryRow.id) > delivery_id),
    )
