"""The lift against the holdout: Newcombe's interval, and when there is too little to say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.domain.outcomes import Followed
from handrail.engine.lift import LEAST, difference, lift, wilson


@pytest.mark.parametrize(
    ("counts", "low", "high"),
    [
        ((56, 70, 48, 80), 0.0524, 0.3339),
        ((9, 10, 3, 10), 0.1705, 0.8090),
        ((6, 7, 2, 7), 0.0582, 0.8062),
        ((5, 56, 0, 29), -0.0381, 0.1926),
        ((0, 10, 0, 20), -0.1611, 0.2775),
        ((0, 10, 0, 10), -0.2775, 0.2775),
        ((10, 10, 0, 20), 0.6791, 1.0),
        ((10, 10, 0, 10), 0.6075, 1.0),
    ],
)
def test_the_interval_is_that_of_the_examples_in_newcombes_paper(
    counts: tuple[int, int, int, int], low: float, high: float
) -> None:
    """Statistics in Medicine 17 (1998), 873-890, table II, method 10."""
    found = difference(*counts)

    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_of_one_share_is_that_of_the_published_examples(
    count: int, of: int, low: float, high: float
) -> None:
    """Newcombe, Statistics in Medicine 17 (1998), 857-872, table I, method 3."""
    found = wilson(count, of)

    assert (round(found[0], 4), round(found[1], 4)) == (low, high)


def test_the_interval_of_nobody_and_of_everybody_stays_a_share() -> None:
    assert all(wilson(0, of)[0] >= 0 for of in range(1, 500))
    assert all(wilson(of, of)[1] <= 1 for of in range(1, 500))


@st.composite
def shares(draw: st.DrawFn) -> tuple[int, int]:
    of = draw(st.integers(1, 2000))
    return draw(st.integers(0, of)), of


@given(shares(), shares())
def test_the_interval_holds_the_difference_and_stays_a_difference_of_shares(
    treated: tuple[int, int], holdout: tuple[int, int]
) -> None:
    found = difference(*treated, *holdout)

    assert -1 <= found.low <= found.difference <= found.high <= 1


@given(shares(), shares(), st.integers(2, 50))
def test_more_people_with_the_same_shares_make_it_narrower(
    treated: tuple[int, int], holdout: tuple[int, int], times: int
) -> None:
    few = difference(*treated, *holdout)
    many = difference(*(each * times for each in (*treated, *holdout)))

    assert many.difference == pytest.approx(few.difference)
    assert few.low - 1e-9 <= many.low
    assert many.high <= few.high + 1e-9
    assert many.high - many.low < few.high - few.low


@given(shares(), shares())
def test_the_arms_turned_round_turn_the_interval_round(
    treated: tuple[int, int], holdout: tuple[int, int]
) -> None:
    one, other = difference(*treated, *holdout), difference(*holdout, *treated)

    assert one.low == pytest.approx(-other.high)
    assert one.high == pytest.approx(-other.low)


@pytest.mark.parametrize(
    ("treated", "holdout", "said"),
    [(LEAST, LEAST, True), (LEAST - 1, 500, False), (500, LEAST - 1, False), (0, 0, False)],
)
def test_below_twenty_in_either_arm_there_is_too_little_to_say(
    treated: int, holdout: int, said: bool
) -> None:
    assert LEAST == 20
    assert (lift(Followed(people=treated), Followed(people=holdout)) is not None) == said
