"""How far a mail got, folded from events that come repeated, late and in any order."""

from collections.abc import Iterable

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
