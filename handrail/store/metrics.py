"""Account figures in the store: days, users, events, hours and syncs."""

from collections.abc import Collection, Sequence
from datetime import date, timedelta
from typing import Any, cast

from sqlalchemy import delete, func, insert, update
from sqlmodel import SQLModel, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from handrail.domain.metrics import (
    USER_DAYS_KEPT,
    AccountDay,
    DayTables,
    EventCount,
    EventUse,
    FeatureDay,
    SyncRecord,
    Totals,
    ValueCount,
    ValueKind,
)
from handrail.domain.periods import Period
from handrail.engine.breakdowns import Group
from handrail.engine.marks import MARK_BYTES, split, union
from handrail.store.once import once
from handrail.store.seeing import OF_ALL
from handrail.store.tables import (
    AccountTotals,
    Customer,
    EventDay,
    EventHour,
    FeatureDayRow,
    MixpanelMetric,
    Sync,
    UserDay,
    ValueDay,
)

MARKS_KEPT = 30
_BLOCK = 2000


class Metrics:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def replace_days(self, tables: DayTables, ids: dict[str, str], span: tuple[date, date]) -> None:
        """Replace every figure of the days of `span` (both included) at once."""
        for table in (MixpanelMetric, UserDay, EventDay, EventHour, ValueDay, FeatureDayRow):
            day = col(table.metric_date)
            await self._session.exec(delete(table).where(day >= span[0], day <= span[1]))
        await self._fill(MixpanelMetric, [_metric(row, ids[row.mixpanel_id]) for row in tables.account_days])
        await self._fill(
            UserDay,
            [
                {"customer_id": ids[a], "metric_date": day, "user_key": user, "events": events}
                for a, day, user, events in tables.user_days
            ],
        )
        await self._fill(
            EventHour,
            [
                {"customer_id": ids[a], "metric_date": day, "hour": hour, "total": total}
                for a, day, hour, total in tables.hours
            ],
        )
        for counted, rows in (
            (EventDay, tables.event_days),
            (ValueDay, tables.value_days),
            (FeatureDayRow, tables.feature_days),
        ):
            await self._fill(counted, [_counted(row, ids[row.account]) for row in rows])
        await self._session.exec(
            delete(AccountTotals).where(
                col(AccountTotals.from_date) <= span[1], col(AccountTotals.to_date) >= span[0]
            )
        )
        await self._forget(span[1])

    async def _forget(self, last: date) -> None:
        """What stands for single persons is not kept for ever."""
        oldest = last - timedelta(days=USER_DAYS_KEPT)
        await self._session.exec(delete(UserDay).where(col(UserDay.metric_date) < oldest))
        oldest = last - timedelta(days=MARKS_KEPT)
        for table in (EventDay, ValueDay):
            old = col(table.metric_date) <= oldest, col(table.marks).is_not(None)
            await self._session.exec(update(table).where(*old).values(marks=None))

    async def _fill(self, table: type[SQLModel], rows: list[dict[str, Any]]) -> None:
        for at in range(0, len(rows), _BLOCK):
            await self._session.exec(insert(table), params=rows[at : at + _BLOCK])

    async def days(self, account_id: str, period: Period) -> list[AccountDay]:
        """The account's days with events, oldest first."""
        rows = await self._session.exec(
            select(MixpanelMetric)
            .where(MixpanelMetric.customer_id == account_id, *_within(MixpanelMetric.metric_date, period))
            .order_by(col(MixpanelMetric.metric_date))
        )
        return [
            AccountDay(
                mixpanel_id=row.mixpanel_group_id,
                day=row.metric_date,
                total_events=row.total_events,
                unique_users=row.unique_users,
                sessions=row.sessions,
            )
            for row in rows
        ]

    async def keep_totals(self, period: Period) -> None:
        """Count a period that many will ask for; it stands until one of its days is read again."""
        await self._session.exec(delete(AccountTotals).where(*_exactly(period)))
        rows = [
            {
                "from_date": period.from_date,
                "to_date": period.to_date,
                "customer_id": account,
                **found.model_dump(),
            }
            for account, found in (await self._summed(period)).items()
        ]
        await self._fill(AccountTotals, rows)

    async def forget_totals(self, before: date) -> None:
        """Drop those of periods that ended earlier: nobody asks for them any more."""
        await self._session.exec(delete(AccountTotals).where(col(AccountTotals.to_date) < before))

    async def totals(self, period: Period) -> dict[str, Totals]:
        """Totals by account id over the period; accounts without an event are left out."""
        kept = await self._session.exec(select(AccountTotals).where(*_exactly(period)))
        found = {row.customer_id: Totals.model_validate(row, from_attributes=True) for row in kept}
        return found or await self._summed(period)

    async def totals_of(self, account_id: str, period: Period) -> Totals | None:
        """The account's totals over the period, None without an event."""
        return (await self._summed(period, account_id)).get(account_id)

    async def _summed(self, period: Period, account_id: str = "") -> dict[str, Totals]:
        within: list[Any] = [*_within(MixpanelMetric.metric_date, period)]
        seen: list[Any] = [*_within(UserDay.metric_date, period)]
        if account_id:
            within.append(MixpanelMetric.customer_id == account_id)
            seen.append(UserDay.customer_id == account_id)
        sums = await self._session.exec(
            select(
                MixpanelMetric.customer_id,
                func.sum(MixpanelMetric.total_events),
                func.sum(MixpanelMetric.sessions),
                func.count(col(MixpanelMetric.id)),
            )
            .where(*within)
            .group_by(col(MixpanelMetric.customer_id))
        )
        users = await self._session.exec(
            select(UserDay.customer_id, func.count(func.distinct(UserDay.user_key)))
            .where(*seen)
            .group_by(col(UserDay.customer_id))
        )
        unique = dict(users.all())
        return {
            account: Totals(
                total_events=events, unique_users=unique.get(account, 0), sessions=sessions, active_days=days
            )
            for account, events, sessions, days in sums
        }

    async def totals_before(self, period: Period) -> dict[str, Totals]:
        """Totals of the period before, empty unless figures reach back over all of it."""
        before = period.before()
        return await self.totals(before) if await self.reaches(before) else {}

    async def events_by_day(self, accounts: Collection[str], period: Period) -> dict[tuple[str, date], int]:
        """Events of these accounts by (account id, day); days without one are not there."""
        rows = await self._session.exec(
            select(
                col(MixpanelMetric.customer_id),
                col(MixpanelMetric.metric_date),
                col(MixpanelMetric.total_events),
            ).where(
                col(MixpanelMetric.customer_id).in_(accounts), *_within(MixpanelMetric.metric_date, period)
            )
        )
        return {(account, day): events for account, day, events in rows}

    @once
    async def reaches(self, period: Period) -> bool:
        """Whether figures reach back to the period's first day: half a period is nothing to compare with."""
        first = await self.first_day()
        return first is not None and first <= period.from_date

    async def top_events(self, account_id: str, period: Period, limit: int) -> list[EventUse]:
        """The commonest events; their users are known while the marks of all of the period's days are."""
        within = EventDay.customer_id == account_id, *_within(EventDay.metric_date, period)
        top = await self._session.exec(
            select(EventDay.event, func.sum(EventDay.total))
            .where(*within)
            .group_by(col(EventDay.event))
            .order_by(func.sum(EventDay.total).desc(), col(EventDay.event))
            .limit(limit)
        )
        totals = dict(top.all())
        marked = await self._session.exec(
            select(col(EventDay.event), col(EventDay.marks)).where(*within, col(EventDay.event).in_(totals))
        )
        marks: dict[str, list[bytes | None]] = {}
        for event, row in marked.all():
            marks.setdefault(event, []).append(row)
        return [EventUse(event, total, _users(marks[event])) for event, total in totals.items()]

    async def values(self, account_id: str, period: Period, name: str) -> list[Group]:
        """What was counted of the property's values; groups of any size, not folded yet."""
        rows = await self._session.exec(
            select(ValueDay).where(
                ValueDay.customer_id == account_id,
                ValueDay.property == name,
                *_within(ValueDay.metric_date, period),
            )
        )
        found: dict[tuple[ValueKind, str], list[ValueDay]] = {}
        for row in rows:
            found.setdefault((cast("ValueKind", row.kind), row.value), []).append(row)
        return [
            Group(
                kind=kind,
                label=label,
                total=sum(row.total for row in days),
                marks=frozenset(mark for row in days for mark in split(row.marks or b"")),
                daily_users=max(row.users for row in days),
                whole=all(row.marks is not None for row in days),
            )
            for (kind, label), days in found.items()
        ]

    async def commonest_event(self, period: Period) -> str:
        """The event that happened most often, empty if there was none."""
        rows = await self._session.exec(
            select(EventDay.event)
            .where(*_within(EventDay.metric_date, period))
            .group_by(col(EventDay.event))
            .order_by(func.sum(EventDay.total).desc(), col(EventDay.event))
            .limit(1)
        )
        return rows.first() or ""

    async def event_by_account(self, event: str, period: Period) -> dict[tuple[str, str], int]:
        """Totals of one event by (Mixpanel id of the account, ISO day)."""
        rows = await self._session.exec(
            select(col(Customer.mixpanel_group_id), col(EventDay.metric_date), col(EventDay.total))
            .join(Customer, col(Customer.id) == col(EventDay.customer_id))
            .where(EventDay.event == event, *_within(EventDay.metric_date, period))
        )
        return {(account, day.isoformat()): total for account, day, total in rows.all()}

    async def event_totals(self, events: Sequence[str], period: Period) -> dict[tuple[str, date], int]:
        """Totals of these events over all accounts, by name and day."""
        rows = await self._session.exec(
            select(col(EventDay.event), col(EventDay.metric_date), func.sum(EventDay.total))
            .where(col(EventDay.event).in_(events), *_within(EventDay.metric_date, period))
            .group_by(col(EventDay.event), col(EventDay.metric_date))
        )
        return {(event, day): total for event, day, total in rows}

    async def feature_days(self, period: Period) -> list[FeatureDay]:
        """How features went for all accounts; `account` is the account's id."""
        rows = await self._session.exec(
            select(FeatureDayRow).where(*_within(FeatureDayRow.metric_date, period))
        )
        return [
            FeatureDay(
                account=row.customer_id,
                day=row.metric_date,
                **row.model_dump(exclude={"customer_id", "metric_date"}),
            )
            for row in rows
        ]

    async def heatmap(self, account_id: str, period: Period) -> list[list[int]]:
        """Events by weekday (Monday first) and hour of the project's day."""
        rows = await self._session.exec(
            select(col(EventHour.metric_date), col(EventHour.hour), col(EventHour.total)).where(
                EventHour.customer_id == account_id, *_within(EventHour.metric_date, period)
            )
        )
        grid = [[0] * 24 for _ in range(7)]
        for day, hour, total in rows:
            grid[day.weekday()][hour] += total
        return grid

    @once
    async def last_sync(self) -> SyncRecord | None:
        """Of the syncs that are done and reach furthest, the newest: the last days are as old as it is."""
        rows = await self._session.exec(
            select(Sync)
            .where(Sync.status == "done")
            .order_by(col(Sync.to_date).desc(), col(Sync.finished_at).desc())
            .limit(1)
        )
        row = rows.first()
        return SyncRecord.model_validate(row.model_dump()) if row else None

    @once
    async def first_day(self) -> date | None:
        """The oldest day with figures."""
        first = select(func.min(MixpanelMetric.metric_date))
        return (await self._session.exec(first, execution_options=OF_ALL)).one()


def _users(days: Sequence[bytes | None]) -> int | None:
    """Different users over days, None if the marks of a day are gone."""
    known = [marks for marks in days if marks is not None]
    return len(union(known)) // MARK_BYTES if len(known) == len(days) else None


def _exactly(period: Period) -> tuple[Any, Any]:
    return col(AccountTotals.from_date) == period.from_date, col(AccountTotals.to_date) == period.to_date


def _within(column: Any, period: Period) -> tuple[Any, Any]:
    return column >= period.from_date, column <= period.to_date


def _metric(row: AccountDay, customer_id: str) -> dict[str, Any]:
    return {
        "customer_id": customer_id,
        "mixpanel_group_id": row.mixpanel_id,
        "metric_date": row.day,
        "total_events": row.total_events,
        "unique_users": row.unique_users,
        "sessions": row.sessions,
        "avg_events_per_user": row.total_events / row.unique_users if row.unique_users else 0.0,
    }


def _counted(row: EventCount | ValueCount | FeatureDay, customer_id: str) -> dict[str, Any]:
    figures = row._asdict()
    del figures["account"]
    day = figures.pop("day")
    return {**figures, "customer_id": customer_id, "metric_date": day}
