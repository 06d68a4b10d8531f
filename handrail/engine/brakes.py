"""The brakes as a pure function: when a run has to stop mailing, whoever is next."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import median

from handrail.domain.guards import BrakeKind

WINDOW = timedelta(days=7)
"""Bounces and complaints are those of the mails that left in it: most are told within days."""

MOST_BOUNCES = 0.02
LEAST_MAILS = 50
"""Bounces of fewer mails say little: one dead address in forty is more than 2 % already."""

MOST_COMPLAINTS = 0.001
LEAST_COMPLAINTS = 2
"""One complaint is one person's, and more than 0.1 % of any night that is not huge."""

TIMES_USUAL = 3
NIGHTS = 14
LEAST_NIGHTS = 5
"""The usual is the median of the last 14 nights; fewer than five do not tell what is usual."""

LEAST_USUAL = 10
"""A team that mails two people a night is not stopped for the seventh."""

STREAK = 10
"""Mails in a row that failed or stayed unclear: at one error in four this is one chance in a million."""


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What the books say. `mails` left in the last seven days, or since an operator resumed."""

    mails: int
    bounced: int
    complained: int
    tonight: int
    nights: Sequence[int]
    """Mails of past nights."""
    streak: int
    """The newest mails of this night that failed or stayed unclear, in a row."""


def pulled(counts: Counts) -> tuple[BrakeKind, str] | None:
    """The first brake that has to be pulled, and why in words."""
    if counts.mails >= LEAST_MAILS and counts.bounced > MOST_BOUNCES * counts.mails:
        return BrakeKind.BOUNCES, (
            f"{counts.bounced} of {counts.mails} mails of 7 days bounced, more than {MOST_BOUNCES:.0%}"
        )
    if counts.complained >= LEAST_COMPLAINTS and counts.complained > MOST_COMPLAINTS * counts.mails:
        return BrakeKind.COMPLAINTS, (
            f"{counts.complained} readers of {counts.mails} mails of 7 days complained, "
            f"more than {MOST_COMPLAINTS:.1%}"
        )
    if len(counts.nights) >= LEAST_NIGHTS:
        usual = max(median(counts.nights), LEAST_USUAL)
        if counts.tonight >= TIMES_USUAL * usual:
            return BrakeKind.VOLUME, (
                f"{counts.tonight} mails left, {TIMES_USUAL} times the usual {usual:g} of a night"
            )
    if counts.streak >= STREAK:
        return BrakeKind.ERRORS, f"{counts.streak} mails in a row failed or stayed unclear"
    return None
