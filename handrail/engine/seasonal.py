"""One account's series taken apart: level, weekdays, noise, and the band of a usual day.

The model is statsmodels' robust STL on log(1 + count) with a period of seven days, one inner and five robust
iterations, as Cleveland et al. (1990, STL: A Seasonal-Trend Decomposition, 3.2 and 3.3) advise.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np

from handrail.domain.alerts import Point
from handrail.engine import alert_limits as limits
from handrail.engine.fleet import CHART_DAYS, Book, Series

MEDIAN_NOISE = 1.2533
"""The standard error of a median beside a mean's, √(π/2)."""

MAD_SCALE = 1.482602218505602
"""Of a median absolute deviation, 1 / Φ⁻¹(3/4)."""

BAND = 2.576
"""Standard errors of a day: 99 of 100 usual days lie inside."""


@dataclass(frozen=True)
class Fit:
    """One series taken apart. Arrays are days; those of the window were not fitted."""

    flat: Series
    """log(1 + count) without the weekday's part; NaN: not known, or the account's weekend."""
    weekday: Series
    level: float
    noise: float
    """Of one day, robust."""
    weekly_noise: float
    """Of a week's middle day."""

    @property
    def usual(self) -> Series:
        return np.expm1(self.level + self.weekday).clip(min=0)

    def judged(self) -> Series:
        """The usual of each day that is known and no weekend of theirs; NaN on the others."""
        return np.where(np.isfinite(self.flat), self.usual, np.nan)

    @property
    def edge(self) -> Series:
        """What a usual day seldom stays under: one standard error and a fifth below its usual."""
        return np.expm1(self.level + self.weekday - max(self.noise, 0.2)).clip(min=0)

    def band(self) -> tuple[Series, Series]:
        spread = BAND * np.sqrt(self.noise**2 + 1 / (self.usual + 1))
        centre = self.level + self.weekday
        return np.expm1(centre - spread).clip(min=0), np.expm1(centre + spread)


def fitted(values: Series, window: int = limits.WINDOW) -> Fit | None:
    """STL of the days before the window; None while too few of them are known, or all are nothing."""
    from statsmodels.tsa.seasonal import STL  # noqa: PLC0415  (takes seconds to import)

    first = int(np.argmax(np.nan_to_num(values) > 0))
    base = values[first:-window][-limits.REACH :]
    if np.isfinite(base).sum() < limits.LEAST_HISTORY or not np.nanmax(base, initial=0):
        return None
    filled = _filled(base)
    parts = STL(np.log1p(filled), period=7, robust=True).fit(inner_iter=1, outer_iter=5)
    weekday_of = np.arange(len(values)) % 7
    start = len(values) - window - len(base)
    last_weeks = slice(-7 * limits.LEVEL_WEEKS, None)
    of_base = weekday_of[start : start + len(base)]
    by_weekday = np.array(
        [np.mean(parts.seasonal[last_weeks][of_base[last_weeks] == each]) for each in range(7)]
    )
    flat_base = np.log1p(base) - by_weekday[of_base]
    level = float(np.nanmedian((parts.trend + parts.resid)[last_weeks]))
    weekday = by_weekday[weekday_of]
    best = np.expm1(level + by_weekday).max()
    slack = np.expm1(level + weekday) < limits.SLACK_DAY * best
    flat = np.log1p(values) - weekday
    flat[slack] = np.nan
    flat[:start] = np.nan
    noise = _spread(flat_base[~slack[start : start + len(base)]] - level)
    week = float(np.expm1(level + by_weekday).clip(min=0).sum())
    return Fit(flat, weekday, level, noise, _weekly_noise(flat[:-window], noise, week))


def _filled(base: Series) -> Series:
    """Unknown days as the middle one of their weekday."""
    filled = base.copy()
    for weekday in range(7):
        same = filled[weekday::7]
        known = same[np.isfinite(same)]
        same[~np.isfinite(same)] = np.median(known) if len(known) else np.nanmedian(base)
    return filled


def _spread(values: Series) -> float:
    """The median absolute deviation, on the scale of a standard deviation."""
    known = values[np.isfinite(values)]
    return float(MAD_SCALE * np.median(np.abs(known - np.median(known)))) if len(known) else 0.0


def _weeks(flat: Series) -> Series:
    """The middle day of each whole week, oldest first; NaN where fewer than two days are known."""
    by_week = flat[len(flat) % 7 :].reshape(-1, 7)
    known = np.isfinite(by_week).sum(axis=1)
    ordered = np.sort(by_week, axis=1)  # NaN comes last
    at = np.arange(len(by_week))
    middles = (ordered[at, (known - 1) // 2] + ordered[at, known // 2]) / 2
    return np.where(known >= 2, middles, np.nan)


def _weekly_noise(flat: Series, noise: float, usual: float) -> float:
    """Of a week's middle day: from how far weeks lie from the week before, so that a single odd week counts;
    never less than the days' own noise makes of it, or the chance of as few events a week as are usual.
    """
    steps = np.diff(_weeks(flat))
    known = steps[np.isfinite(steps)]
    seen = float(np.sqrt(np.mean(known**2) / 2)) if len(known) else 0.0
    return float(
        max(seen, MEDIAN_NOISE * noise / np.sqrt(5), 1 / np.sqrt(max(usual, 1)), limits.LEAST_WEEKLY_NOISE)
    )


def since(book: Book, values: Series, fit: Fit) -> date:
    """The first day of the last run under the usual's edge, at most four weeks back; one day may miss."""
    edge = fit.edge
    began = len(values) - 1
    missed = 0
    for at in range(len(values) - 1, len(values) - 29, -1):
        if not np.isfinite(fit.flat[at]):
            continue
        if values[at] < edge[at]:
            began, missed = at, 0
        else:
            missed += 1
            if missed > 1:
                break
    return book.days[began]


def points(book: Book, values: Series, fit: Fit) -> tuple[Point, ...]:
    low, high = fit.band()
    return tuple(
        Point(
            day=book.days[at],
            value=float(values[at]) if np.isfinite(values[at]) else None,
            usual=round(float(fit.usual[at]), 1),
            low=round(float(low[at]), 1),
            high=round(float(high[at]), 1),
        )
        for at in range(max(0, len(values) - CHART_DAYS), len(values))
    )
