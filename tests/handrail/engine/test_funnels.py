"""Figures of a funnel, by hand."""

from datetime import date

import pytest

from handrail.domain.funnels import Bottleneck, FunnelCounts, FunnelStep
from handrail.domain.periods import Period
from handrail.engine import funnels


def counts(*users: int) -> FunnelCounts:
    return FunnelCounts(events=tuple("ABCDEF"[: len(users)]), users=users)


def test_conversion_is_finishers_over_entrants() -> None:
    assert funnels.conversion(counts(200, 120, 30)) == 0.15


def test_there_is_no_conversion_where_nobody_entered() -> None:
    assert funnels.conversion(counts(0, 0, 0)) is None
    assert funnels.conversion(counts()) is None


def test_the_step_table_gives_each_share_of_the_step_before() -> None:
    assert funnels.steps(counts(200, 120, 30)) == [
        FunnelStep(step=1, event="A", users=200, from_previous=None),
        FunnelStep(step=2, event="B", users=120, from_previous=0.6),
        FunnelStep(step=3, event="C", users=30, from_previous=0.25),
    ]


def test_a_step_after_nobody_has_no_share() -> None:
    assert [step.from_previous for step in funnels.steps(counts(5, 0, 0))] == [None, 0.0, None]


@pytest.mark.parametrize(
    ("users", "worst"),
    [
        ((200, 120, 30), Bottleneck(step=3, event="C", lost=90)),
        ((100, 60, 20), Bottleneck(step=2, event="B", lost=40)),
        ((10, 9, 9, 0), Bottleneck(step=4, event="D", lost=9)),
        ((7, 7, 7), None),
        ((0, 0), None),
        ((4,), None),
        ((), None),
    ],
)
def test_the_bottleneck_loses_most_users_and_is_the_earlier_of_equals(
    users: tuple[int, ...], worst: Bottleneck | None
) -> None:
    assert funnels.bottleneck(counts(*users)) == worst


@pytest.mark.parametrize(
    ("values", "middle"), [([], None), ([3.0], 3.0), ([9.0, 1.0, 5.0], 5.0), ([4.0, 1.0, 3.0, 2.0], 2.5)]
)
def test_the_median_is_the_middle_or_the_mean_of_the_two_middles(
    values: list[float], middle: float | None
) -> None:
    assert funnels.median(values) == middle


def test_a_week_is_the_sum_of_its_days_and_never_a_mean_of_their_rates() -> None:
    weeks = Period(from_date=date(2026, 11, 6), to_date=date(2026, 11, 19), zone="UTC")
    days = [(date(2026, 11, 6), 1, 1), (date(2026, 11, 12), 9, 1), (date(2026, 11, 19), 4, 3)]

    assert funnels.weekly(days, weeks) == [0.2, 0.75]


def test_a_week_without_an_entrant_has_no_conversion() -> None:
    weeks = Period(from_date=date(2026, 11, 6), to_date=date(2026, 11, 19), zone="UTC")

    assert funnels.weekly([(date(2026, 11, 13), 2, 0)], weeks) == [None, 0.0]


def test_each_step_carries_the_median_time_since_the_step_before() -> None:
    timed = FunnelCounts(events=("A", "B", "C"), users=(4, 2, 0), seconds=(None, 61.5, None))

    assert [step.median_seconds for step in funnels.steps(timed)] == [None, 61.5, None]


def test_each_weeks_entrants_are_what_its_conversion_rests_on() -> None:
    weeks = Period(from_date=date(2026, 11, 6), to_date=date(2026, 11, 19), zone="UTC")
    days = [(date(2026, 11, 6), 1, 1), (date(2026, 11, 12), 9, 1), (date(2026, 11, 19), 4, 3)]

    assert funnels.weekly_entered(days, weeks) == [10, 4]
