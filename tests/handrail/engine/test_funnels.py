"""Funnels as Mixpanel counts them, by hand and against the oracle."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.domain.funnels import Bottleneck, FunnelCounts, FunnelStep
from handrail.engine import funnels
from handrail.engine.funnels import FunnelEvent
from tests import oracle
from tests.oracle_reading import Event

STEPS = ("A", "B", "C")
HOUR = 3600
DAY = 86_400
MONDAY = int(datetime(2026, 11, 16, tzinfo=UTC).timestamp())
ENTRY = (MONDAY, MONDAY + DAY)


def at(seconds: float, name: str, *accounts: str) -> FunnelEvent:
    return MONDAY + int(seconds), name, accounts


def reached(*events: FunnelEvent, window: int = HOUR, steps: tuple[str, ...] = STEPS) -> dict[str, int]:
    return funnels.reached(events, steps, window, ENTRY)


def counts(*users: int) -> FunnelCounts:
    return FunnelCounts(events=tuple("ABCDEF"[: len(users)]), users=users)


def test_each_step_has_to_follow_the_one_before() -> None:
    assert reached(at(0, "A"), at(10, "B"), at(20, "C")) == {"": 3}
    assert reached(at(0, "A"), at(10, "C"), at(20, "B")) == {"": 2}


def test_other_events_and_repeats_may_lie_between_the_steps() -> None:
    assert reached(at(0, "A"), at(5, "X"), at(6, "A"), at(10, "B"), at(12, "B"), at(20, "C")) == {"": 3}


def test_nobody_enters_without_the_first_step() -> None:
    assert reached(at(0, "B"), at(10, "C")) == {}


@pytest.mark.parametrize(("early", "depth"), [(0, 2), (1, 2), (2, 1), (3, 1)])
def test_events_less_than_two_seconds_apart_count_as_simultaneous(early: int, depth: int) -> None:
    """Two whole seconds are no longer within two seconds."""
    assert reached(at(100 - early, "B"), at(100, "A")) == {"": depth}


@pytest.mark.parametrize(("after", "depth"), [(HOUR - 1, 2), (HOUR, 1), (HOUR + 1, 1)])
def test_a_step_lies_strictly_within_the_window(after: int, depth: int) -> None:
    assert reached(at(0, "A"), at(after, "B")) == {"": depth}


def test_the_window_is_counted_from_the_first_step_and_not_from_the_one_before() -> None:
    assert reached(at(0, "A"), at(HOUR - 10, "B"), at(HOUR + 10, "C")) == {"": 2}


def test_the_entry_lies_inside_the_dates_and_the_completion_may_come_later() -> None:
    late = DAY - 60

    assert reached(at(late, "A"), at(DAY + 60, "B"), at(DAY + 120, "C")) == {"": 3}
    assert reached(at(DAY, "A"), at(DAY + 60, "B")) == {}
    assert reached(at(-1, "A"), at(60, "B")) == {}
    assert reached(at(0, "A")) == {"": 1}


def test_the_account_is_that_of_the_first_step_that_has_one() -> None:
    assert reached(at(0, "A"), at(10, "B", "acme"), at(20, "C", "globex")) == {"": 3, "acme": 3}


def test_a_list_of_accounts_counts_for_each() -> None:
    assert reached(at(0, "A", "acme", "globex"), at(10, "B")) == {"": 2, "acme": 2, "globex": 2}


def test_a_user_counts_once_overall_and_once_for_each_account_with_the_first_attempt() -> None:
    events = [
        at(0, "A", "acme"),
        at(2 * HOUR, "A", "acme"),
        at(2 * HOUR + 10, "B", "acme"),
        at(4 * HOUR, "A", "globex"),
        at(4 * HOUR + 10, "B", "globex"),
    ]

    assert reached(*events) == {"": 1, "acme": 1, "globex": 2}


def test_a_further_attempt_waits_until_the_one_before_has_run_out() -> None:
    first = at(0, "A", "acme")

    assert reached(first, at(HOUR - 1, "A", "globex"), at(HOUR, "B", "globex")) == {"": 1, "acme": 1}
    assert reached(first, at(HOUR, "A", "globex"), at(HOUR + 1, "B", "globex")) == {
        "": 1,
        "acme": 1,
        "globex": 2,
    }


def test_a_further_attempt_may_start_once_the_one_before_has_converted() -> None:
    done = [at(0, "A", "acme"), at(10, "B"), at(20, "C")]

    assert reached(*done, at(30, "A", "globex")) == {"": 3, "acme": 3, "globex": 1}


def test_one_event_is_never_two_steps() -> None:
    assert reached(at(0, "A"), at(10, "A"), steps=("A", "A", "A")) == {"": 2}


def test_the_order_in_which_events_arrive_does_not_matter() -> None:
    assert reached(at(20, "C"), at(0, "A"), at(10, "B")) == {"": 3}


def test_users_are_summed_step_by_step() -> None:
    users = [[at(0, "A", "acme"), at(1, "B")], [at(0, "A", "acme")], [at(0, "B", "acme")]]

    counted = funnels.count(users, STEPS, HOUR, ENTRY)

    assert {key: row.users for key, row in counted.items()} == {"": (2, 1, 0), "acme": (2, 1, 0)}


ACCOUNTS = st.sampled_from([(), ("acme",), ("globex",), ("acme", "globex")])
# Whole minutes with a jitter of seconds: windows, entry edges and the two seconds of grace are all met.
TIMES = st.builds(
    lambda minutes, jitter: MONDAY + 60 * minutes + jitter,
    st.integers(-120, 24 * 60 + 180),
    st.sampled_from([-2, -1, 0, 1, 2]),
)
CLOSE = st.builds(lambda near: MONDAY + near, st.integers(0, 12))
EVENTS = st.lists(st.tuples(TIMES | CLOSE, st.sampled_from("ABCX"), ACCOUNTS), max_size=14)


@given(
    users=st.lists(EVENTS, max_size=3),
    steps=st.sampled_from([("A", "B", "C"), ("A", "B", "A"), ("A",), ("A", "A", "B")]),
    window=st.sampled_from([5, 60, HOUR, 3 * HOUR]),
)
def test_the_count_agrees_with_the_oracle(
    users: list[list[FunnelEvent]], steps: tuple[str, ...], window: int
) -> None:
    seen = [
        Event(name, f"user {number}", time, datetime.fromtimestamp(time, UTC).date(), 0, accounts, {})
        for number, events in enumerate(users)
        for time, name, accounts in sorted(events, key=lambda event: event[0])
    ]
    overall, accounts = oracle.funnel_users(seen, list(steps), window, lambda day: day == date(2026, 11, 16))

    counted = {key: list(row.users) for key, row in funnels.count(users, steps, window, ENTRY).items()}

    assert counted == {"": overall, **accounts}


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
