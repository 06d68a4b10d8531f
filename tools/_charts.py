"""The charts of the answers: which figures are drawn, under which title, with their days and sample."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

from handrail.charts.numbers import written
from handrail.charts.specification import (
    Band,
    Bar,
    Bars,
    Chart,
    Figure,
    Funnel,
    Heatmap,
    Lines,
    Series,
    Sheet,
    Sparkline,
    Step,
)
from handrail.domain.accounts import Account
from handrail.domain.funnels import MeasuredFunnel
from handrail.domain.metrics import AccountDay, EventUse
from handrail.domain.periods import Period
from handrail.engine import funnels

if TYPE_CHECKING:
    from tools.get_account_health import ScoreDay
    from tools.list_alerts import AlertCard
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


def activity(
    who: Account, span: Period, events: Mapping[tuple[str, date], int], first: date | None
) -> Sparkline:
    """Events of each day. A day that was not read has no data; `first` is the oldest that was."""
    days = [span.from_date + timedelta(days=each) for each in range(span.days)]
    return Sparkline(
        title=f"{who.name}: events by day",
        about=span.words(),
        values=tuple(
            float(events.get((who.id, day), 0)) if first is not None and first <= day else None
            for day in days
        ),
    )


def score(name: str, history: "Sequence[ScoreDay]", zone: str) -> Lines:
    """The engagement score by week."""
    known = sum(each.score is not None for each in history)
    return Lines(
        title="Engagement score by week",
        about=f"{history[0].day} to {history[-1].day} ({zone}), {known} days scored, 0 to 100",
        labels=tuple(_day(each.day) for each in history),
        series=(Series(name=name, values=tuple(each.score for each in history)),),
    )


def alert(card: "AlertCard", zone: str) -> Lines | None:
    """What an alert saw, with the band that was expected; None where its days are not told."""
    if not card.points:
        return None
    rate = card.subject.startswith("conversion of ")
    return Lines(
        title=card.kind if card.kind == card.subject else f"{card.kind}: {card.subject}",
        about=f"{card.points[0].day} to {card.points[-1].day} ({zone}), by day",
        unit="share" if rate else "count",
        labels=tuple(_day(each.day) for each in card.points),
        series=(Series(name=card.subject, values=tuple(each.value for each in card.points)),),
        band=_band(card),
    )


def _band(card: "AlertCard") -> Band | None:
    edges = [
        (each.low, each.high) if None not in (each.low, each.high) else (None, None) for each in card.points
    ]
    if all(low is None for low, _ in edges):
        return None
    return Band(low=tuple(low for low, _ in edges), high=tuple(high for _, high in edges))


def _day(day: date) -> str:
    return f"{day.day} {day:%b}"


def _users(users: int | None) -> str:
    return "" if users is None else f"{users:,}"
