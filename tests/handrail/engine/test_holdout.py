"""Who is held out: a fixed share, the same people every time, and nobody before there is volume."""

import hashlib

import pytest

from handrail.engine.holdout import VOLUME, held_out

PEOPLE = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(20_000)]


@pytest.mark.parametrize("share", [0.05, 0.1, 0.5])
def test_about_that_share_of_people_is_held_out(share: float) -> None:
    found = sum(held_out(person, share, volume=VOLUME) for person in PEOPLE)

    # Five standard deviations of a binomial count: sqrt(n p (1 - p)).
    assert abs(found - 20_000 * share) < 5 * (20_000 * share * (1 - share)) ** 0.5


def test_a_larger_share_keeps_those_of_a_smaller_one() -> None:
    few = {person for person in PEOPLE if held_out(person, 0.05, volume=VOLUME)}
    many = {person for person in PEOPLE if held_out(person, 0.2, volume=VOLUME)}

    assert few < many


def test_nobody_is_held_out_before_there_is_volume() -> None:
    assert not any(held_out(person, 0.5, volume=VOLUME - 1) for person in PEOPLE[:100])


def test_a_share_of_nothing_holds_nobody_out() -> None:
    assert not any(held_out(person, 0, volume=10**6) for person in PEOPLE)
