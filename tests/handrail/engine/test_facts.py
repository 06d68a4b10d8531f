"""What is known of an account at the end of a day: small books by hand, and no look into the future."""

from collections.abc import Mapping
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.domain.features import Adopting, Feature
from handrail.domain.health import AccountHistory, Adoption, DayFigures, Facts, History, People
from handrail.domain.metrics import FeatureDay
from handrail.engine.facts import facts

DAY = date(2026, 11, 19)
EVENTS = {"attempt": "Tried", "success": "Done", "error": "Failed"}
STEP = {"id": "s", "event": "Tried", "title": "Try", "url": "https://help.example/s", "text": "Try it."}


def ago(days: int) -> date:
    return DAY - timedelta(days=days)


def feature(slug: str, **adoption: int) -> Feature:
    shape = {
        "slug": slug,
        "title": slug,
        "url": "https://help.example",
        "summary": "",
        "events": EVENTS,
        "steps": (STEP,),
    }
    return Feature.model_validate({**shape, "adoption": Adopting(**adoption)})


def used(slug: str, attempts: int = 0, successes: int = 0, *, errors: int = 0, rage: int = 0) -> FeatureDay:
    return FeatureDay("a", DAY, slug, attempts, successes, errors, 1, 1, rage, 0)


def book(
    *, known: int = 112, windows: Mapping[int, int] | None = None, **accounts: AccountHistory
) -> History:
    return History(accounts, {ago(each) for each in range(known)}, windows or {})


def of(history: History, features: tuple[Feature, ...] = (), people: People | None = None) -> Facts:
    return facts(history, {"a": people} if people else {}, features, DAY)["a"]


def test_days_events_and_users_are_added_up_over_the_window_and_before_it() -> None:
    days = {ago(0): DayFigures(10, 2), ago(27): DayFigures(6, 3), ago(28): DayFigures(8, 1)}
    found = of(book(a=AccountHistory(ago(100), days)))

    assert (found.window_days, found.active_days, found.events, found.user_days) == (28, 2, 16, 5)
    assert (found.usual_days, found.usual_active_days, found.usual_users) == (73, 1, 1.0)
    # 5 and 2 events a user: the median is 3.5.
    assert (found.events_per_user, found.usual_events_per_user) == (3.5, 8.0)
    assert (found.history_days, found.days_silent) == (101, 0)


def test_days_that_were_not_read_are_not_days_without_events() -> None:
    days = {ago(0): DayFigures(10, 2)}
    whole = AccountHistory(ago(100), days)
    history = History({"a": whole}, {ago(each) for each in range(112) if each not in (3, 4, 40)})

    found = of(history)

    assert (found.window_days, found.usual_days, found.history_days) == (26, 72, 98)
    assert len(found.week_users) == 3, "the week with days that were not read says nothing"
    assert len(found.weeks_before_users) == 3


def test_days_before_an_accounts_first_event_are_not_known_of_it() -> None:
    found = of(book(a=AccountHistory(ago(9), {ago(9): DayFigures(1, 1), ago(2): DayFigures(3, 1)})))

    assert (found.window_days, found.history_days, found.usual_days) == (10, 10, 0)
    assert found.week_users == (1,)
    assert found.usual_users is None
    assert found.days_silent == 2


def test_weeks_are_seven_days_back_from_the_day() -> None:
    days = {ago(each): DayFigures(each + 1, 1) for each in range(56)}
    found = of(book(a=AccountHistory(ago(100), days)))

    assert found.week_events == (28, 77, 126, 175)
    assert found.weeks_before_events == (224, 273, 322, 371)
    assert found.week_users == (7, 7, 7, 7)


def test_an_account_that_was_never_seen_yet_has_no_facts_and_a_silent_one_has_zeros() -> None:
    history = book(a=AccountHistory(ago(400)), later=AccountHistory(DAY + timedelta(days=1)))
    found = facts(history, {}, (), DAY)

    assert set(found) == {"a"}
    assert (found["a"].active_days, found["a"].days_silent, found["a"].history_days) == (0, 112, 112)


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ({}, "never"),
        ({0: used("f", 2)}, "tried"),
        ({30: used("f", 2)}, "tried"),
        ({3: used("f", 1, 1)}, "adopted"),
        ({3: used("f", 0, 1)}, "adopted"),
        ({1: used("f", 1, 1), 8: used("f", 1, 1), 27: used("f", 1, 1)}, "habitual"),
        ({1: used("f", 1, 1), 2: used("f", 1, 1), 8: used("f", 1, 1)}, "adopted"),
        ({28: used("f", 1, 1)}, "lapsed"),
        ({28: used("f", 1, 1), 5: used("f", 1)}, "tried"),
    ],
)
def test_adoption_is_told_by_successes_and_when_they_were(days: dict[int, FeatureDay], expected: str) -> None:
    mine = {"f": {ago(each): row for each, row in days.items()}}
    found = of(book(a=AccountHistory(ago(100), features=mine)), (feature("f"),))

    assert [each.state for each in found.adoption] == [expected]


def test_a_document_says_how_many_successes_adoption_takes() -> None:
    mine = {"f": {ago(each): used("f", 1, 1) for each in (1, 8)}}
    history = book(a=AccountHistory(ago(100), features=mine))

    def state(**adoption: int) -> str:
        return of(history, (feature("f", **adoption),)).adoption[0].state

    assert state() == "adopted"
    assert state(habitual_weeks=2) == "habitual"
    assert state(successes=3) == "tried"


def test_features_are_counted_now_and_before_and_only_those_that_are_monitored() -> None:
    mine = {
        "f": {ago(1): used("f", 3, 1, errors=2), ago(60): used("f", 9)},
        "g": {ago(50): used("g", 1)},
        "gone": {ago(1): used("gone", 5, errors=7)},
    }
    found = of(book(a=AccountHistory(ago(100), features=mine)), (feature("f"), feature("g"), feature("h")))

    assert (found.features_used, found.features_before, found.never_tried) == (1, 2, ("h",))
    assert (found.attempts, found.errors) == (3, 2)
    assert found.adoption[1] == Adoption(
        feature="g", state="tried", attempts=0, successes=0, last_used=ago(50)
    )


def test_what_nobody_in_the_fleet_had_was_not_measured() -> None:
    calm = AccountHistory(ago(100), features={"f": {ago(1): used("f", 3)}})
    angry = AccountHistory(ago(100), features={"f": {ago(1): used("f", 3, rage=2)}})

    alone = of(book(a=calm), (feature("f"),))
    beside = of(book(a=calm, b=angry), (feature("f"),))

    assert (alone.errors, alone.rage_clicks, alone.dead_clicks) == (None, None, None)
    assert (beside.errors, beside.rage_clicks, beside.dead_clicks) == (None, 0, None)


def test_entrants_of_a_funnel_count_once_they_can_no_longer_finish() -> None:
    mine = {7: {ago(6): (9, 9), ago(7): (4, 1), ago(34): (2, 2), ago(35): (10, 5), ago(90): (1, 1)}}
    other = {7: {ago(20): (94, 7)}}
    history = book(
        windows={7: 7}, a=AccountHistory(ago(100), funnels=mine), b=AccountHistory(ago(100), funnels=other)
    )
    [found] = of(history).funnels

    assert (found.entered, found.finished) == (6, 3)
    assert (found.past_entered, found.past_finished) == (11, 6)
    assert (found.fleet_entered, found.fleet_finished) == (100, 10)


def test_a_funnel_whose_window_nobody_told_takes_fourteen_days() -> None:
    history = book(a=AccountHistory(ago(100), funnels={7: {ago(13): (9, 9), ago(14): (4, 1)}}))

    assert of(history).funnels[0].entered == 4


days_of = st.dictionaries(
    st.integers(-30, 120).map(ago),
    st.tuples(st.integers(1, 99), st.integers(0, 9)).map(lambda row: DayFigures(*row)),
    max_size=40,
)
feature_days = st.dictionaries(
    st.integers(-30, 120).map(ago),
    st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 3), st.integers(0, 3)).map(
        lambda row: used("f", row[0], row[1], errors=row[2], rage=row[3])
    ),
    max_size=20,
)
funnel_days = st.dictionaries(
    st.integers(-30, 120).map(ago), st.tuples(st.integers(1, 9), st.integers(0, 9)), max_size=20
)


@st.composite
def histories(draw: st.DrawFn) -> History:
    accounts = {}
    for name in ("a", "b"):
        days, uses, entrants = draw(days_of), draw(feature_days), draw(funnel_days)
        if days or uses or entrants:
            first = min([*days, *uses, *entrants])
            accounts[name] = AccountHistory(first, days, {"f": uses}, {1: entrants})
    return History(accounts, draw(st.sets(st.integers(-30, 120).map(ago))), {1: draw(st.integers(1, 30))})


def cut(history: History, window: int) -> History:
    """Without every day after the day, and without what entrants of the last days came to."""
    accounts = {
        name: AccountHistory(
            one.first,
            {day: row for day, row in one.days.items() if day <= DAY},
            {slug: {d: row for d, row in days.items() if d <= DAY} for slug, days in one.features.items()},
            {
                funnel: {
                    day: row if day <= ago(window) else (row[0], 0) for day, row in days.items() if day <= DAY
                }
                for funnel, days in one.funnels.items()
            },
        )
        for name, one in history.accounts.items()
        if one.first <= DAY
    }
    return History(accounts, {day for day in history.known if day <= DAY}, history.windows)


@settings(deadline=None, max_examples=60)
@given(history=histories())
def test_days_after_the_day_do_not_matter(history: History) -> None:
    monitored = (feature("f"),)

    assert facts(history, {}, monitored, DAY) == facts(cut(history, history.windows[1]), {}, monitored, DAY)


@settings(deadline=None, max_examples=60)
@given(history=histories())
def test_figures_never_exceed_what_they_are_part_of(history: History) -> None:
    for found in facts(history, {}, (feature("f"),), DAY).values():
        assert found.active_days <= 28
        assert found.window_days <= min(28, found.history_days)
        assert found.usual_days <= 84
        assert len(found.week_users) <= 4
        assert found.features_used <= 1
