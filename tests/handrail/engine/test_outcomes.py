"""Whether a success is the outcome of a mail, moment by moment."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from handrail.domain.outcomes import Arm, Followed, Outcome, OutcomeCount
from handrail.engine.outcomes import arm, comparable, follow

SENT = datetime(2026, 11, 21, 2, tzinfo=UTC)
ENDS = datetime(2026, 11, 28, 2, tzinfo=UTC)
LATE = timedelta(days=5)
SECOND = timedelta(seconds=1)


def outcome(**changes: Any) -> Outcome:
    values = {
        "delivery_id": "one",
        "user_key": "somebody",
        "arm": "treated",
        "feature": "export",
        "window_ends": ENDS,
        "succeeded_before": False,
    }
    return Outcome.model_validate({**values, **changes})


def completed(one: Outcome, *moments: datetime) -> datetime | None:
    successes = [int(each.timestamp()) for each in moments]
    return follow(one, successes, now=ENDS, late=LATE).completed_at


@pytest.mark.parametrize(
    ("at", "counts"),
    [
        (SENT - SECOND, False),
        (SENT, False),
        (SENT + SECOND, True),
        (ENDS - SECOND, True),
        (ENDS, True),
        (ENDS + SECOND, False),
    ],
)
def test_a_success_counts_within_seven_days_after_the_mail(at: datetime, counts: bool) -> None:
    assert (completed(outcome(), at) is not None) == counts


def test_the_first_success_inside_the_window_is_the_moment() -> None:
    inside = SENT + timedelta(days=2)

    assert completed(outcome(), ENDS - SECOND, inside, SENT - SECOND) == inside


def test_the_window_begins_with_the_delivery_once_it_is_known() -> None:
    delivered = SENT + timedelta(days=2)
    one = outcome(delivered_at=delivered)

    assert completed(one, SENT + timedelta(days=1)) is None
    assert completed(one, ENDS + timedelta(days=1)) == ENDS + timedelta(days=1)
    assert follow(one, [], now=ENDS, late=LATE).window_ends == ENDS + timedelta(days=2)


def test_who_had_succeeded_before_completes_nothing() -> None:
    assert completed(outcome(succeeded_before=True), SENT + timedelta(days=1)) is None


@pytest.mark.parametrize(("now", "settled"), [(ENDS + LATE - SECOND, False), (ENDS + LATE, True)])
def test_a_window_is_settled_when_late_events_are_in(now: datetime, settled: bool) -> None:
    assert follow(outcome(), [], now=now, late=LATE).settled == settled


def counted(night: int, which: Arm, number: int, **changes: bool) -> OutcomeCount:
    values: dict[str, Any] = {"succeeded_before": False, "settled": True, "completed": False, **changes}
    return OutcomeCount(
        feature="export",
        night=date(2026, 11, night),
        arm=which,
        outcomes=number,
        **values,
    )


COUNTS = [
    counted(1, "treated", 7, completed=True),
    counted(2, "treated", 5),
    counted(2, "holdout", 3, completed=True),
    counted(3, "treated", 4, completed=True),
    counted(3, "treated", 2, settled=False),
    counted(3, "treated", 1, settled=False, completed=True),
    counted(3, "treated", 9, succeeded_before=True),
    counted(3, "holdout", 6),
]


def test_an_arm_adds_up_who_was_followed_who_is_open_and_who_had_succeeded_before() -> None:
    assert arm(COUNTS, "treated") == Followed(people=16, completed=11, open=3, succeeded_before=9)
    assert arm(COUNTS, "holdout") == Followed(people=9, completed=3)


def test_mails_of_nights_that_held_nobody_out_yet_are_not_compared() -> None:
    assert arm(comparable(COUNTS), "treated") == Followed(people=9, completed=4, open=3, succeeded_before=9)
    assert comparable([each for each in COUNTS if each.arm == "treated"]) == []
