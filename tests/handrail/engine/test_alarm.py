"""When the nights are not as they should be."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from handrail.domain.alarms import AlarmCause
from handrail.domain.runs import Report
from handrail.engine import alarm as rules

PATIENCE = timedelta(hours=4)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


def night(day: int, *, ran: int | None = None, hour: int = 2, **more: object) -> Report:
    """The night of that as-of day, run on the day after it unless told otherwise."""
    started = at(ran or day + 1, hour)
    given: dict[str, object] = {
        "night": date(2026, 11, day),
        "status": "done",
        "started_at": started,
        "finished_at": started + timedelta(minutes=20),
        "zone": "UTC",
        "mode": "auto",
    }
    return Report.model_validate({**given, **more})


def causes(runs: list[Report], now: datetime, last_sign: datetime | None = None) -> list[AlarmCause]:
    found = rules.alarms(runs, now=now, patience=PATIENCE, last_sign=last_sign)
    return [each.cause for each in found]


@pytest.mark.parametrize(
    ("now", "silent"),
    [
        (at(21, 2, 20), False),
        (at(22, 5, 59), False),
        (at(22, 6, 0), True),
        (at(23, 1, 0), True),
        (at(20, 23, 0), False),
    ],
)
def test_a_night_has_to_be_finished_four_hours_after_two_oclock(now: datetime, silent: bool) -> None:
    runs = [night(20), night(19)]

    assert (AlarmCause.SILENCE in causes(runs, now)) is silent


@pytest.mark.parametrize("hours", [1, 4, 24])
def test_the_night_that_is_due_is_the_last_whose_patience_is_over(hours: int) -> None:
    patience = timedelta(hours=hours)

    assert rules.due(at(22, 2) + patience, patience) == at(22, 2)
    assert rules.due(at(22, 2) + patience - timedelta(seconds=1), patience) == at(21, 2)


def test_before_the_first_night_nothing_is_expected() -> None:
    assert causes([], at(22, 12)) == []
    assert causes([night(20, ran=22, hour=10)], at(22, 12)) == []


def test_a_run_of_an_older_day_is_not_the_night_that_is_missing() -> None:
    runs = [night(20), night(3, ran=22, hour=5)]

    assert causes(runs, at(22, 7)) == [AlarmCause.SILENCE]


def test_a_missed_night_that_was_run_late_ends_the_silence() -> None:
    assert causes([night(21, hour=8), night(20)], at(22, 9)) == []


def test_a_zone_far_west_has_its_night_of_the_day_before() -> None:
    """At 02:00 UTC the last complete day in Los Angeles is the day before yesterday's UTC date."""
    runs = [night(20, ran=22, zone="America/Los_Angeles"), night(19, ran=21, zone="America/Los_Angeles")]

    assert causes(runs, at(22, 9)) == []


def test_a_run_by_hand_on_the_day_before_is_not_the_night_that_is_missing() -> None:
    """It has the same last complete day, for there the day ends after 02:00 UTC."""
    by_hand = night(20, ran=21, hour=20, zone="America/Los_Angeles")

    assert causes([by_hand], at(22, 7)) == [AlarmCause.SILENCE]


@pytest.mark.parametrize(
    ("last_sign", "now", "stuck"),
    [
        (None, at(21, 3, 29), False),
        (None, at(21, 3, 30), True),
        (at(21, 3, 0), at(21, 4, 29), False),
        (at(21, 3, 0), at(21, 4, 30), True),
        (at(20, 22), at(21, 3, 29), False),
    ],
)
def test_a_running_night_without_a_sign_of_life_for_ninety_minutes_is_stuck(
    last_sign: datetime | None, now: datetime, stuck: bool
) -> None:
    running = night(20, status="running", finished_at=None)

    assert (AlarmCause.STUCK in causes([running], now, last_sign)) is stuck


def test_a_failed_night_is_told() -> None:
    assert causes([night(20, status="failed")], at(21, 3)) == [AlarmCause.FAILED]


@pytest.mark.parametrize(
    ("before", "tonight", "found"),
    [
        ([4, 4, 4, 4, 4], {"sent": 0}, [AlarmCause.NO_MAILS]),
        ([2, 2, 2, 2, 2], {"sent": 0}, []),
        ([4, 4, 4, 4], {"sent": 0}, []),
        ([4, 4, 4, 4, 4], {"planned": 1}, []),
        ([4, 4, 4, 4, 4], {"withheld": {"needs_approval": 4}}, []),
        ([4, 4, 4, 4, 4], {"sent": 6, "planned": 6}, [AlarmCause.MANY_MAILS]),
        ([4, 4, 4, 4, 4], {"sent": 11}, []),
        ([0, 0, 4, 90, 90], {"sent": 12}, [AlarmCause.MANY_MAILS]),
        ([1, 1, 1, 1, 1], {"sent": 9}, []),
        ([0, 0, 0, 0, 0], {"sent": 10}, [AlarmCause.MANY_MAILS]),
    ],
)
def test_no_mails_where_some_are_usual_or_three_times_the_usual_is_told(
    before: list[int], tonight: dict[str, Any], found: list[AlarmCause]
) -> None:
    runs = [
        night(20, **tonight),
        *(night(19 - ago, sent=count) for ago, count in enumerate(before)),
    ]

    assert causes(runs, at(21, 3)) == found


def test_nights_of_another_mode_and_nights_that_failed_are_not_compared() -> None:
    others = [night(19 - ago, sent=4, mode="auto") for ago in range(6)]
    failed = [night(12 - ago, sent=4, mode="review", status="failed") for ago in range(6)]

    assert causes([night(20, mode="review"), *others, *failed], at(21, 3)) == []
