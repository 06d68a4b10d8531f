"""The brakes: each at its bound, and none on a day like any other."""

from typing import Any

import pytest

from handrail.domain.guards import BrakeKind
from handrail.engine.brakes import Counts, pulled

CALM: dict[str, Any] = {
    "mails": 1000,
    "bounced": 5,
    "complained": 0,
    "tonight": 20,
    "nights": (20, 25, 18, 30, 22),
    "streak": 0,
}


def brake(**counts: Any) -> BrakeKind | None:
    found = pulled(Counts(**{**CALM, **counts}))
    return found[0] if found else None


def test_an_ordinary_night_is_not_stopped() -> None:
    assert brake() is None


@pytest.mark.parametrize(
    ("mails", "bounced", "stops"),
    [(1000, 20, False), (1000, 21, True), (50, 1, False), (50, 2, True), (49, 49, False)],
)
def test_more_than_two_in_a_hundred_bounces_stop_a_run(mails: int, bounced: int, stops: bool) -> None:
    assert (brake(mails=mails, bounced=bounced) is BrakeKind.BOUNCES) is stops


@pytest.mark.parametrize(
    ("mails", "complained", "stops"),
    [(2000, 2, False), (1999, 2, True), (3000, 4, True), (30, 1, False), (30, 2, True)],
)
def test_more_than_one_complaint_in_a_thousand_mails_stops_a_run(
    mails: int, complained: int, stops: bool
) -> None:
    assert (brake(mails=mails, bounced=0, complained=complained) is BrakeKind.COMPLAINTS) is stops


@pytest.mark.parametrize(
    ("tonight", "nights", "stops"),
    [
        (65, (20, 25, 18, 30, 22), False),
        (66, (20, 25, 18, 30, 22), True),
        (500, (20, 25, 18, 30), False),
        (29, (0, 1, 0, 2, 1), False),
        (30, (0, 1, 0, 2, 1), True),
        (90, (20, 900, 25, 30, 31), True),
    ],
)
def test_three_times_the_usual_night_stops_a_run(tonight: int, nights: tuple[int, ...], stops: bool) -> None:
    assert (brake(tonight=tonight, nights=nights) is BrakeKind.VOLUME) is stops


@pytest.mark.parametrize(("streak", "stops"), [(9, False), (10, True)])
def test_ten_mails_in_a_row_that_were_not_taken_stop_a_run(streak: int, stops: bool) -> None:
    assert (brake(streak=streak) is BrakeKind.ERRORS) is stops


def test_a_brake_says_what_it_saw() -> None:
    found = pulled(Counts(**{**CALM, "mails": 60, "bounced": 2}))

    assert found == (BrakeKind.BOUNCES, "2 of 60 mails of 7 days bounced, more than 2%")
