"""Alerts in the store, and the daily figures that they are made of."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

import sqlalchemy
from sqlalchemy import case, func
from sqlmodel import Field, SQLModel, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from handrail.domain.alerts import Alert, AlertKind, AlertState
from handrail.domain.periods import Period
from handrail.store.tables import (
    EventDay,
    FeatureDayRow,
    MixpanelFunnel,
    MixpanelMetric,
    Sync,
    SyncedDay,
    UserDay,
    perhaps,
)

columns: Any = sqlalchemy.select
"""SQLModel's own takes four columns at most."""


class AlertRow(SQLModel, table=True):
    """One alert; of all accounts where `customer_id` is empty."""

    __tablename__ = "alerts"

    id: str = Field(primary_key=True)
    customer_id: str = Field(index=True)
    kind: str
    state: str = Field(index=True)
    raised_on: date
    told_on: date = Field(index=True)
    seen_on: date
    closed_at: datetime | None = perhaps()
    document: str = Field(description="The Alert as JSON.")


class Alerts:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def keep(self, alerts: Iterable[Alert]) -> None:
        for each in alerts:
            await self._session.merge(
                AlertRow(
                    id=each.id,
                    customer_id=each.account_id,
                    kind=each.kind.value,
                    state=each.state,
                    raised_on=each.raised_on,
                    told_on=each.told_on,
                    seen_on=each.seen_on,
                    closed_at=each.closed_at,
                    document=each.model_dump_json(),
                )
            )

    async def get(self, alert_id: str) -> Alert | None:
        row = await self._session.get(AlertRow, alert_id)
        return Alert.model_validate_json(row.document) if row else None

    async def remembered(self, since: date) -> list[Alert]:
        """Those that are open, and closed ones that were seen on this day or later."""
        return await self._read((col(AlertRow.state) == "open") | (col(AlertRow.seen_on) >= since))

    async def find(
        self, *, account_id: str | None = None, kind: AlertKind | None = None, state: AlertState | None = None
    ) -> list[Alert]:
        """Those told last first; None takes any."""
        wanted: list[Any] = []
        if account_id is not None:
            wanted.append(col(AlertRow.customer_id) == account_id)
        if kind is not None:
            wanted.append(col(AlertRow.kind) == kind.value)
        if state is not None:
            wanted.append(col(AlertRow.state) == state)
        return await self._read(*wanted)

    async def told(self, night: date) -> list[Alert]:
        """Open ones that are new, or worse, that night."""
        return await self._read(col(AlertRow.told_on) == night, col(AlertRow.state) == "open")

    async def dismissals(self) -> dict[tuple[str, AlertKind], int]:
        """How often alerts of an account and kind were dismissed."""
        rows = await self._session.exec(
            select(AlertRow.customer_id, AlertRow.kind, func.count())
            .where(AlertRow.state == "dismissed")
            .group_by(col(AlertRow.customer_id), col(AlertRow.kind))
        )
        return {(account, AlertKind(kind)): count for account, kind, count in rows.all()}

    async def open_counts(self) -> dict[str, int]:
        """How many are open, by account id."""
        rows = await self._session.exec(
            select(AlertRow.customer_id, func.count())
            .where(AlertRow.state == "open")
            .group_by(col(AlertRow.customer_id))
        )
        return dict(rows.all())

    async def newest_night(self) -> date | None:
        return (await self._session.exec(select(func.max(AlertRow.seen_on)))).one()

    async def _read(self, *wanted: Any) -> list[Alert]:
        rows = await self._session.exec(
            select(AlertRow.document).where(*wanted).order_by(col(AlertRow.told_on).desc(), col(AlertRow.id))
        )
        return [Alert.model_validate_json(document) for document in rows]


class Sweep:
    """The daily figures of all accounts, as plain rows: there are hundreds of thousands."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def synced_days(self, period: Period) -> set[date]:
        day = SyncedDay.metric_date
        return {each for (each,) in await self._rows(columns(day).where(*_within(day, period)))}

    async def days(self, period: Period) -> Sequence[tuple[str, date, int, int, int]]:
        """Account, day, events, users, sessions."""
        table = MixpanelMetric
        wanted = (
            table.customer_id,
            table.metric_date,
            table.total_events,
            table.unique_users,
            table.sessions,
        )
        return await self._rows(columns(*wanted).where(*_within(table.metric_date, period)))

    async def features(self, period: Period) -> Sequence[tuple[str, date, str, int, int]]:
        """Account, day, feature, attempts, errors."""
        table = FeatureDayRow
        wanted = (table.customer_id, table.metric_date, table.feature, table.attempts, table.errors)
        return await self._rows(columns(*wanted).where(*_within(table.metric_date, period)))

    async def funnels(self, period: Period) -> Sequence[tuple[str, date, int, str, int, int]]:
        """Account, day, funnel, its name, people who entered on that day, and who completed of them."""
        table = MixpanelFunnel
        wanted = (
            table.customer_id,
            table.metric_date,
            table.funnel_id,
            table.funnel_name,
            table.entered_users,
            table.completed_users,
        )
        days = (*_within(table.metric_date, period), table.from_date == table.metric_date)
        return await self._rows(columns(*wanted).where(*days, table.cohort == ""))

    async def regulars(self, base: Period, last: date, least_days: int) -> Sequence[tuple[str, int, date]]:
        """Account, days inside the base, and last day up to `last`, of users with so many days; no key."""
        day = col(UserDay.metric_date)
        inside = func.sum(case((day <= base.to_date, 1), else_=0))
        by = (UserDay.customer_id, UserDay.user_key)
        return await self._rows(
            columns(UserDay.customer_id, inside, func.max(day))
            .where(day >= base.from_date, day <= last)
            .group_by(*by)
            .having(inside >= least_days)
        )

    async def names(self, period: Period) -> dict[tuple[str, date], int]:
        """Events of all accounts by name and day."""
        by = (EventDay.event, EventDay.metric_date)
        rows = await self._rows(
            columns(*by, func.sum(EventDay.total)).where(*_within(EventDay.metric_date, period)).group_by(*by)
        )
        return {(event, at): total for event, at, total in rows}

    async def named(self, events: Sequence[str], period: Period) -> Sequence[tuple[str, date, int]]:
        """Account, day, and how many of these events."""
        by = (EventDay.customer_id, EventDay.metric_date)
        return await self._rows(
            columns(*by, func.sum(EventDay.total))
            .where(col(EventDay.event).in_(events), *_within(EventDay.metric_date, period))
            .group_by(*by)
        )

    async def samples(self, since: date, last: date) -> list[tuple[int, int]]:
        """Events, and those that name an account, of the last sync that reached each of these days."""
        reached = col(Sync.to_date)
        rows = await self._rows(
            columns(Sync.to_date, Sync.events, Sync.events_with_account)
            .where(Sync.status == "done", reached >= since, reached <= last)
            .order_by(reached, Sync.finished_at)
        )
        return list({day: (events, covered) for day, events, covered in rows}.values())

    async def _rows(self, statement: Any) -> Sequence[Any]:
        rows: Any = await self._session.exec(statement)
        return [tuple(row) for row in rows.all()]


def _within(column: Any, period: Period) -> tuple[Any, Any]:
    return column >= period.from_date, column <= period.to_date
