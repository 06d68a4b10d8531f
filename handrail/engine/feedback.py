"""How far a mail got, folded from events that come repeated, late and in any order."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from handrail.domain.feedback import FeedbackKind

_RANK = (
    FeedbackKind.PROCESSED,
    FeedbackKind.DEFERRED,
    FeedbackKind.DELIVERED,
    FeedbackKind.DROPPED,
    FeedbackKind.BLOCKED,
    FeedbackKind.BOUNCED,
)
"""The later wins, whenever it was told: a bounce may come days after `delivered`."""

PROVES_ACCEPTANCE = frozenset(FeedbackKind) - {FeedbackKind.DROPPED}
"""Such an event is told only of a mail that was taken on; a dropped one was thrown away."""


def reached(kinds: Iterable[FeedbackKind]) -> FeedbackKind | None:
    """The furthest point of the way to the inbox; None while nothing was told of it.

    Who opens, clicks or complains got the mail, even where nobody said `delivered`.
    """
    found = {FeedbackKind.DELIVERED if kind not in _RANK else kind for kind in kinds}
    return max(found, key=_RANK.index, default=None)


_LOST = {FeedbackKind.BOUNCED, FeedbackKind.BLOCKED, FeedbackKind.DROPPED}


class Ways(NamedTuple):
    """How many mails arrived, were lost on the way, and were followed to their page by their reader."""

    delivered: int
    lost: int
    clicked: int


def ways(told: Mapping[frozenset[FeedbackKind], int]) -> Ways:
    """Mails counted by how far they got. `told` counts mails of which the same kinds were told."""
    furthest: Counter[FeedbackKind | None] = Counter()
    for kinds, mails in told.items():
        furthest[reached(kinds)] += mails
    return Ways(
        delivered=furthest[FeedbackKind.DELIVERED],
        lost=sum(furthest[kind] for kind in _LOST),
        clicked=sum(mails for kinds, mails in told.items() if FeedbackKind.CLICKED in kinds),
    )
