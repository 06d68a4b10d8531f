"""Whether somebody completed a feature after they were mailed, or after they were held out."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from handrail.domain.outcomes import Arm, Followed, Outcome, OutcomeCount

WINDOW = timedelta(days=7)
"""So long after the mail a success counts as its outcome."""


def window_ends(outcome: Outcome) -> datetime:
    """A mail's window begins with its delivery once that is known, else when it was sent."""
    delivered = outcome.delivered_at
    return delivered + WINDOW if outcome.arm == "treated" and delivered else outcome.window_ends


def follow(outcome: Outcome, successes: Iterable[int], *, now: datetime, late: timedelta) -> Outcome:
    """The outcome as it stands `now`. `successes` are epoch seconds, in any order.

    Settled when events that come `late` are in. Who had succeeded before completes nothing.
    """
    ends = window_ends(outcome)
    begins = ends - WINDOW
    inside = [at for at in successes if begins.timestamp() < at <= ends.timestamp()]
    first = min(inside, default=None) if not outcome.succeeded_before else None
    return outcome.model_copy(
        update={
            "window_ends": ends,
            "completed_at": datetime.fromtimestamp(first, UTC) if first is not None else None,
            "settled": ends + late <= now,
        }
    )


def arm(counts: Iterable[OutcomeCount], which: Arm) -> Followed:
    """One arm added up."""
    mine = [each for each in counts if each.arm == which]
    fresh = [each for each in mine if not each.succeeded_before]
    settled = [each for each in fresh if each.settled]
    return Followed(
        people=_sum(settled),
        completed=_sum(each for each in settled if each.completed),
        open=_sum(each for each in fresh if not each.settled),
        succeeded_before=_sum(each for each in mine if each.succeeded_before),
    )


def comparable(counts: Sequence[OutcomeCount]) -> list[OutcomeCount]:
    """Those of nights since the first that held somebody out: before it there was nobody to compare with."""
    first = min((each.night for each in counts if each.arm == "holdout"), default=None)
    return [each for each in counts if first is not None and each.night >= first]


def _sum(counts: Iterable[OutcomeCount]) -> int:
    return sum(each.outcomes for each in counts)
