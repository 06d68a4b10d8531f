"""Accounts' health in the store: the days that scores are made of, the scores, and what CSMs feel."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import date, timedelta
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import and_, case, delete, func, insert
from sqlalchemy import select as columns
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from handrail.domain.health import (
    QUIET,
    REACH,
    WINDOW,
    AccountHistory,
    DayFigures,
    Glance,
    Health,
    HealthDay,
    History,
    People,
    Sentiment,
)
from handrail.domain.metrics import USER_DAYS_KEPT, FeatureDay
from handrail.domain.periods import Period
from handrail.store.health_tables import AccountHealthRow, HealthDayRow, SentimentRow
from handrail.store.tables import (
    AccountUsersRow,
    FeatureDayRow,
    FunnelMeasurement,
    MixpanelFunnel,
    MixpanelMetric,
    StruggleRow,
    SyncedDay,
    UserDay,
)

SEATS_KNOWN = 7
"""Days for which a count of the profiles is good."""

DAY_SECONDS = 86_400
_BLOCK = 2000
_USERS_OF = 84


class HealthRows:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def history(self, first: date, last: date) -> History:
        """All that the facts of the days from `first` to `last` are made of, users apart."""
        since = first - timedelta(days=REACH - 1)
        day = col(MixpanelMetric.metric_date)
        begun = await self._session.exec(
            select(MixpanelMetric.customer_id, func.min(day)).where(day <= last).group_by(
                col(MixpanelMetric.customer_id)
            )
        )  # fmt: skip
        days: dict[str, dict[date, DayFigures]] = defaultdict(dict)
        rows = await self._session.exec(
            select(
                col(MixpanelMetric.customer_id), day, col(MixpanelMetric.total_events),
                col(MixpanelMetric.unique_users),
            ).where(day >= since, day <= last)
        )  # fmt: skip
        for account, at, events, users in rows:
            days[account][at] = DayFigures(events, users)
        features = await self._features(since, last)
        funnels = await self._funnels(since, last)
        return History(
            accounts={
                account: AccountHistory(first_day, days[account], features[account], funnels[account])
                for account, first_day in begun.all()
            },
            known=await self._known(since, last),
            windows=await self._windows(),
        )

    async def _features(self, since: date, last: date) -> dict[str, dict[str, dict[date, FeatureDay]]]:
        day = col(FeatureDayRow.metric_date)
        names = [name for name in FeatureDay._fields if name not in ("account", "day", "feature")]
        rows = await self._rows(
            columns(
                col(FeatureDayRow.customer_id), day, col(FeatureDayRow.feature),
                *(getattr(FeatureDayRow, name) for name in names),
            ).where(day >= since, day <= last)
        )  # fmt: skip
        found: dict[str, dict[str, dict[date, FeatureDay]]] = defaultdict(lambda: defaultdict(dict))
        for row in rows:
            found[row[0]][row[2]][row[1]] = FeatureDay(*row)
        return found

    async def _funnels(self, since: date, last: date) -> dict[str, dict[int, dict[date, tuple[int, int]]]]:
        day = col(MixpanelFunnel.metric_date)
        rows = await self._rows(
            columns(
                col(MixpanelFunnel.customer_id), col(MixpanelFunnel.funnel_id), day,
                col(MixpanelFunnel.entered_users), col(MixpanelFunnel.completed_users),
            ).where(
                day >= since, day <= last,
                col(MixpanelFunnel.from_date) == day, col(MixpanelFunnel.cohort) == "",
            )
        )  # fmt: skip
        found: dict[str, dict[int, dict[date, tuple[int, int]]]] = defaultdict(lambda: defaultdict(dict))
        for account, funnel, at, entered, finished in rows:
            found[account][funnel][at] = entered, finished
        return found

    async def _known(self, since: date, last: date) -> Collection[date]:
        """The days that were read; a project day without any event is one, too."""
        day = col(SyncedDay.metric_date)
        return set((await self._session.exec(select(day).where(day >= since, day <= last))).all())

    async def _windows(self) -> dict[int, int]:
        """By funnel: days within which who entered can still finish; of those whose window is known."""
        longest = func.max(col(FunnelMeasurement.window_seconds))
        rows = await self._session.exec(
            select(FunnelMeasurement.funnel_id, longest).group_by(col(FunnelMeasurement.funnel_id))
        )
        return {funnel: -(-seconds // DAY_SECONDS) for funnel, seconds in rows.all() if seconds}

    async def people(self, as_of: date, accounts: Iterable[str]) -> dict[str, People]:
        """The users of these accounts in numbers, up to that day.

        Counted where users of the 84 days are still kept, else as they were counted then; accounts of which
        neither is known are left out. Seats and people who struggle are those that were kept of the day.
        """
        kept = await self._kept_people(as_of)
        if not await self._users_reach(as_of):
            return kept
        counted = await self._count(as_of)
        nobody = People(events=0, top_events=0, events_before=0, quiet_top_events=0)
        return {
            account: counted.get(account, nobody).model_copy(
                update=kept[account].model_dump(include={"seats", "seats_activated", "struggling"})
                if account in kept
                else {}
            )
            for account in accounts
        }

    async def _kept_people(self, as_of: date) -> dict[str, People]:
        rows = await self._session.exec(
            select(HealthDayRow.customer_id, HealthDayRow.people).where(HealthDayRow.metric_date == as_of)
        )
        return {account: People.model_validate_json(people) for account, people in rows.all()}

    async def _users_reach(self, as_of: date) -> bool:
        """Whether every user day of the 84 days that were ever read is still kept."""
        day = col(MixpanelMetric.metric_date)
        first, newest = (await self._session.exec(select(func.min(day), func.max(day)))).one()
        return first is not None and max(first, _back(as_of, _USERS_OF)) >= _back(newest, USER_DAYS_KEPT)

    async def _count(self, as_of: date) -> dict[str, People]:
        """One statement for the whole book: users first, then the accounts they are of."""
        day, events = col(UserDay.metric_date), col(UserDay.events)
        inside = day >= _back(as_of, WINDOW)
        before = and_(day >= _back(as_of, WINDOW + QUIET), day < _back(as_of, QUIET))
        users = (
            columns(
                col(UserDay.customer_id).label("account"),
                func.max(day).label("last"),
                func.sum(case((inside, events), else_=0)).label("now"),
                func.sum(case((before, events), else_=0)).label("then"),
                func.sum(case((and_(inside, events.is_(None)), 1), else_=0)).label("lost_now"),
                func.sum(case((and_(before, events.is_(None)), 1), else_=0)).label("lost_then"),
            )
            .where(day >= _back(as_of, _USERS_OF), day <= as_of)
            .group_by(col(UserDay.customer_id), col(UserDay.user_key))
            .subquery()
        ).c
        quiet = and_(users.last < _back(as_of, QUIET), users.last >= _back(as_of, WINDOW + QUIET))
        rows = await self._rows(
            columns(
                users.account,
                _how_many(users.last >= _back(as_of, 7)),
                _how_many(users.last >= _back(as_of, WINDOW)),
                func.count(),
                _how_many(quiet),
                func.sum(users.now),
                func.max(users.now),
                func.sum(users.then),
                func.max(case((quiet, users.then), else_=0)),
                func.sum(users.lost_now),
                func.sum(users.lost_then),
            ).group_by(users.account)
        )
        return {row[0]: _people(row) for row in rows}

    async def _rows(self, statement: Any) -> Sequence[Any]:
        """Of a statement with more columns than SQLModel has types for."""
        found: Sequence[Any] = (await self._session.exec(statement)).all()
        return found

    async def seats(self, as_of: date) -> dict[str, tuple[int, int]]:
        """(users with a profile, of these ever seen), counted in the week that ends with the day."""
        found = {}
        for account, document in (
            await self._session.exec(select(AccountUsersRow.customer_id, AccountUsersRow.document))
        ).all():
            users = json.loads(document)
            counted = date.fromisoformat(users["as_of"])
            if users["users"] and _back(as_of, SEATS_KNOWN) <= counted <= as_of:
                found[account] = users["users"], users["users"] - users["never_active"]
        return found

    async def struggling(self, night: date, features: Collection[str]) -> dict[str, int]:
        """People who struggle with one of these features, by account."""
        found: dict[str, set[str]] = defaultdict(set)
        rows = await self._session.stream(
            select(col(StruggleRow.user_key), col(StruggleRow.document)).where(
                StruggleRow.night == night, col(StruggleRow.feature).in_(features)
            )
        )
        async for user, document in rows:
            for account in json.loads(document)["account_ids"]:
                found[account].add(user)
        return {account: len(users) for account, users in found.items()}

    async def keep(self, as_of: date, made: Sequence[Health]) -> None:
        """Keep a day's scores, and in full where no later day is; what was said of the day before goes."""
        await self._session.exec(delete(HealthDayRow).where(col(HealthDayRow.metric_date) == as_of))
        rows = [_day_row(each) for each in made]
        for at in range(0, len(rows), _BLOCK):
            await self._session.exec(insert(HealthDayRow), params=rows[at : at + _BLOCK])
        newest = await self.newest_day()
        if newest is None or newest <= as_of:
            await self._session.exec(delete(AccountHealthRow))
            full = [
                {"customer_id": one.facts.account, "metric_date": as_of, "document": one.model_dump_json()}
                for one in made
            ]
            for at in range(0, len(full), _BLOCK):
                await self._session.exec(insert(AccountHealthRow), params=full[at : at + _BLOCK])

    async def newest_day(self) -> date | None:
        """The day that the newest scores are of."""
        return (await self._session.exec(select(func.max(col(AccountHealthRow.metric_date))))).one()

    async def version(self) -> tuple[object, ...]:
        """Differs once the newest scores, or who struggles, are others."""
        day, value = col(HealthDayRow.metric_date), col(HealthDayRow.value)
        told = func.sum(func.length(col(HealthDayRow.people)))
        rows = await self._session.exec(
            columns(day, func.max(col(HealthDayRow.version)), func.count(), func.sum(value), told)
            .where(day == columns(func.max(day)).scalar_subquery())
            .group_by(day)
        )  # type: ignore[call-overload]
        return tuple(rows.first() or ())

    async def days_kept(self, period: Period) -> set[date]:
        day = col(HealthDayRow.metric_date)
        rows = await self._session.exec(
            select(day).where(day >= period.from_date, day <= period.to_date).distinct()
        )
        return set(rows.all())

    async def book(self) -> dict[str, Glance]:
        """The newest of every account, by account id; each says the day it is of."""
        rows = await self._session.stream_scalars(select(AccountHealthRow.document))
        found = [Glance.model_validate_json(document) async for document in rows]
        return {one.facts.account: one for one in found}

    async def of(self, account_id: str) -> Health | None:
        """The newest of one account."""
        row = await self._session.get(AccountHealthRow, account_id)
        return Health.model_validate_json(row.document) if row else None

    async def days(self, account_id: str, period: Period) -> list[HealthDay]:
        """What was said of an account on the days of a period, oldest first."""
        day = col(HealthDayRow.metric_date)
        rows = await self._session.exec(
            select(HealthDayRow)
            .where(HealthDayRow.customer_id == account_id, day >= period.from_date, day <= period.to_date)
            .order_by(day)
        )
        return [_health_day(row) for row in rows.all()]

    async def feel(self, account_id: str, sentiment: Sentiment) -> None:
        self._session.add(SentimentRow(customer_id=account_id, **sentiment.model_dump()))

    async def sentiments(self, account_id: str, limit: int = 10) -> list[Sentiment]:
        """What CSMs felt about an account, newest first."""
        rows = await self._session.exec(
            select(SentimentRow)
            .where(SentimentRow.customer_id == account_id)
            .order_by(col(SentimentRow.at).desc(), col(SentimentRow.id).desc())
            .limit(limit)
        )
        return [Sentiment(value=row.value, note=row.note, at=row.at) for row in rows.all()]


def _back(as_of: date, days: int) -> date:
    """The first of the last so many days."""
    return as_of - timedelta(days=days - 1)


def _how_many(condition: Any) -> Any:
    return func.sum(case((condition, 1), else_=0))


def _people(row: Sequence[Any]) -> People:
    _, week, window, users, quiet, now, top, then, quiet_top, lost_now, lost_then = row
    return People(
        users_7=week,
        users_28=window,
        users_84=users,
        quiet=quiet,
        events=None if lost_now else now,
        top_events=None if lost_now else top,
        events_before=None if lost_then else then,
        quiet_top_events=None if lost_then else quiet_top,
    )


def _day_row(one: Health) -> dict[str, Any]:
    score = one.score
    return {
        "customer_id": score.account,
        "metric_date": score.as_of,
        "value": score.value,
        "band": score.band or "",
        "coverage": score.coverage,
        "confidence": score.confidence,
        "components": json.dumps({each.name: each.value for each in score.components}),
        "people": (one.facts.people or People()).model_dump_json(exclude_defaults=True),
        "version": score.version,
    }


_DAY: TypeAdapter[HealthDay] = TypeAdapter(HealthDay)


def _health_day(row: HealthDayRow) -> HealthDay:
    return HealthDay.model_validate(
        {
            **row.model_dump(exclude={"customer_id", "metric_date", "people"}),
            "day": row.metric_date,
            "band": row.band or None,
            "components": json.loads(row.components),
        }
    )
