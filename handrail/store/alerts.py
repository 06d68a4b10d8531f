"""Alerts in the store, and the daily figures that they are made of."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime

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
        wanted = []
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

    async def newest_night(self) -> date | None:
        return (await self._session.exec(select(func.max(AlertRow.seen_on)))).one()

    async def _read(self, *wanted: object) -> list[Alert]:
        rows = await self._session.exec(
            select(AlertRow.document)
            .where(*wanted)  # type: ignore[arg-type]
            .order_by(col(AlertRow.told_on).desc(), col(AlertRow.id))
        )
        return [Alert.model_validate_json(document) for document in rows]


class Sweep:
    """The daily figures of all accounts, as plain rows: there are hundreds of thousands."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def synced_days(self, period: Period) -> set[date]:
        day = col(SyncedDay.metric_date)
        rows = await self._session.exec(
            select(SyncedDay.metric_date).where(day >= period.from_date, day <= period.to_date)
        )
        return set(rows)

    async def days(self, period: Period) -> Sequence[tuple[str, date, int, int, int]]:
        """Account, day, events, users, sessions."""
        day = col(MixpanelMetric.metric_date)
        rows = await self._session.exec(
            select(  # type: ignore[call-overload]
                MixpanelMetric.customer_id,
                MixpanelMetric.metric_date,
                MixpanelMetric.total_events,
                MixpanelMetric.unique_users,
                MixpanelMetric.sessions,
            ).where(day >= period.from_date, day <= period.to_date)
        )
        return [tuple(row) for row in rows.all()]

    async def features(self, period: Period) -> Sequence[tuple[str, date, str, int, int]]:
        """Account, day, feature, attempts, errors."""
        day = col(FeatureDayRow.metric_date)
        rows = await self._session.exec(
            select(  # type: ignore[call-overload]
                FeatureDayRow.customer_id,
                FeatureDayRow.metric_date,
                FeatureDayRow.feature,
                FeatureDayRow.attempts,
                FeatureDayRow.errors,
            ).where(day >= period.from_date, day <= period.to_date)
        )
        return [tuple(row) for row in rows.all()]

    async def funnels(self, period: Period) -> Sequence[tuple[str, date, int, str, int, int]]:
        """Account, day, funnel, its name, people who entered on that day, and who completed of them."""
        day = col(MixpanelFunnel.metric_date)
        rows = await self._session.exec(
            select(  # type: ignore[call-overload]
                MixpanelFunnel.customer_id,
                MixpanelFunnel.metric_date,
                MixpanelFunnel.funnel_id,
                MixpanelFunnel.funnel_name,
                MixpanelFunnel.entered_users,
                MixpanelFunnel.completed_users,
            ).where(
                day >= period.from_date,
                day <= period.to_date,
                MixpanelFunnel.from_date == MixpanelFunnel.metric_date,
                MixpanelFunnel.cohort == "",
            )
        )
        return [tuple(row) for row in rows.all()]

    async def regulars(self, base: Period, last: date, least_days: int) -> list[tuple[str, int, date]]:
        """Account, days inside the base, and last day up to `last`, of users with so many days; no key."""
        day = col(UserDay.metric_date)
        inside = func.sum(case((day <= base.to_date, 1), else_=0))
        rows = await self._session.exec(
            select(UserDay.customer_id, inside, func.max(day))
            .where(day >= base.from_date, day <= last)
            .group_by(col(UserDay.customer_id), col(UserDay.user_key))
            .having(inside >= least_days)
        )
        return [(account, days, seen) for account, days, seen in rows.all()]

    async def names(self, period: Period) -> dict[tuple[str, date], int]:
        """Events of all accounts by name and day."""
        day = col(EventDay.metric_date)
        rows = await self._session.exec(
            select(EventDay.event, EventDay.metric_date, func.sum(EventDay.total))
            .where(day >= period.from_date, day <= period.to_date)
            .group_by(col(EventDay.event), day)
        )
        return {(event, at): total for event, at, total in rows.all()}

    async def named(self, events: Sequence[str], period: Period) -> Sequence[tuple[str, date, int]]:
        """Account, day, and how many of these events."""
        day = col(EventDay.metric_date)
        rows = await self._session.exec(
            select(EventDay.customer_id, EventDay.metric_date, func.sum(EventDay.total))
            .where(col(EventDay.event).in_(events), day >= period.from_date, day <= period.to_date)
            .group_by(col(EventDay.customer_id), day)
        )
        return list(rows.all())

    async def samples(self, since: date, last: date) -> list[tuple[int, int]]:
        """Events, and those that name an account, of the last sync that reached each of these days."""
        rows = await self._session.exec(
            select(Sync)
            .where(Sync.status == "done", col(Sync.to_date) >= since, col(Sync.to_date) <= last)
            .order_by(col(Sync.to_date), col(Sync.finished_at))
        )
        by_day = {row.to_date: (row.events, row.events_with_account) for row in rows}
        return list(by_day.values())
