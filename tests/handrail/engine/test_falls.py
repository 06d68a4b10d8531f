"""How far days lie under what was usual, and how sure that is, worked out by hand."""

from math import log, sqrt

import numpy as np
import pytest

from handrail.engine.falls import Fall, fall, noise, usual_week

WEEKS = np.tile([10.0, 20, 20, 20, 20, 1, 0], 5)[None, :]
"""Five weeks of one account; its weekend is under a fifth of its best day."""


def test_the_usual_week_is_the_mean_of_each_weekday_without_the_weekend_and_without_unknown_days() -> None:
    values = WEEKS.copy()
    values[0, 0], values[0, 8] = 30, np.nan

    usual = usual_week(values, slice(0, 28))

    assert usual.shape == values.shape
    assert usual[0, -7:] == pytest.approx([15, 20, 20, 20, 20, np.nan, np.nan], nan_ok=True)


def test_a_fall_is_held_against_the_days_before_and_spares_the_day_that_lacks_most() -> None:
    values = WEEKS.copy()
    values[0, :28] *= 2  # twice the usual week that is given
    values[0, -7:] = [10, 0, 10, 10, np.nan, 0, 0]
    usual = usual_week(WEEKS, slice(0, 28))

    whole = fall(values, usual, slice(-7, None), slice(0, 28))
    firm = fall(values, usual, slice(-7, None), slice(0, 28), spared=1)

    assert (whole.observed[0], whole.expected[0], whole.days[0]) == (30, 20 + 40 + 40 + 40, 4)
    assert (firm.observed[0], firm.expected[0], firm.days[0]) == (30, 100, 3)
    assert firm.lost[0] == pytest.approx(0.7)
    assert firm.depth()[0] == pytest.approx(log(101 / 31))
    assert firm.depth(each=5)[0] == pytest.approx(log(105 / 35))


def test_the_noise_is_that_of_coming_or_not_of_leave_and_of_drift() -> None:
    users = Fall(
        observed=np.array([5.0, 5.0]),
        expected=np.array([20.0, 20.0]),
        days=np.array([4, 4]),
        before=np.array([100.0, 100.0]),
    )

    seen = noise(users, np.array([10.0, 5.0]), weeks=4)

    by_chance, leave, drift = 0.5 * (1 / 20 + 1 / 100), 0.3 / 10, 0.04**2 * 4
    assert seen[0] == pytest.approx(sqrt(by_chance + leave + drift))
    everybody_every_day = 0.1 * (1 / 20 + 1 / 100)
    assert seen[1] == pytest.approx(sqrt(everybody_every_day + 2 * leave + drift))
