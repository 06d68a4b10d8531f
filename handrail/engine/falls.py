"""How far days lie under what was usual before, and how sure that is, for all accounts at once or for one."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from handrail.engine import alert_limits as limits
from handrail.engine.fleet import Series


@dataclass(frozen=True)
class Fall:
    """Recent days beside what is usual on them, by account."""

    observed: Series
    expected: Series
    days: NDArray[np.int_]
    """Known days of both, without those spared."""
    before: Series
    """Counted on the days that tell the usual."""

    @property
    def lost(self) -> Series:
        """As a share."""
        return np.asarray(1 - self.observed / np.maximum(self.expected, 1))

    def depth(self, each: float = 1.0) -> Series:
        """As a logarithm, after what one person makes on a day (`each`) is added to both counts."""
        return np.asarray(np.log(self.expected + each) - np.log(self.observed + each))


def usual_week(values: Series, base: slice) -> Series:
    """The mean of each weekday within the base, for all days; NaN on the account's weekend.

    The base is whole weeks, and its end is a number of whole weeks before the last day.
    """
    weeks = values[:, base]
    by_week = weeks.reshape(len(values), weeks.shape[1] // 7, 7)
    known = np.isfinite(by_week)
    counts = known.sum(axis=1)
    sums = np.where(known, by_week, 0).sum(axis=1)
    means = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
    best = np.nan_to_num(means).max(axis=1, keepdims=True)
    means[means < limits.SLACK_DAY * best] = np.nan
    return np.tile(means, values.shape[1] // 7 + 1)[:, -values.shape[1] :]


def fall(values: Series, usual: Series, recent: slice, before: slice, spared: int = 0) -> Fall:
    """Recent days beside the usual week, which is scaled to the days before. NaN: not judged.

    `spared` days, those that lack most, are left out: a lost day or a holiday of theirs is no fall.
    """
    known = np.isfinite(values) & np.isfinite(usual)
    counted, weights = np.where(known, values, 0), np.where(known, usual, 0)
    total, weight = counted[:, before].sum(axis=1), weights[:, before].sum(axis=1)
    scale = np.divide(total, weight, out=np.zeros(len(total)), where=weight > 0)
    observed, expected = counted[:, recent], weights[:, recent] * scale[:, None]
    kept = known[:, recent]
    if spared:
        worst = np.argsort(expected - observed, axis=1)[:, -spared:]
        kept = kept.copy()
        np.put_along_axis(kept, worst, values=False, axis=1)
    return Fall((observed * kept).sum(axis=1), (expected * kept).sum(axis=1), kept.sum(axis=1), total)


def noise(users: Fall, people: Series, weeks: float) -> Series:
    """The standard deviation of the depth by which active users fall without a reason.

    Three parts: each of the people comes on a day or does not (binomial); one on leave is away on all of
    them; and over `weeks`, accounts drift.
    """
    chance = np.clip(users.expected / np.maximum(people * users.days, 1), 0, limits.SUREST)
    comes = (1 - chance) * (1 / np.maximum(users.expected, 1) + 1 / np.maximum(users.before, 1))
    leave = limits.LEAVE / np.maximum(people, 1)
    return np.asarray(np.sqrt(comes + leave + limits.DRIFT**2 * weeks))
