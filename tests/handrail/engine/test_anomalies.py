"""What is an anomaly and what is not, on made series whose answers are computed apart."""

from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from scipy import stats
from statsmodels.tsa.seasonal import STL

from handrail.domain.alerts import AlertKind
from handrail.engine import alert_limits as limits
from handrail.engine import fleet
from handrail.engine.anomalies import find
from handrail.engine.fleet import Book, Quiet, Sample
from handrail.engine.seasonal import fitted

LAST = date(2026, 6, 28)
"""A Sunday: the columns are whole weeks."""

DAYS = limits.SPAN
WEEK = np.array([100, 110, 105, 95, 90, 12, 10])


def noisy(seed: int, count: int) -> Any:
    """Accounts with a weekly pattern and a few per cent of noise."""
    random = np.random.default_rng(seed)
    usual = np.tile(WEEK, DAYS // 7)
    return np.round(usual * random.normal(1, 0.08, (count, DAYS))).clip(min=0)


def book(events: Any, **more: Any) -> Book:
    names = tuple(f"a{row}" for row in range(len(events)))
    given = {
        "accounts": names,
        "last": LAST,
        "events": events,
        "users": np.round(events / 10),
        "sessions": np.round(events / 8),
        "errors": np.zeros_like(events),
        "people": dict.fromkeys(names, 12),
    }
    return Book(**{**given, **more})


def kinds(found: list[Any]) -> list[tuple[str, str]]:
    return [(each.account_id, each.kind.value) for each in found]


def test_the_model_is_that_of_statsmodels_and_scipy() -> None:
    values = noisy(1, 1)[0]

    fit = fitted(values)

    base = values[:-7]
    parts = STL(np.log1p(base), period=7, robust=True).fit(inner_iter=1, outer_iter=5)
    weekday = np.array([parts.seasonal[-28:][np.arange(28) % 7 == each].mean() for each in range(7)])
    flat = np.log1p(base) - weekday[np.arange(len(base)) % 7]
    working = np.arange(len(base)) % 7 < 5
    level = np.median((parts.trend + parts.resid)[-28:])
    assert fit is not None
    assert fit.level == pytest.approx(level)
    assert fit.noise == pytest.approx(stats.median_abs_deviation(flat[working] - level, scale="normal"))
    assert fit.usual[:7] == pytest.approx(np.expm1(level + weekday))


def test_ordinary_weeks_raise_nothing() -> None:
    assert find(book(noisy(2, 12))) == []


def test_a_week_that_lost_two_thirds_is_one_drop_with_its_day_its_figures_and_its_band() -> None:
    events = noisy(3, 12)
    events[4, -7:] = np.round(events[4, -7:] / 3)

    [found] = find(book(events))

    assert (found.account_id, found.kind, found.since) == ("a4", AlertKind.DROP, LAST - timedelta(days=6))
    assert found.size == pytest.approx(2 / 3, abs=0.05)
    assert found.points[-1].day == LAST
    below = [each for each in found.points[-7:-2] if (each.value or 0) < (each.low or 0)]
    assert len(below) == 5


@pytest.mark.parametrize("lost", [[-7], [-6, -4], [-2, -1]], ids=["a day", "two days", "the weekend"])
def test_a_holiday_of_theirs_and_a_quiet_weekend_are_no_drop(lost: list[int]) -> None:
    events = noisy(4, 12)
    events[4, lost] = 0

    assert find(book(events)) == []


def test_under_three_people_and_under_four_weeks_nothing_is_said() -> None:
    events = noisy(5, 12)
    events[4:6, -7:] = np.round(events[4:6, -7:] / 5)
    events[5, : -limits.WINDOW - 27] = np.nan
    people = {**{f"a{row}": 12 for row in range(12)}, "a4": 2}

    assert find(book(events, people=people)) == []
    assert kinds(find(book(events))) == [("a4", "drop")]


def test_where_everybody_falls_all_accounts_together_raise_one_alert() -> None:
    events = noisy(6, 12)
    events[:, -5:] = np.round(events[:, -5:] / 4)

    found = find(book(events[:, 2:-2], last=LAST - timedelta(days=2)))

    assert kinds(found) == [("", "drop")]


def test_a_day_on_which_people_stay_away_is_a_holiday_and_one_on_which_events_do_is_told() -> None:
    events = noisy(7, 12)[:, 2:-2]
    events[:, -1] = np.round(events[:, -1] / 4)
    friday = LAST - timedelta(days=2)
    users = np.round(noisy(7, 12)[:, 2:-2] / 10)

    assert find(book(events, last=friday)) == []
    assert kinds(find(book(events, last=friday, users=users))) == [("", "drop")]
    assert find(book(events, last=friday, users=users, holidays=frozenset({friday}))) == []


def test_a_day_on_which_more_than_half_of_few_accounts_are_low_by_chance_is_not_everybodys() -> None:
    events = noisy(7, 12)[:, 2:-2]
    users = np.round(events / 10)
    most, friday = events.copy(), LAST - timedelta(days=2)
    most[:7, -1] = np.round(events[:7, -1] * 0.4)  # 65 % of all events are left
    nearly_all = most.copy()
    nearly_all[:9, -1] = np.round(events[:9, -1] * 0.4)  # 55 %

    assert find(book(most, last=friday, users=users)) == []
    assert kinds(find(book(nearly_all, last=friday, users=users))) == [("", "drop")]


def test_a_slow_decline_is_told_as_such_and_a_step_is_not() -> None:
    slow, step = noisy(8, 12), noisy(8, 12)
    falling = np.exp(-0.13 * np.clip((np.arange(DAYS) - DAYS + 63) / 7, 0, None))
    slow[4] = np.round(slow[4] * falling)
    step[4, -35:] = np.round(step[4, -35:] / 3)

    assert kinds(find(book(slow))) == [("a4", "decline")]
    assert "decline" not in [kind for _, kind in kinds(find(book(step)))]


def test_a_decline_holds_four_weeks_against_the_five_that_ended_eight_weeks_ago() -> None:
    events = noisy(8, 12)
    users = np.tile(np.where(np.arange(7) < 5, 20.0, 0), (12, DAYS // 7))
    by_week = np.repeat([20.0, 20, 20, 20, 20, 20, 19, 18, 16, 15, 14, 13, 12, 11], 7)
    users[4] = np.where(users[4] > 0, by_week, 0)
    events[4] *= by_week / 20

    [found] = find(book(np.round(events), users=users, people={f"a{row}": 30 for row in range(12)}))

    assert (found.kind, found.days, found.observed) == (AlertKind.DECLINE, 20, 5 * (14 + 13 + 12 + 11))
    assert found.usual == pytest.approx(5 * 4 * 20)
    assert found.size == pytest.approx(1 - 251 / 401)
    assert found.since == LAST - timedelta(days=55)


def test_what_fell_in_the_last_three_weeks_alone_is_no_decline() -> None:
    uneven = np.repeat(np.resize([1.4, 0.7], DAYS // 7), 7)
    events = noisy(8, 12)
    events[4] *= uneven
    slow = events.copy()
    events[4, -21:] *= np.repeat([0.8, 0.5, 0.3], 7)
    slow[4] *= np.exp(-0.13 * np.clip((np.arange(DAYS) - DAYS + 63) / 7, 0, None))
    events[4, -1] = slow[4, -1] = 200  # back on the last day, so no drop either

    assert find(book(np.round(events))) == []
    assert kinds(find(book(np.round(slow)))) == [("a4", "decline")]


def test_fewer_users_who_do_as_much_as_before_are_no_decline() -> None:
    events, users = noisy(8, 12), noisy(8, 12) / 10
    users[4] *= np.exp(-0.13 * np.clip((np.arange(DAYS) - DAYS + 63) / 7, 0, None))

    assert find(book(events, users=np.round(users), sessions=np.round(events / 8))) == []


def test_a_decline_is_held_against_what_all_accounts_lost() -> None:
    weeks = np.clip((np.arange(DAYS) - DAYS + 63) / 7, 0, None)
    events, alone = noisy(8, 12), noisy(8, 12)
    alone[4] *= np.exp(-0.08 * weeks)
    events *= np.exp(-0.03 * weeks)
    events[4] *= np.exp(-0.05 * weeks)
    people = {f"a{row}": 40 for row in range(12)}

    def found(of: Any) -> list[tuple[str, str]]:
        return kinds(find(book(np.round(of), users=np.round(of / 3), people=people)))

    assert found(alone) == [("a4", "decline")]
    assert found(events) == []


def test_the_same_loss_is_told_of_many_people_and_not_of_few() -> None:
    events, users = noisy(9, 12), np.round(noisy(9, 12) / 10)
    users[4:6] = np.where(np.arange(DAYS) % 7 < 5, 3, 0)
    users[5] *= 10
    events[4:6, -7:] = np.round(events[4:6, -7:] * 0.4)
    users[4:6, -7:] = np.round(users[4:6, -7:] * 0.4)
    people = {**{f"a{row}": 12 for row in range(12)}, "a4": 4, "a5": 40}

    assert kinds(find(book(events, users=users, sessions=users, people=people))) == [("a5", "drop")]


def test_a_weekend_goes_with_its_week_and_after_five_weeks_the_new_usual_counts() -> None:
    four_weeks, six_weeks = noisy(15, 12), noisy(15, 12)
    four_weeks[:, -28:] = np.round(four_weeks[:, -28:] * 0.4)
    six_weeks[:, -42:] = np.round(six_weeks[:, -42:] * 0.4)
    four, six = book(four_weeks), book(six_weeks)

    assert not four.judged[-28:].any()
    assert four.judged[-35:-28].all()
    assert six.judged[-42:].all()
    assert not six.judged[:-42].any()


def test_a_spike_of_errors_is_held_against_as_many_events() -> None:
    events = noisy(9, 12)
    errors = np.full_like(events, 2.0)
    errors[4, -3:] = 40

    [found] = find(book(events, errors=errors))

    usual = 2 * 56 / events[4, -59:-3].sum() * events[4, -3:].sum()
    assert (found.account_id, found.kind, found.observed) == ("a4", AlertKind.ERRORS, 120)
    assert found.usual == pytest.approx(usual)


def test_a_funnel_that_converts_half_as_often_is_told_with_the_z_test_of_scipy() -> None:
    counts = np.stack([np.full(DAYS, 10.0), np.full(DAYS, 6.0)])
    counts[1, -14:] = 2

    [found] = find(book(noisy(10, 12), funnels={("a4", "activation"): counts}))

    pooled = (28 + 336) / (140 + 560)
    z = (0.2 - 0.6) / np.sqrt(pooled * (1 - pooled) * (1 / 140 + 1 / 560))
    assert (found.kind, found.subject) == (AlertKind.DROP, "conversion of activation")
    assert found.observed == pytest.approx(0.2)
    assert found.usual == pytest.approx(0.6)
    assert found.score == pytest.approx(-z)


def test_a_funnel_that_few_enter_is_held_against_its_past_over_three_weeks() -> None:
    entered = np.ones(DAYS)
    completed = np.resize([1.0, 0], DAYS)
    completed[-21:] = 0

    [found] = find(book(noisy(10, 12), funnels={("a4", "activation"): np.stack([entered, completed])}))

    pooled = 28 / (21 + 56)
    z = -0.5 / np.sqrt(pooled * (1 - pooled) * (1 / 21 + 1 / 56))
    assert (found.days, found.observed, found.usual) == (21, 0, 0.5)
    assert found.score == pytest.approx(-z)


def test_a_feature_that_one_account_left_is_told_and_one_that_all_left_is_not() -> None:
    used = np.full(DAYS, 3.0)
    left = used.copy()
    left[-14:] = 0
    events = noisy(11, 12)
    one = {(f"a{row}", "export"): left if row == 4 else used for row in range(12)}
    all_of_them = {(f"a{row}", "export"): left for row in range(12)}

    assert kinds(find(book(events, features=one))) == [("a4", "abandoned")]
    assert find(book(events, features=all_of_them)) == []


def test_a_feature_is_not_said_to_be_left_on_days_that_nobody_can_judge() -> None:
    used = np.full(DAYS, 3.0)
    events = noisy(16, 12)
    events[:, -14:] = np.round(events[:, -14:] * 0.6)  # all accounts: moved, and no drop of all
    features = {(f"a{row}", "export"): used for row in range(12)}

    assert find(book(events, features=features)) == []


def test_after_four_weeks_that_nobody_can_judge_no_feature_is_said_to_be_left() -> None:
    events = noisy(16, 12)
    events[:, -27:] = np.round(events[:, -27:] * 0.63)  # all accounts: moved, and no drop of all
    features = {(f"a{row}", "export"): np.full(DAYS, 3.0) for row in range(12)}
    holiday = frozenset({LAST - timedelta(days=30)})

    assert find(book(events, features=features, holidays=holiday)) == []


def test_key_users_are_silent_after_four_weeks_and_only_if_they_are_half_of_them() -> None:
    events = noisy(12, 12)
    gone, on_leave = LAST - timedelta(days=28), LAST - timedelta(days=21)

    assert kinds(find(book(events, quiet={"a4": Quiet(2, 1, gone)}))) == [("a4", "silent")]
    assert find(book(events, quiet={"a4": Quiet(2, 1, on_leave)})) == []
    assert find(book(events, quiet={"a4": Quiet(3, 1, gone)})) == []


def test_key_users_came_on_twenty_days_and_who_went_long_ago_is_none() -> None:
    users = [("a", 20, LAST), ("a", 19, LAST), ("a", 30, LAST - timedelta(days=30)), ("b", 30, LAST)]
    users.append(("b", 30, LAST - timedelta(days=60)))

    found = fleet.quiet(users, LAST)

    assert found == {"a": Quiet(2, 1, LAST - timedelta(days=30)), "b": Quiet(1, 0, date.min)}


def test_a_fall_of_coverage_and_an_event_that_nobody_has_are_problems_of_the_data() -> None:
    events = noisy(13, 12)
    days = [LAST - timedelta(days=ago) for ago in range(DAYS)]
    names = {("Opened", day): 1000 for day in days} | {("Saved", day): 50 for day in days[3:]}
    samples = [Sample(9000, 8100)] * 6

    fell = find(book(events, samples=[*samples, Sample(9000, 6300)]))
    gone = find(book(events, names=names, samples=samples))

    assert [(each.subject, each.kind) for each in fell] == [("coverage", AlertKind.DATA)]
    assert [(each.subject, each.since) for each in gone] == [("Saved", LAST - timedelta(days=2))]
    assert fleet.retired(names, LAST) == ["Saved"]


def test_events_that_stay_away_while_everything_falls_are_an_outage_and_no_broken_tracking() -> None:
    events = noisy(13, 12)
    days = [LAST - timedelta(days=ago) for ago in range(DAYS)]
    opened = {("Opened", day): 100 if day > LAST - timedelta(days=3) else 1000 for day in days}
    saved = {("Saved", day): 50 for day in days[3:]}

    assert find(book(events, names=opened | saved)) == []


def test_a_dismissal_raises_what_the_account_needs_for_the_same_kind() -> None:
    events = noisy(14, 12)
    events[4, -7:] = np.round(events[4, -7:] * 0.45)

    assert kinds(find(book(events))) == [("a4", "drop")]
    assert find(book(events), {("a4", AlertKind.DROP): 1}) == []
    assert kinds(find(book(events), {("a4", AlertKind.ERRORS): 1})) == [("a4", "drop")]
