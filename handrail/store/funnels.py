"""Funnels in the store: by account and period, by account and day, and what was measured when."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import delete, func, insert
from sqlmodel import SQLModel, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from handrail.domain.funnels import FunnelCounts, Kept, MeasuredFunnel, Measurement
from handrail.domain.periods import Period
from handrail.engine import funnels
from handrail.store.seeing import OF_ALL
from handrail.store.tables import FunnelMeasurement, MixpanelFunnel

_BLOCK = 2000
_TABLE = SQLModel.metadata.tables[str(MixpanelFunnel.__tablename__)]
"""The bare table takes hundreds of thousands of rows a night in half the time of its mapped class."""


class Funnels:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def replace(self, made: Measurement, counted: Mapping[str, FunnelCounts]) -> None:
        """Put a measurement in place of an earlier one of the same funnel, period and cohort.

        `counted` is by our account id; accounts without an entrant get no row.
        """
        for table in (MixpanelFunnel, FunnelMeasurement):
            await self._session.exec(
                delete(table).where(
                    col(table.funnel_id) == made.funnel.funnel_id,
                    col(table.metric_date) == made.period.to_date,
                    col(table.from_date) == made.period.from_date,
                    col(table.cohort) == made.cohort,
                )
            )
        rows = _rows(made, counted)
        for at in range(0, len(rows), _BLOCK):
            await self._session.exec(insert(_TABLE), params=rows[at : at + _BLOCK])
        self._session.add(
            FunnelMeasurement(
                funnel_id=made.funnel.funnel_id,
                metric_date=made.period.to_date,
                from_date=made.period.from_date,
                cohort=made.cohort,
                definition=made.funnel.definition,
                route=made.route,
                measured_at=made.measured_at,
                window_seconds=made.funnel.window_seconds,
            )
        )

    async def kept(self, period: Period | None = None) -> dict[tuple[int, str, date, date], Kept]:
        """What was measured, of a period or at all, by funnel, cohort, first and last day."""
        statement = select(FunnelMeasurement)
        if period is not None:
            statement = statement.where(
                FunnelMeasurement.metric_date == period.to_date,
                FunnelMeasurement.from_date == period.from_date,
            )
        rows = await self._session.exec(statement)
        return {
            (row.funnel_id, row.cohort, row.from_date, row.metric_date): Kept(
                row.definition, row.route, row.measured_at
            )
            for row in rows
        }

    async def names(self) -> list[str]:
        """Of every funnel that was measured, in alphabetical order."""
        rows = await self._session.exec(select(MixpanelFunnel.funnel_name).distinct())
        return sorted(rows.all(), key=str.casefold)

    async def of_period(self, period: Period) -> list[MeasuredFunnel]:
        """Every funnel of every account over exactly this period, without cohorts."""
        return await self._read(period, MixpanelFunnel.cohort == "")

    async def of_account(self, account_id: str, period: Period) -> list[MeasuredFunnel]:
        """Every funnel of one account over exactly this period, cohorts among them."""
        return await self._read(period, MixpanelFunnel.customer_id == account_id)

    async def _read(self, period: Period, *where: Any) -> list[MeasuredFunnel]:
        rows = await self._session.exec(
            select(MixpanelFunnel)
            .where(MixpanelFunnel.metric_date == period.to_date, MixpanelFunnel.from_date == period.from_date)
            .where(*where)
            .order_by(col(MixpanelFunnel.funnel_id), col(MixpanelFunnel.cohort))
        )
        return [
            MeasuredFunnel(
                account_id=row.customer_id,
                funnel_id=row.funnel_id,
                name=row.funnel_name,
                period=period,
                cohort=row.cohort,
                counts=FunnelCounts(
                    events=tuple(json.loads(row.step_events)),
                    users=tuple(json.loads(row.step_users)),
                    seconds=tuple(json.loads(row.step_seconds)),
                ),
                route=row.route,
                measured_at=row.measured_at,
            )
            for row in rows
        ]

    async def main(self, period: Period) -> tuple[int, str] | None:
        """Id and name of the funnel that most users of all accounts entered in exactly this period."""
        users = func.sum(MixpanelFunnel.entered_users)
        rows = await self._session.exec(
            select(MixpanelFunnel.funnel_id, func.max(MixpanelFunnel.funnel_name), users)
            .where(*_exactly(period))
            .group_by(col(MixpanelFunnel.funnel_id))
            .order_by(users.desc(), col(MixpanelFunnel.funnel_id))
            .limit(1),
            execution_options=OF_ALL,
        )
        found = rows.first()
        return found[:2] if found else None

    async def ends(
        self, funnel_id: int, period: Period, accounts: Collection[str] | None = None
    ) -> dict[str, tuple[int, int]]:
        """(entered, finished) in one funnel over exactly this period by account: of these, or of all."""
        statement = select(
            MixpanelFunnel.customer_id, MixpanelFunnel.entered_users, MixpanelFunnel.completed_users
        ).where(*_exactly(period), MixpanelFunnel.funnel_id == funnel_id)
        if accounts is not None:
            statement = statement.where(col(MixpanelFunnel.customer_id).in_(accounts))
        rows = await self._session.exec(statement)
        return {account: (entered, finished) for account, entered, finished in rows}

    async def rates(
        self, period: Period, least_users: int, *, of_all: bool = False
    ) -> dict[int, list[float]]:
        """The conversion of every account with at least so many entrants, by funnel.

        `of_all`: of those, too, that the reader does not see, for a median.
        """
        rows = await self._session.exec(
            select(MixpanelFunnel.funnel_id, MixpanelFunnel.conversion_rate).where(
                *_exactly(period), MixpanelFunnel.entered_users >= least_users
            ),
            execution_options=OF_ALL if of_all else {},
        )
        found: dict[int, list[float]] = defaultdict(list)
        for funnel_id, rate in rows:
            if rate is not None:
                found[funnel_id].append(rate)
        return found

    async def days(self, account_id: str, period: Period) -> list[tuple[int, date, int, int]]:
        """(funnel id, day, entered, finished) of the account's days with an entrant, oldest first."""
        rows = await self._session.exec(
            select(
                col(MixpanelFunnel.funnel_id),
                col(MixpanelFunnel.metric_date),
                col(MixpanelFunnel.entered_users),
                col(MixpanelFunnel.completed_users),
            )
            .where(
                MixpanelFunnel.customer_id == account_id,
                MixpanelFunnel.cohort == "",
                MixpanelFunnel.metric_date >= period.from_date,
                MixpanelFunnel.metric_date <= period.to_date,
                MixpanelFunnel.from_date == MixpanelFunnel.metric_date,
            )
            .order_by(col(MixpanelFunnel.metric_date), col(MixpanelFunnel.funnel_id))
        )
        return [(funnel_id, day, entered, finished) for funnel_id, day, entered, finished in rows]

    async def forget(self, before: datetime, *, but: Iterable[Period]) -> None:
        """Drop periods measured before that moment, except these ones and single days."""
        keep = {(period.from_date, period.to_date) for period in but}
        spans = await self._session.exec(
            select(col(FunnelMeasurement.from_date), col(FunnelMeasurement.metric_date))
            .where(
                FunnelMeasurement.from_date != FunnelMeasurement.metric_date,
                col(FunnelMeasurement.measured_at) < before,
            )
            .distinct()
        )
        for first, last in {(first, last) for first, last in spans} - keep:
            for table in (MixpanelFunnel, FunnelMeasurement):
                await self._session.exec(
                    delete(table).where(
                        col(table.metric_date) == last,
                        col(table.from_date) == first,
                        col(table.measured_at) < before,
                    )
                )


def _exactly(period: Period) -> tuple[Any, ...]:
    """Rows over these days, without cohorts."""
    return (
        MixpanelFunnel.metric_date == period.to_date,
        MixpanelFunnel.from_date == period.from_date,
        MixpanelFunnel.cohort == "",
    )


@lru_cache
def _names(events: tuple[str, ...]) -> str:
    """The same for every account of a funnel."""
    return json.dumps(events, ensure_ascii=False)


def _rows(made: Measurement, counted: Mapping[str, FunnelCounts]) -> list[dict[str, Any]]:
    shared = {
        "funnel_id": made.funnel.funnel_id,
        "funnel_name": made.funnel.name,
        "metric_date": made.period.to_date,
        "from_date": made.period.from_date,
        "cohort": made.cohort,
        "route": made.route,
        "measured_at": made.measured_at,
    }
    return [
        {
            **shared,
            "customer_id": account_id,
            "conversion_rate": funnels.conversion(counts),
            "entered_users": counts.users[0],
            "completed_users": counts.users[-1],
            "drop_off_step": worst.event if (worst := funnels.bottleneck(counts)) else "",
            "step_events": _names(counts.events),
            "step_users": json.dumps(counts.users),
            "step_seconds": json.dumps(counts.seconds),
        }
        for account_id, counts in counted.items()
        if any(counts.users)
    ]
