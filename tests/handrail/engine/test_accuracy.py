"""How far two counts agree."""

import pytest

from handrail.engine.accuracy import accuracy


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ({("a", "1"): 10}, {("a", "1"): 10}, 1.0),
        ({("a", "1"): 9}, {("a", "1"): 10}, 0.9),
        ({("a", "1"): 10, ("b", "1"): 1}, {("a", "1"): 10}, 0.9),
        ({}, {("a", "1"): 10}, 0.0),
        ({("a", "1"): 5, ("b", "1"): 15}, {("a", "1"): 10, ("b", "1"): 10}, 0.5),
        ({("a", "1"): 3}, {}, None),
        ({}, {}, None),
    ],
)
def test_accuracy_is_one_less_the_share_that_differs(
    ours: dict[tuple[str, str], int], theirs: dict[tuple[str, str], int], expected: float | None
) -> None:
    assert accuracy(ours, theirs) == (None if expected is None else pytest.approx(expected))
