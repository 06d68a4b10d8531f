"""How far a mail got, whatever the order in which it was told."""

from itertools import permutations

import pytest

from handrail.domain.feedback import FeedbackKind as Kind
from handrail.engine.feedback import reached


@pytest.mark.parametrize(
    ("told", "furthest"),
    [
        ((), None),
        ((Kind.PROCESSED,), Kind.PROCESSED),
        ((Kind.PROCESSED, Kind.DEFERRED, Kind.DELIVERED), Kind.DELIVERED),
        ((Kind.DELIVERED, Kind.BOUNCED), Kind.BOUNCED),
        ((Kind.PROCESSED, Kind.DEFERRED, Kind.BLOCKED), Kind.BLOCKED),
        ((Kind.OPENED, Kind.PROCESSED), Kind.DELIVERED),
        ((Kind.PROCESSED, Kind.DROPPED), Kind.DROPPED),
        ((Kind.COMPLAINED, Kind.PROCESSED), Kind.DELIVERED),
    ],
)
def test_the_order_in_which_events_come_does_not_matter(
    told: tuple[Kind, ...], furthest: Kind | None
) -> None:
    assert {reached(order) for order in permutations(told)} == {furthest}
