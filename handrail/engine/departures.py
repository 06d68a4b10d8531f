"""What goes on without its people: features that an account left, and key users who stay away."""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from handrail.domain.alerts import AlertKind, Found, Point
from handrail.engine import alert_limits as limits
from handrail.engine.fleet import CHART_DAYS, Book, Series, mean, usual_days


def abandoned(book: Book, told: limits.Dismissals, rows: Mapping[str, int]) -> Iterator[Found]:
    """A feature that an account used week after week, and for two weeks not at all."""
    lost = _lost_by_all(book)
    going = _going_on(book)
    for (account, feature), attempts in book.features.items():
        if account not in rows or feature in lost or not going[rows[account]]:
            continue
        masked = np.where(book.judged, attempts, np.nan)
        recent = masked[-limits.ABANDONED_DAYS :]
        if np.nansum(recent):
            continue
        past = masked[-limits.ABANDONED_DAYS - 7 * limits.ABANDONED_WEEKS : -limits.ABANDONED_DAYS]
        if len(past) < 7 * limits.ABANDONED_WEEKS or not np.isfinite(past).sum() >= limits.LEAST_HISTORY:
            continue
        by_week = np.nansum(past.reshape(-1, 7), axis=1)
        middle = float(np.median(by_week))
        raised = limits.raised(told, account, AlertKind.ABANDONED)
        if (by_week > 0).sum() < limits.ABANDONED_WEEKS - 1 or middle < limits.LEAST_ATTEMPTS * raised:
            continue
        gone = int(np.flatnonzero(np.nan_to_num(masked) > 0)[-1]) + 1
        yield Found(
            account_id=account,
            kind=AlertKind.ABANDONED,
            subject=feature,
            size=limits.SMALL_CHANGE,
            score=middle,
            since=book.days[gone],
            observed=0,
            usual=middle * limits.ABANDONED_DAYS / 7,
            days=limits.ABANDONED_DAYS,
            points=_plain(book, attempts),
        )


def _lost_by_all(book: Book) -> set[str]:
    """Features that all accounts together tried less than half as often in the last week as before."""
    totals: dict[str, Series] = {}
    for (_, feature), attempts in book.features.items():
        totals[feature] = totals.get(feature, np.zeros(len(attempts))) + np.nan_to_num(attempts)
    return {
        feature
        for feature, days in totals.items()
        if days[-7:].sum() < limits.STILL_ACTIVE * np.median(days[-42:-7].reshape(-1, 7).sum(axis=1))
    }


def _going_on(book: Book) -> NDArray[np.bool_]:
    """The accounts that have at least half of the events of the four weeks before the last two.

    None of whose days too few are known, so that nobody can say.
    """
    masked = book.seen_events
    now, before = mean(masked[:, -14:]), mean(masked[:, -42:-14])
    return np.asarray(now >= limits.STILL_ACTIVE * before)  # false beside NaN


def _plain(book: Book, values: Series) -> tuple[Point, ...]:
    """A series with the median of its weekdays, and no band: it is too sparse for one."""
    usual = usual_days(values[None, :])[0]
    return tuple(
        Point(
            day=book.days[at],
            value=float(values[at]) if np.isfinite(values[at]) else None,
            usual=float(usual[at]) if np.isfinite(usual[at]) else None,
        )
        for at in range(max(0, len(values) - CHART_DAYS), len(values))
    )


def silent(book: Book, told: limits.Dismissals, rows: Mapping[str, int]) -> Iterator[Found]:
    """Those who came nearly every working day have stayed away for longer than a leave."""
    going = _going_on(book)
    for account, quiet in book.quiet.items():
        if account not in rows or not quiet.silent or quiet.silent < limits.KEY_SHARE * quiet.key_users:
            continue
        if not going[rows[account]]:
            continue
        away = [
            day
            for day, judged in zip(book.days, book.judged, strict=True)
            if day > quiet.last_day and day.weekday() < 5 and judged
        ]
        raised = limits.raised(told, account, AlertKind.SILENT)
        if len(away) < limits.SILENT_WORKDAYS * raised:
            continue
        yield Found(
            account_id=account,
            kind=AlertKind.SILENT,
            subject="key users",
            size=limits.SMALL_CHANGE,
            score=float(len(away)),
            since=away[0],
            observed=0,
            usual=0,
            days=len(away),
            points=_plain(book, book.users[rows[account]]),
        )
