"""The charts of the answers: which figures are drawn, under which title, with their days and sample."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

from handrail.charts.numbers import written
from handrail.charts.specification import (
    Bar,
    Bars,
    Chart,
    Figure,
    Funnel,
    Heatmap,
    Lines,
    Series,
    Sheet,
    Step,
)
from handrail.domain.accounts import Account
from handrail.domain.funnels import MeasuredFunnel
from handrail.domain.metrics import AccountDay, EventUse
from handrail.domain.periods import Period
from handrail.engine import funnels

if TYPE_CHECKING:
    from tools.query_events import EventFigures

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def events(
    who: Account,
    span: Period,
    figures: "EventFigures",
    by_day: Iterable[AccountDay],
    top: Sequence[EventUse],
    heatmap: Sequence[Sequence[int]],
    reach: tuple[date | None, date],
) -> Sheet:
    """Volume by day, the commonest events, and the hours of the week.

    `reach`: first and last day read.
    """
    users = figures.unique_users
    told = "users not known" if users is None else f"{users:,} users"
    about = f"{span.words()}, {told}, {figures.total_events:,} events"
    charts: list[Chart] = [
        _volume(about, span, reach, {row.day: row for row in by_day}),
        Bars(
            title="Top events",
            about=about,
            measured="events",
            noted="users",
            bars=tuple(Bar(name=row.event, value=row.total, note=_users(row.users)) for row in top),
        ),
        Heatmap(
            title="Events by weekday and hour",
            about=about,
            rows=WEEKDAYS,
            columns=tuple(f"{hour:02}" for hour in range(24)),
            cells=tuple(tuple(float(cell) for cell in row) for row in heatmap),
        ),
    ]
    return Sheet(
        title=f"{who.name}: events",
        about=about,
        figures=(
            Figure(name="users", value=written(users, "count")),
            Figure(name="events", value=f"{figures.total_events:,}"),
            Figure(name="sessions", value=f"{figures.sessions:,}"),
            Figure(name="active days", value=f"{figures.active_days} of {span.days}"),
        ),
        charts=tuple(charts),
    )


def _volume(
    about: str, span: Period, reach: tuple[date | None, date], by_day: dict[date, AccountDay]
) -> Lines:
    """A day that was read and has no event is 0; a day that was not read has no data."""
    first, last = reach
    days = [span.from_date + timedelta(days=each) for each in range(span.days)]
    read = [first is not None and first <= day <= last for day in days]
    kept = [by_day.get(day) for day in days]

    def values(name: str) -> tuple[float | None, ...]:
        return tuple(
            float(getattr(row, name, 0)) if known else None for row, known in zip(kept, read, strict=True)
        )

    return Lines(
        title="Events and users by day",
        about=about,
        labels=tuple(map(_day, days)),
        series=(
            Series(name="events", values=values("total_events")),
            Series(name="users", values=values("unique_users")),
        ),
    )


def conversion(
    who: Account,
    span: Period,
    measured: Sequence[MeasuredFunnel],
    weekly: Sequence[Sequence[float | None]],
    entered: Sequence[Sequence[int]],
) -> Sheet:
    """Each funnel's steps, and its conversion by week up to the period's end; weeks are oldest first.

    `entered`: the users that each week's conversion rests on.
    """
    charts: list[Chart] = []
    for one, weeks, sample in zip(measured, weekly, entered, strict=True):
        worst = funnels.bottleneck(one.counts)
        rate = funnels.conversion(one.counts)
        users = one.counts.users
        about = f"{span.words()}, {users[-1]:,} of {users[0]:,} users finished ({written(rate, 'share')})"
        charts.append(
            Funnel(
                title=one.name,
                about=about,
                steps=tuple(
                    Step(
                        name=step.event,
                        users=step.users,
                        from_previous=step.from_previous,
                        worst=worst is not None and worst.step == step.step,
                    )
                    for step in funnels.steps(one.counts)
                ),
            )
        )
        charts.append(_trend(one.name, weeks, sample, span))
    return Sheet(title=f"{who.name}: funnels", about=span.words(), charts=tuple(charts))


def _trend(name: str, weeks: Sequence[float | None], entered: Sequence[int], span: Period) -> Lines:
    covered = Period.of_days(7 * len(weeks), span.to_date, span.zone)
    return Lines(
        title=f"{name}: conversion by week",
        about=f"{covered.words()}, {sum(entered):,} entries; each week is named by its first day",
        unit="share",
        labels=tuple(_day(covered.from_date + timedelta(days=7 * week)) for week in range(len(weeks))),
        series=(Series(name="conversion", values=tuple(weeks)),),
        sample=Series(name="entered", values=tuple(map(float, entered))),
    )


def _day(day: date) -> str:
    return f"{day.day} {day:%b}"


def _users(users: int | None) -> str:
    return "" if users is None else f"{users:,}"
