"""Funnels as Mixpanel counts them, by hand and against the oracle."""

import statistics
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.domain.funnels import FunnelCounts
from handrail.engine.attempts import Span, Tally
from handrail.engine.uses import FeatureEvent
from tests import oracle
from tests.oracle_reading import Event

STEPS = ("A", "B", "C")
HOUR = 3600
DAY = 86_400
MONDAY = int(datetime(2026, 11, 16, tzinfo=UTC).timestamp())
ENTRY = (MONDAY, MONDAY + DAY)
TUESDAY = (MONDAY + DAY, MONDAY + 2 * DAY)


def at(seconds: float, name: str, *accounts: str) -> FeatureEvent:
    return FeatureEvent(MONDAY + int(seconds), name, accounts)


def count(
    users: Iterable[Sequence[FeatureEvent]],
    steps: tuple[str, ...] = STEPS,
    window: int = HOUR,
    span: Span = ENTRY,
) -> dict[str, FunnelCounts]:
    tally = Tally(steps, window, {"day": span})
    for events in users:
        tally.add(events)
    return tally.counts("day")


def reached(*events: FeatureEvent, window: int = HOUR, steps: tuple[str, ...] = STEPS) -> dict[str, int]:
    """How many steps one user made, by account; "" is the user without a breakdown."""
    counted = count([events], steps, window)
    return {account: sum(row.users) for account, row in counted.items() if any(row.users)}


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

    counted = count(users)

    assert {key: row.users for key, row in counted.items()} == {"": (2, 1, 0), "acme": (2, 1, 0)}


def test_a_span_counts_from_its_own_first_step_whatever_came_before_it() -> None:
    """Monday's attempt is still open on Tuesday: alone, Tuesday begins with its own first step."""
    tally = Tally(("A", "B"), 2 * DAY, {"both": (MONDAY, MONDAY + 2 * DAY), "tuesday": TUESDAY})

    tally.add([at(DAY - 60, "A", "acme"), at(DAY + 60, "A", "acme"), at(2 * DAY + 600, "B", "acme")])

    assert tally.counts("both")["acme"].users == (1, 1)
    assert tally.counts("tuesday")["acme"].users == (1, 1)
    assert tally.counts("both")["acme"].seconds == (None, DAY + 660)
    assert tally.counts("tuesday")["acme"].seconds == (None, DAY + 540)


def test_every_day_and_the_whole_are_counted_in_one_pass() -> None:
    spans = {"monday": ENTRY, "tuesday": TUESDAY, "both": (MONDAY, MONDAY + 2 * DAY)}
    tally = Tally(("A", "B"), HOUR, spans)

    tally.add([at(0, "A", "acme"), at(60, "B"), at(DAY, "A", "acme")])
    tally.add([at(DAY + 5, "A", "acme"), at(DAY + 65, "B")])

    assert {key: tally.counts(key)["acme"].users for key in spans} == {
        "monday": (1, 1),
        "tuesday": (2, 1),
        "both": (2, 2),
    }


def test_the_median_time_of_a_step_is_that_of_the_users_who_made_it() -> None:
    users = [
        [at(0, "A", "acme"), at(10, "B"), at(70, "C")],
        [at(0, "A", "acme"), at(30, "B")],
        [at(0, "A", "acme"), at(20, "B")],
        [at(0, "A", "acme")],
    ]

    assert count(users)["acme"].seconds == (None, 20.0, 60.0)
    assert count(users[:2])["acme"].seconds == (None, 20.0, 60.0)
    assert count(users[3:])["acme"].seconds == (None, None, None)


def test_a_step_inside_the_grace_took_no_time() -> None:
    assert count([[at(99, "B"), at(100, "A", "acme")]])["acme"].seconds == (None, 0.0, None)


ACCOUNTS = st.sampled_from([(), ("acme",), ("globex",), ("acme", "globex")])
# Whole minutes with a jitter of seconds: windows, edges of days and the two seconds of grace are all met.
TIMES = st.builds(
    lambda minutes, jitter: MONDAY + 60 * minutes + jitter,
    st.integers(-120, 3 * 24 * 60 + 180) | st.sampled_from([24 * 60, 2 * 24 * 60]),
    st.sampled_from([-2, -1, 0, 1, 2]),
)
CLOSE = st.builds(lambda near: MONDAY + near, st.integers(0, 12))
EVENTS = st.lists(st.builds(FeatureEvent, TIMES | CLOSE, st.sampled_from("ABCX"), ACCOUNTS), max_size=14)
SPANS = {
    (first, last): (MONDAY + first * DAY, MONDAY + (last + 1) * DAY)
    for first in range(3)
    for last in range(first, 3)
}


def by_the_oracle(
    users: list[list[Event]], steps: list[str], window: int, first: date, last: date
) -> dict[str, tuple[list[int], list[float | None]]]:
    """Users and median waits by account, each user's first attempt of the account in these days."""
    reached: dict[str, list[list[Event]]] = {}
    for mine in users:
        seen: set[str] = set()
        for matched in oracle.attempts_at(mine, steps, window, lambda day: first <= day <= last):
            owners = next((event.accounts for event in matched if event.accounts), ())
            for account in {"", *owners} - seen:
                reached.setdefault(account, []).append(matched)
            seen |= {"", *owners}
    return {
        account: (
            [sum(len(matched) > step for matched in attempts) for step in range(len(steps))],
            [
                statistics.median(waits) if waits else None
                for step in range(len(steps))
                for waits in [
                    [max(0, m[step].time - m[step - 1].time) for m in attempts if step and len(m) > step]
                ]
            ],
        )
        for account, attempts in reached.items()
    }


@given(
    users=st.lists(EVENTS, max_size=3),
    steps=st.sampled_from([("A", "B", "C"), ("A", "B", "A"), ("A",), ("A", "A", "B")]),
    window=st.sampled_from([5, 60, HOUR, 3 * HOUR, 30 * HOUR]),
)
def test_every_span_agrees_with_the_oracle(
    users: list[list[FeatureEvent]], steps: tuple[str, ...], window: int
) -> None:
    seen = [
        [
            Event(
                each.name,
                f"{number}",
                each.time,
                datetime.fromtimestamp(each.time, UTC).date(),
                0,
                each.account_ids,
                {},
            )
            for each in sorted(events, key=lambda event: event.time)
        ]
        for number, events in enumerate(users)
    ]
    tally = Tally(steps, window, SPANS)
    for events in users:
        tally.add(events)

    for first, last in SPANS:
        days = [date(2026, 11, 16) + timedelta(days=after) for after in (first, last)]
        counted = {
            account: (list(row.users), list(row.seconds))
            for account, row in tally.counts((first, last)).items()
            if any(row.users)
        }
        assert counted == by_the_oracle(seen, list(steps), window, days[0], days[1])
