"""Anomalies of shares: errors for as many events, and people who complete a funnel."""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from handrail.domain.alerts import AlertKind, Found, Point
from handrail.engine import alert_limits as limits
from handrail.engine.fleet import CHART_DAYS, Book, Series


def errors(book: Book, told: limits.Dismissals) -> Iterator[Found]:
    """Many more errors for as many events than the account's own past has."""
    errors, events = book.masked(book.errors), book.seen_events
    span, before = limits.ERROR_DAYS, slice(-limits.ERROR_DAYS - 56, -limits.ERROR_DAYS)
    known = np.isfinite(errors) & np.isfinite(events)
    errors, events = np.where(known, errors, 0), np.where(known, events, 0)
    past = events[:, before].sum(axis=1)
    rate = np.divide(errors[:, before].sum(axis=1), past, out=np.zeros(len(past)), where=past > 0)
    usual = rate * events[:, -span:].sum(axis=1)
    now = errors[:, -span:].sum(axis=1)
    enough = (known[:, before].sum(axis=1) >= limits.LEAST_HISTORY) & (now - usual >= limits.LEAST_ERRORS)
    for row in np.flatnonzero(enough & (now >= limits.ERRORS * usual)):
        account = book.accounts[row]
        raised = limits.raised(told, account, AlertKind.ERRORS)
        daily = rate[row] * events[row]
        bad = errors[row, -span:] > limits.ERRORS / 1.5 * daily[-span:]
        chance, high = _chance(errors[row, before], daily[before], float(now[row]), float(usual[row]))
        if bad.sum() < span - 1 or now[row] < limits.ERRORS * raised * usual[row]:
            continue
        if chance > limits.ERROR_CHANCE / raised:
            continue
        since = len(daily) - span + int(np.argmax(bad))
        yield Found(
            account_id=account,
            kind=AlertKind.ERRORS,
            subject="errors",
            size=float(now[row] / max(usual[row], 1)),
            score=float(-np.log10(max(chance, 1e-300))),
            since=book.days[since],
            observed=float(now[row]),
            usual=float(usual[row]),
            days=span,
            points=_counted(book, errors[row], daily, high, known[row]),
        )


def _chance(past: Series, expected: Series, now: float, usual: float) -> tuple[float, float]:
    """How likely so many are in ERROR_DAYS, if days spread as they did; and k, for a band of days.

    Negative binomial with variance m + m²/k of a day, k by moments over the past; the sum of n days has nk.
    """
    from scipy.stats import nbinom  # noqa: PLC0415

    mean = max(float(expected.mean()), 0.05)
    extra = max(float(((past - expected) ** 2).mean()) - mean, 0.0) / mean**2
    k = min(1 / extra if extra else 1e6, 1e6)
    usual = max(usual, 0.5)
    of_all = k * limits.ERROR_DAYS
    return float(nbinom.sf(now - 1, of_all, of_all / (of_all + usual))), k


def _counted(
    book: Book, values: Series, usual: Series, k: float, known: NDArray[np.bool_]
) -> tuple[Point, ...]:
    from scipy.stats import nbinom  # noqa: PLC0415

    centre = np.maximum(usual, 0.05)
    low, high = nbinom.ppf(0.005, k, k / (k + centre)), nbinom.ppf(0.995, k, k / (k + centre))
    return tuple(
        Point(
            day=book.days[at],
            value=float(values[at]) if known[at] else None,
            usual=round(float(usual[at]), 1),
            low=float(low[at]),
            high=float(high[at]),
        )
        for at in range(max(0, len(values) - CHART_DAYS), len(values))
    )


def conversions(book: Book, told: limits.Dismissals, rows: Mapping[str, int]) -> Iterator[Found]:
    """A funnel that converts far less than it did, of two proportions, with the weeks' own spread."""
    for account, funnel in book.funnels:
        if account not in rows:
            continue
        raised = limits.raised(told, account, AlertKind.DROP)
        over_windows = (_conversion(book, account, funnel, raised, days) for days in limits.CONVERSION_DAYS)
        one = next((each for each in over_windows if each), None)
        if one:
            yield one


def _conversion(book: Book, account: str, funnel: str, raised: float, days: int) -> Found | None:
    """The last known days beside eight weeks before them."""
    from statsmodels.stats.proportion import proportions_ztest  # noqa: PLC0415

    counts = book.funnels[account, funnel]
    known = np.flatnonzero(book.judged & np.isfinite(counts).all(axis=0))
    recent, past = known[-days:], known[:-days][-56:]
    if len(past) < limits.LEAST_HISTORY or not len(recent):
        return None
    entered = np.array([counts[0, recent].sum(), counts[0, past].sum()])
    completed = np.array([counts[1, recent].sum(), counts[1, past].sum()])
    if entered.min() < limits.LEAST_ENTERED or not completed[1]:
        return None
    rate = completed / entered
    size = float(1 - rate[0] / rate[1])
    if size < limits.needed(limits.CONVERSION, raised):
        return None
    z, _ = proportions_ztest(completed, entered)
    score = float(-z) / _overspread(counts[:, past], float(rate[1]))
    if score < limits.CONVERSION_NOISE * raised:
        return None
    return Found(
        account_id=account,
        kind=AlertKind.DROP,
        subject=f"conversion of {funnel}",
        size=size,
        score=score,
        since=book.days[recent[0]],
        observed=float(rate[0]),
        usual=float(rate[1]),
        days=len(recent),
        points=_rates(book, counts, float(rate[1])),
    )


def _overspread(counts: Series, rate: float) -> float:
    """The square root of chi² over its degrees of freedom between weeks, at least 1."""
    count = counts.shape[1] // 7
    by_week = counts[:, counts.shape[1] - 7 * count :].reshape(2, count, 7).sum(axis=2)
    by_week = by_week[:, by_week[0] > 0]
    if by_week.shape[1] < 2 or not 0 < rate < 1:
        return 1.0
    entered, completed = by_week
    chi2 = ((completed - rate * entered) ** 2 / (entered * rate * (1 - rate))).sum()
    return float(np.sqrt(max(chi2 / (len(entered) - 1), 1.0)))


def _rates(book: Book, counts: Series, usual: float) -> tuple[Point, ...]:
    from scipy.stats import binom  # noqa: PLC0415

    days, (entered, completed) = book.days[-CHART_DAYS:], counts[:, -CHART_DAYS:]
    some = np.nan_to_num(entered) > 0
    low, high = binom.interval(0.99, np.where(some, entered, 1), usual)
    return tuple(
        Point(
            day=day,
            value=round(completed[at] / entered[at], 4),
            usual=round(usual, 4),
            low=round(low[at] / entered[at], 4),
            high=round(high[at] / entered[at], 4),
        )
        if some[at]
        else Point(day=day, value=None)
        for at, day in enumerate(days)
    )
