"""Two accounts that turn out to be one company: what is kept of one becomes the other's."""

from collections.abc import Callable
from datetime import date
from typing import Any

from sqlalchemy import delete, exists, func, update
from sqlalchemy.orm import aliased
from sqlmodel import SQLModel, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from handrail.domain.alerts import Alert
from handrail.domain.struggles import Struggle
from handrail.engine.marks import MARK_BYTES, union
from handrail.store.alerts import AlertRow
from handrail.store.churn_tables import PastDayRow, ReplayRow
from handrail.store.health_tables import AccountHealthRow, HealthDayRow, SentimentRow
from handrail.store.mail_tables import DeliveryAccount, Pause
from handrail.store.tables import (
    AccountId,
    AccountTotals,
    AccountUsersRow,
    Customer,
    EventDay,
    EventHour,
    FeatureDayRow,
    FunnelMeasurement,
    MixpanelFunnel,
    MixpanelMetric,
    StruggleAccount,
    StruggleRow,
    UserDay,
    ValueDay,
)

Add = Callable[[Any, Any], None]
"""Adds the figures of the second row to the first."""


async def merge(session: AsyncSession, survivor: Customer, merged: Customer) -> None:
    """Re-point every row of `merged`, add up days that both have, and delete it.

    Users stay exact where user days or marks are kept, 100 and 30 days; before that the larger figure of
    the two stands. Funnels measured of both, users in numbers, scores, and days replayed for churn are
    dropped: they were of a part, and the next night counts them as one. What CSMs felt, and alerts with
    what was said to them, become the survivor's.
    """
    ids = survivor.id, merged.id
    await _add_events(session, ids)
    await _repoint(session, UserDay, ("metric_date", "user_key"), ids)
    await _repoint(session, DeliveryAccount, ("delivery_id",), ids)
    await _repoint(session, SentimentRow, ("id",), ids)
    await _move_alerts(session, ids)
    for table, add in (
        (MixpanelMetric, _add_metric),
        (EventDay, _add_marked),
        (ValueDay, _add_marked),
        (EventHour, _add_hour),
        (FeatureDayRow, _add_feature),
    ):
        await _add_up(session, table, ids, add)
    await _count_users(session, survivor)
    await _merge_funnels(session, ids)
    for counted in (AccountUsersRow, HealthDayRow, AccountHealthRow, PastDayRow):
        await session.exec(delete(counted).where(col(counted.customer_id).in_(ids)))
    for whole in (ReplayRow, AccountTotals):
        await session.exec(delete(whole))
    await session.exec(
        update(AccountId).where(col(AccountId.customer_id) == merged.id).values(customer_id=ids[0])
    )
    await _move_struggles(session, ids)
    await _repoint(session, StruggleAccount, ("night", "user_key", "feature"), ids, "account_id")
    paused = await session.get(Pause, f"account:{merged.id}")
    if paused is not None:
        await session.merge(Pause(scope=f"account:{survivor.id}", at=paused.at))
        await session.delete(paused)
    survivor.opted_out = survivor.opted_out or merged.opted_out
    survivor.internal = survivor.internal or merged.internal
    survivor.mixpanel_churned_at = left(survivor.mixpanel_churned_at, merged.mixpanel_churned_at)
    await session.delete(merged)
    await session.flush()


def left(*churned: date | None) -> date | None:
    """When a company left: with the last of its ids, and not while one of them is there."""
    dates = [each for each in churned if each is not None]
    return max(dates) if len(dates) == len(churned) else None


async def _move_alerts(session: AsyncSession, ids: tuple[str, str]) -> None:
    """What both have open of one kind and subject stays once: as it was raised for the survivor."""
    rows = (await session.exec(select(AlertRow).where(col(AlertRow.customer_id).in_(ids)))).all()
    alerts = {row.id: Alert.model_validate_json(row.document) for row in rows}
    told = {
        (one.kind, one.subject) for one in alerts.values() if (one.account_id, one.state) == (ids[0], "open")
    }
    for row in rows:
        one = alerts[row.id]
        if row.customer_id == ids[0]:
            continue
        if one.state == "open" and (one.kind, one.subject) in told:
            await session.delete(row)
            continue
        row.customer_id = ids[0]
        row.document = one.model_copy(update={"account_id": ids[0]}).model_dump_json()
        session.add(row)
    await session.flush()


async def _move_struggles(session: AsyncSession, ids: tuple[str, str]) -> None:
    """Who was active in both struggles in one account, and is named there once."""
    rows = await session.exec(select(StruggleRow).where(col(StruggleRow.document).contains(ids[1])))
    for row in rows:
        one = Struggle.model_validate_json(row.document)
        accounts = dict.fromkeys(ids[0] if each == ids[1] else each for each in one.account_ids)
        row.document = one.model_copy(update={"account_ids": tuple(accounts)}).model_dump_json()
        session.add(row)
    await session.flush()


async def _repoint(
    session: AsyncSession,
    table: type[Any],
    key: tuple[str, ...],
    ids: tuple[str, str],
    account: str = "customer_id",
) -> None:
    """Rows whose key the survivor has already are dropped. `account`: the column that names the account."""
    other = aliased(table)
    twin = exists().where(
        getattr(other, account) == ids[0], *(getattr(other, name) == getattr(table, name) for name in key)
    )
    mine = col(getattr(table, account)) == ids[1]
    await session.exec(
        update(table)
        .where(mine, ~twin)
        .values({account: ids[0]})
        .execution_options(synchronize_session=False)
    )
    await session.exec(delete(table).where(mine))


async def _add_events(session: AsyncSession, ids: tuple[str, str]) -> None:
    """To the survivor's days of a user, the events of the same user's days in the other."""
    other = aliased(UserDay)
    twin = (
        col(other.customer_id) == ids[1],
        col(other.metric_date) == col(UserDay.metric_date),
        col(other.user_key) == col(UserDay.user_key),
    )
    await session.exec(
        update(UserDay)
        .where(col(UserDay.customer_id) == ids[0], exists().where(*twin))
        .values(events=col(UserDay.events) + select(other.events).where(*twin).scalar_subquery())
        .execution_options(synchronize_session=False)
    )


async def _add_up(session: AsyncSession, table: type[Any], ids: tuple[str, str], add: Add) -> None:
    keys = [column.name for column in table.__table__.primary_key if column.name not in ("id", "customer_id")]
    keys = keys or ["metric_date"]
    rows = (await session.exec(select(table).where(table.customer_id.in_(ids)))).all()
    mine = {_key(row, keys): row for row in rows if row.customer_id == ids[0]}
    for row in rows:
        if row.customer_id == ids[0]:
            continue
        twin = mine.get(_key(row, keys))
        if twin is not None:
            add(twin, row)
        else:
            values = row.model_dump(exclude={"id"})
            session.add(table(**{**values, "customer_id": ids[0]}))
        await session.delete(row)
    await session.flush()


def _key(row: SQLModel, keys: list[str]) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in keys)


def _add_metric(into: MixpanelMetric, row: MixpanelMetric) -> None:
    into.total_events += row.total_events
    into.sessions += row.sessions
    into.unique_users = max(into.unique_users, row.unique_users)


def _add_marked(into: EventDay | ValueDay, row: EventDay | ValueDay) -> None:
    into.total += row.total
    if into.marks is None or row.marks is None:
        into.users, into.marks = max(into.users, row.users), None
        return
    into.marks = union([into.marks, row.marks])
    into.users = len(into.marks) // MARK_BYTES


def _add_hour(into: EventHour, row: EventHour) -> None:
    into.total += row.total


def _add_feature(into: FeatureDayRow, row: FeatureDayRow) -> None:
    """Users of both are added up: nothing is kept that would tell who is in both."""
    for name in set(FeatureDayRow.model_fields) - {"customer_id", "metric_date", "feature"}:
        setattr(into, name, getattr(into, name) + getattr(row, name))


async def _count_users(session: AsyncSession, survivor: Customer) -> None:
    """Users of a day from the user days, which hold everybody of both once."""
    counted = await session.exec(
        select(col(UserDay.metric_date), func.count())
        .where(UserDay.customer_id == survivor.id)
        .group_by(col(UserDay.metric_date))
    )
    users = dict(counted.all())
    for row in await session.exec(select(MixpanelMetric).where(MixpanelMetric.customer_id == survivor.id)):
        row.mixpanel_group_id = survivor.mixpanel_group_id
        row.unique_users = users.get(row.metric_date, row.unique_users)
        row.avg_events_per_user = row.total_events / row.unique_users if row.unique_users else 0.0
        session.add(row)


async def _merge_funnels(session: AsyncSession, ids: tuple[str, str]) -> None:
    rows = (await session.exec(select(MixpanelFunnel).where(col(MixpanelFunnel.customer_id).in_(ids)))).all()
    keys = ["funnel_id", "metric_date", "from_date", "cohort"]
    mine = {_key(row, keys): row for row in rows if row.customer_id == ids[0]}
    for row in rows:
        twin = mine.get(_key(row, keys))
        if row.customer_id == ids[0]:
            continue
        if twin is None:
            row.customer_id = ids[0]
            session.add(row)
        else:
            await session.delete(row)
            await session.delete(twin)
    # Nothing counts as measured any more: the next night counts all of it again, of both as one.
    await session.exec(delete(FunnelMeasurement))
    await session.flush()
