"""The engagement score: every component by hand, and what must hold whatever the figures are."""

from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from handrail.domain.health import (
    Adoption,
    ComponentName,
    Facts,
    FunnelFacts,
    People,
    Score,
    ScoreSettings,
)
from handrail.engine.score import band, moved, score, worth
from handrail.services.score_file import read

SETTINGS = read()
DAY = date(2026, 11, 19)
USERS = People(
    users_7=8,
    users_28=10,
    users_84=16,
    events=1000,
    top_events=250,
    events_before=400,
    quiet_top_events=100,
    struggling=1,
)
FUNNEL = FunnelFacts(
    funnel_id=1,
    entered=35,
    finished=15,
    past_entered=45,
    past_finished=25,
    fleet_entered=400,
    fleet_finished=200,
)


def adopted(*states: str) -> tuple[Adoption, ...]:
    return tuple(
        Adoption.model_validate(
            {
                "feature": f"f{number}",
                "state": state,
                "attempts": int(state in {"tried", "adopted", "habitual"}),
                "successes": 0,
            }
        )
        for number, state in enumerate(states)
    )


def known(**changes: Any) -> Facts:
    """An account of ten users with everything measured."""
    whole: dict[str, Any] = {
        "account": "a",
        "as_of": DAY,
        "history_days": 112,
        "window_days": 28,
        "active_days": 14,
        "events": 1000,
        "user_days": 56,
        "days_silent": 1,
        "usual_days": 84,
        "usual_active_days": 60,
        "usual_users": 4.0,
        "events_per_user": 12.0,
        "usual_events_per_user": 10.0,
        "week_users": (10, 12, 14, 20),
        "weeks_before_users": (20, 22, 24, 26),
        "week_events": (100, 120, 140, 900),
        "weeks_before_events": (230, 230, 200, 0),
        "adoption": adopted("habitual", "tried", "lapsed", "never"),
        "features_before": 3,
        "attempts": 40,
        "errors": 8,
        "rage_clicks": 3,
        "dead_clicks": 2,
        "funnels": (FUNNEL,),
        "people": USERS,
    }
    return Facts.model_validate({**whole, **changes})


def scored(**changes: Any) -> Score:
    return score(known(**changes), SETTINGS)


def value(name: ComponentName, **changes: Any) -> float | None:
    return next(each.value for each in scored(**changes).components if each.name == name)


def figure(name: str, **changes: Any) -> Any:
    """The raw figure, and what it is worth."""
    found = [each for part in scored(**changes).components for each in part.figures if each.name == name]
    return found[0].raw, found[0].points


def test_frequency_is_days_active_and_daily_over_monthly_users() -> None:
    # 14 of 28 days: 0.5, a third of the way from 0.4 (75) to 0.7 (100).
    assert figure("active_days") == (0.5, pytest.approx(75 + 25 / 3))
    # 56 user days in 28 days are 2 users a day, of 10: 0.2, a third of the way from 0.15 (60) to 0.3 (85).
    assert figure("stickiness") == (0.2, pytest.approx(60 + 25 / 3))
    assert value("frequency") == pytest.approx((75 + 60 + 50 / 3) / 2)


def test_breadth_is_seats_in_use_and_features_in_use() -> None:
    # 10 of the 16 people of 84 days: 0.625, 0.3125 of the way from 0.5 (70) to 0.9 (100).
    assert figure("seats") == (0.625, pytest.approx(70 + 30 * 0.3125))
    # 2 of 4 features had an attempt: 0.5 is worth 70.
    assert figure("features") == (0.5, 70.0)
    # With 40 seats known, 10 of 40: 0.25 is worth 40.
    assert figure("seats", people=USERS.model_copy(update={"seats": 40})) == (0.25, 40.0)
    # More users than profiles: everybody is there.
    assert figure("seats", people=USERS.model_copy(update={"seats": 4})) == (1.0, 100.0)


def test_depth_is_events_per_user_against_the_accounts_own_usual() -> None:
    # 12 for 10: 1.2, two fifths of the way from 1 (80) to 1.5 (100).
    assert figure("events_per_user") == (pytest.approx(1.2), pytest.approx(88.0))


def test_trend_compares_median_weeks_and_one_wild_week_changes_little() -> None:
    # Users: medians 13 and 23, 3 added to both: 16/26 = 0.6154, 0.3846 of the way from 0.5 (25) to 0.8 (60).
    raw = 16 / 26
    assert figure("users_trend") == (pytest.approx(raw), pytest.approx(25 + 35 * (raw - 0.5) / 0.3))
    # Events: medians 130 and 215 in spite of a week of 900 and one of 0; 20 added: 150/235.
    raw = 150 / 235
    assert figure("events_trend") == (pytest.approx(raw), pytest.approx(25 + 35 * (raw - 0.5) / 0.3))


def test_funnels_are_compared_with_their_own_past_and_with_everybody() -> None:
    # Everybody converts 0.5. With 5 more who do so: now 17.5/40 = 0.4375, before 27.5/50 = 0.55.
    raw = 0.4375 / 0.55
    assert figure("funnels_own") == (pytest.approx(raw), pytest.approx(30 + 50 * (raw - 0.5) / 0.5))
    # Against everybody: 0.4375/0.5 = 0.875, three quarters of the way from 0.5 (40) to 1 (80).
    assert figure("funnels_fleet") == (pytest.approx(0.875), pytest.approx(70.0))


def test_several_funnels_weigh_by_their_entrants() -> None:
    other = FUNNEL.model_copy(update={"funnel_id": 2, "entered": 5, "finished": 5})
    # The second: (5 + 2.5) / 10 = 0.75 against 0.5 is 1.5. (35 x 0.875 + 5 x 1.5) / 40.
    assert figure("funnels_fleet", funnels=(FUNNEL, other))[0] == pytest.approx(0.953125)


def test_friction_is_errors_frustration_and_people_who_are_stuck() -> None:
    # 8 errors in 40 attempts: 0.2, half of the way from 0.1 (80) to 0.3 (50).
    assert figure("errors") == (0.2, pytest.approx(65.0))
    # (3 + 2 / 2) / 40 = 0.1 is worth 80.
    assert figure("frustration") == (0.1, 80.0)
    # 1 of 8: 0.125, half of the way from 0.05 (80) to 0.2 (40).
    assert figure("struggling") == (0.125, pytest.approx(60.0))
    assert value("friction") == pytest.approx(0.4 * 65 + 0.2 * 80 + 0.4 * 60)


def test_recency_forgives_the_gap_that_is_usual_for_the_account() -> None:
    # Active on 60 of 84 days: one day in 1.4. Silent for a day: 0.6 beyond it, 0.3 of the way to 2 (85).
    assert figure("silence") == (pytest.approx(0.6), pytest.approx(95.5))
    # Active one day in seven: six days of silence are nothing unusual.
    assert figure("silence", days_silent=6, usual_active_days=12) == (0.0, 100.0)
    # Without a past nothing is forgiven: 6 is worth 55.
    assert figure("silence", days_silent=6, usual_days=0, usual_active_days=0) == (6.0, 55.0)


def test_the_score_is_the_weighted_mean_of_its_components() -> None:
    made = scored()
    weights = {
        "frequency": 15,
        "breadth": 15,
        "depth": 10,
        "trend": 25,
        "funnels": 10,
        "friction": 10,
        "recency": 15,
    }

    values = {each.name: each.value or 0.0 for each in made.components}
    assert made.value == pytest.approx(sum(weights[name] * values[name] for name in values) / 100)
    assert made.coverage == 1.0
    assert (made.band, made.why) == ("watch", "")


def test_what_was_not_measured_is_left_out_and_its_weight_with_it() -> None:
    whole, without = scored(), scored(errors=None, rage_clicks=None, dead_clicks=None, people=None)
    friction = {each.name: each for each in without.components}["friction"]

    assert (friction.value, friction.share, friction.contribution) == (None, 0.0, 0.0)
    assert without.coverage == pytest.approx(0.9)
    assert sum(each.share for each in without.components) == pytest.approx(1.0)
    assert all(
        each.share * 0.9 == pytest.approx(each.weight / 100) for each in without.components if each.value
    )
    assert whole.coverage == 1.0


def test_one_figure_that_was_not_measured_leaves_its_component_to_the_others() -> None:
    assert value("friction", errors=None, rage_clicks=None, dead_clicks=None) == pytest.approx(60.0)
    assert value("breadth", people=None) == 70.0


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("active_days", {"window_days": 0, "active_days": 0}),
        ("stickiness", {"people": People(users_28=0)}),
        ("seats", {"people": USERS, "usual_days": 10}),
        ("features", {"adoption": ()}),
        ("events_per_user", {"usual_days": 13}),
        ("events_per_user", {"events_per_user": None}),
        ("users_trend", {"weeks_before_users": (20,)}),
        ("events_trend", {"week_events": (0, 0, 0, 0), "weeks_before_events": (0, 0, 0, 0)}),
        ("funnels_own", {"funnels": (FUNNEL.model_copy(update={"past_entered": 4}),)}),
        ("funnels_fleet", {"funnels": (FUNNEL.model_copy(update={"entered": 4, "finished": 0}),)}),
        ("funnels_fleet", {"funnels": (FUNNEL.model_copy(update={"fleet_finished": 0}),)}),
        ("errors", {"attempts": 4}),
        ("frustration", {"rage_clicks": None, "dead_clicks": None}),
        ("struggling", {"people": USERS.model_copy(update={"struggling": None})}),
    ],
)
def test_too_little_is_not_measured_and_never_zero(name: str, changes: dict[str, Any]) -> None:
    assert figure(name, **changes) == (None, None)


def test_a_small_account_is_compared_with_itself() -> None:
    small = {"usual_users": 1.5, "usual_active_days": 24, "active_days": 8}
    # A day in 3.5 is usual, 8 of 28 days are just that: worth 80, where 0.286 would be worth 59.
    assert figure("active_days", **small) == (pytest.approx(1.0), pytest.approx(80.0))
    # It used one feature before and uses it now: 1 is worth 85, where one of four would be worth 40.
    same = adopted("adopted", "never", "never", "never")
    assert figure("features", **small, adoption=same, features_before=1) == (1.0, 85.0)
    # It never used any: that is not held against it.
    none = adopted("never", "never", "never", "never")
    assert figure("features", **small, adoption=none, features_before=0) == (None, None)
    assert figure("features", adoption=none, features_before=0) == (0.0, 0.0)


def test_an_account_that_is_too_young_has_no_score_and_a_reason() -> None:
    young = scored(history_days=13)

    assert (young.value, young.band) == (None, None)
    assert "13 days are known" in young.why
    assert "a score needs 14" in young.why


@pytest.mark.parametrize(
    ("total", "expected"),
    [(100, "healthy"), (75, "healthy"), (74.9, "watch"), (50, "watch"), (49.9, "at_risk"), (0, "at_risk")],
)
def test_bands_begin_where_the_file_says(total: float, expected: str) -> None:
    assert band(total, SETTINGS) == expected


def test_confidence_needs_coverage_history_and_users() -> None:
    assert scored().confidence == "high"
    assert scored(history_days=83).confidence == "medium"
    assert scored(people=USERS.model_copy(update={"users_28": 3})).confidence == "medium"
    assert scored(people=USERS.model_copy(update={"users_28": 2})).confidence == "low"
    assert scored(history_days=41).confidence == "low"


def test_a_segment_has_weights_of_its_own() -> None:
    changed = SETTINGS.model_copy(update={"segments": {"free": {"recency": 0.0, "trend": 40.0}}})
    shares = {each.name: each.share for each in score(known(), changed, segment="free").components}

    assert shares["recency"] == 0.0
    assert shares["trend"] == pytest.approx(0.4)
    assert score(known(), changed, segment="else").components == score(known(), SETTINGS).components


def test_a_segment_without_any_weight_is_refused() -> None:
    nothing = {"free": dict.fromkeys(SETTINGS.weights, 0)}

    with pytest.raises(ValidationError, match="at least one component"):
        ScoreSettings.model_validate({**SETTINGS.model_dump(), "segments": nothing})


def test_key_person_and_quiet_champion_are_shares_of_events() -> None:
    assert known().key_person_share == 0.25
    assert known().quiet_champion_share == 0.25
    assert known(people=None).key_person_share is None
    assert known(people=People(events=0, top_events=0)).key_person_share is None


def test_what_moved_a_score_is_what_changed_and_adds_up_to_the_change() -> None:
    before, now = scored(), scored(week_users=(1, 1, 1, 1), days_silent=5)
    then = {each.name: each.value for each in before.components}

    moves = moved(now, then, SETTINGS)

    assert [each.component for each in moves] == ["trend", "recency"]
    assert now.value is not None
    assert before.value is not None
    assert sum(each.points for each in moves) == pytest.approx(now.value - before.value)


def test_a_component_that_comes_in_moves_the_score_by_how_far_it_lies_from_the_rest() -> None:
    before, now = scored(funnels=()), scored()
    assert before.value is not None
    assert now.value is not None

    [move] = moved(now, {each.name: each.value for each in before.components}, SETTINGS)

    # The other nine tenths did not move: one tenth of the distance between funnels and their mean.
    funnels = value("funnels")
    assert funnels is not None
    assert (move.component, move.before, move.now) == ("funnels", None, funnels)
    assert move.points == pytest.approx(0.1 * (funnels - before.value))
    assert move.points == pytest.approx(now.value - before.value)


parts = st.dictionaries(
    st.sampled_from(list(SETTINGS.weights)), st.none() | st.floats(0, 100), min_size=7, max_size=7
)


@settings(deadline=None)
@given(then=parts, now=parts)
def test_moves_always_add_up(
    then: dict[ComponentName, float | None], now: dict[ComponentName, float | None]
) -> None:
    def mean(values: dict[ComponentName, float | None]) -> float:
        rows = [(SETTINGS.weights[name], each) for name, each in values.items() if each is not None]
        return sum(w * v for w, v in rows) / sum(w for w, _ in rows) if rows else 0.0

    made = scored()
    total = sum(SETTINGS.weights[name] for name, each in now.items() if each is not None)
    components = [
        each.model_copy(
            update={
                "value": now[each.name],
                "contribution": (now[each.name] or 0.0) * each.weight / total if total else 0.0,
            }
        )
        for each in made.components
    ]
    moves = moved(made.model_copy(update={"components": tuple(components)}), then, SETTINGS)

    assert sum(each.points for each in moves) == pytest.approx(mean(now) - mean(then), abs=1e-6)


@settings(deadline=None)
@given(raw=st.floats(-5, 5), name=st.sampled_from(list(SETTINGS.figures)))
def test_worth_is_the_line_that_numpy_draws(raw: float, name: Any) -> None:
    points = SETTINGS.figures[name].points

    xs, ys = [x for x, _ in points], [y for _, y in points]
    assert worth(raw, points) == pytest.approx(np.interp(raw, xs, ys))


counts = st.integers(0, 500)
better: dict[str, tuple[Any, int]] = {
    "active_days": (st.integers(0, 27), 1),
    "user_days": (counts, 1),
    "events_per_user": (st.floats(0.01, 100), 1),
    "errors": (counts, -1),
    "rage_clicks": (counts, -1),
    "dead_clicks": (counts, -1),
    "days_silent": (st.integers(0, 111), -1),
}


@settings(deadline=None)
@given(data=st.data(), name=st.sampled_from(list(better)))
def test_more_of_a_good_figure_never_lowers_the_score(data: st.DataObject, name: str) -> None:
    values, sign = better[name]
    base = known(usual_users=data.draw(st.floats(0, 9)), attempts=data.draw(st.integers(5, 100)))
    low = data.draw(values)
    high = low + data.draw(st.integers(0, 50))
    if name == "active_days":
        high = min(28, high)
    worse, best = (
        score(base.model_copy(update={name: each}), SETTINGS).value
        for each in ((low, high) if sign > 0 else (high, low))
    )

    assert worse is not None
    assert best is not None
    assert worse <= best + 1e-9


@settings(deadline=None)
@given(place=st.integers(0, 3), more=counts, name=st.sampled_from(["week_users", "week_events"]))
def test_a_better_week_never_lowers_the_score(place: int, more: int, name: str) -> None:
    facts = known()
    weeks = list(getattr(facts, name))
    weeks[place] += more

    after = score(facts.model_copy(update={name: tuple(weeks)}), SETTINGS).value
    before = score(facts, SETTINGS).value

    assert after is not None
    assert before is not None
    assert after >= before - 1e-9


@settings(deadline=None)
@given(data=st.data())
def test_more_finishers_users_or_features_never_lower_the_score(data: st.DataObject) -> None:
    facts = known()
    finished = data.draw(st.integers(0, 34))
    users = data.draw(st.integers(2, 15))
    stuck = data.draw(st.integers(1, 8))
    pairs: list[Any] = [
        ({"funnels": (FUNNEL.model_copy(update={"finished": finished + n}),)} for n in (0, 1)),
        ({"people": USERS.model_copy(update={"struggling": stuck - n})} for n in (0, 1)),
        ({"adoption": adopted(*["tried"] * n, *["never"] * (4 - n))} for n in (users % 4, users % 4 + 1)),
        ({"people": USERS.model_copy(update={"seats": 40 + users - n})} for n in (0, 1)),
    ]
    for pair in pairs:
        before, after = (score(facts.model_copy(update=each), SETTINGS).value for each in pair)
        assert before is not None
        assert after is not None
        assert after >= before - 1e-9


@st.composite
def any_facts(draw: st.DrawFn) -> Facts:
    window = draw(st.integers(0, 28))
    users = draw(
        st.none() | st.integers(0, 50).map(lambda n: People(users_7=n // 2, users_28=n, users_84=2 * n))
    )
    weeks = st.lists(counts, max_size=4).map(tuple)
    return known(
        window_days=window,
        active_days=draw(st.integers(0, window)),
        history_days=draw(st.integers(0, 112)),
        days_silent=draw(st.integers(0, 112)),
        user_days=draw(counts),
        usual_days=draw(st.integers(0, 84)),
        usual_active_days=0,
        usual_users=draw(st.none() | st.floats(0, 50)),
        events_per_user=draw(st.none() | st.floats(0, 1000)),
        week_users=draw(weeks),
        weeks_before_users=draw(weeks),
        week_events=draw(weeks),
        weeks_before_events=draw(weeks),
        attempts=draw(counts),
        errors=draw(st.none() | counts),
        rage_clicks=draw(st.none() | counts),
        funnels=draw(st.sampled_from([(), (FUNNEL,)])),
        people=users,
    )


@settings(deadline=None)
@given(facts=any_facts())
def test_a_score_lies_between_0_and_100_and_is_the_sum_of_its_contributions(facts: Facts) -> None:
    made = score(facts, SETTINGS)

    assert 0 <= made.coverage <= 1
    for each in made.components:
        assert (each.value is None) == (each.share == 0.0)
        assert (each.value is None) == all(one.points is None for one in each.figures)
    if made.value is None:
        assert made.why
    else:
        assert 0 <= made.value <= 100
        assert sum(each.contribution for each in made.components) == pytest.approx(made.value)
        assert sum(each.share for each in made.components) == pytest.approx(1.0)
