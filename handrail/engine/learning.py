"""Which style a person's tutorial is told in: Thompson sampling on completion, from settled outcomes alone.

A style is chosen with the probability that it is the best one, which is what drawing from the posteriors
and taking the best draw does (W. R. Thompson, Biometrika 25 (1933), 285-294). Here that probability is
computed, so that it can be logged, and the lot is a hash, so that a repeat chooses the same.
Plain Thompson sampling runs away where styles do not differ: so a style is best only if it leads by `MATTERS`
(an indifference zone: R. E. Bechhofer, Ann. Math. Stat. 25 (1954), 16-39), and the rest is shared alike.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import accumulate
from math import exp, log
from typing import get_args

from handrail.domain.learning import StyleTried, Tried
from handrail.domain.tutorials import Style, Tutorial

VERSION = "thompson-1"

STYLES: tuple[Style, ...] = get_args(Style)
"""In play for every signature: at most so many texts of it are written for one version of its document."""

PLAIN: Style = "plain"

VOLUME = 50
"""People of a feature who were followed to the end before another style than plain is tried."""

LEAST = 30
"""People that each style of a feature needs before any is preferred."""

FLOOR = 0.1
"""Every style in play keeps this share, whatever was learned."""

MATTERS = 0.05
"""A lead in completion below this is none."""

MOST_BORROWED = 50
"""People that a signature borrows of the feature's others at most: its own soon outweigh them."""

MOST_COMPLAINTS = 0.003
"""As a share of a style's mails: what Gmail asks its senders never to reach."""

LEAST_COMPLAINTS = 2
"""One person alone freezes nothing."""

_CELLS = 1000
"""Of the interval from 0 to 1, on which posteriors are summed up."""

_MIDDLES = [(cell + 0.5) / _CELLS for cell in range(_CELLS)]
_LOGS = [(log(middle), log(1 - middle)) for middle in _MIDDLES]


@dataclass(frozen=True)
class Beta:
    """A Beta distribution: what is believed of a share."""

    a: float
    b: float


def shares(
    signature: str, found: Iterable[StyleTried], *, frozen: Collection[Style] = (), styles: Sequence[Style]
) -> dict[Style, float]:
    """With which probability each style is chosen for this signature; they add up to 1.

    `found` is of the signature's feature, all signatures. Styles that are frozen are not chosen;
    where all are, plain is left, and it is for the caller not to mail it.
    """
    found = list(found)
    open_ones = [style for style in styles if style not in frozen] or [PLAIN]
    if _sum(found).people < VOLUME:
        first = PLAIN if PLAIN in open_ones else open_ones[0]
        return {style: float(style == first) for style in open_ones}
    of_style = {style: [each for each in found if each.style == style] for style in open_ones}
    if min(_sum(each).people for each in of_style.values()) < LEAST:
        return {style: 1 / len(open_ones) for style in open_ones}
    beliefs = [_belief(signature, each) for each in of_style.values()]
    best = best_by(MATTERS, beliefs)
    undecided = (1 - sum(best)) / len(best)
    rest = 1 - FLOOR * len(best)
    return {style: FLOOR + rest * (share + undecided) for style, share in zip(open_ones, best, strict=True)}


def pick(chances: Mapping[Style, float], night: date, user_key: str, feature: str) -> Style:
    """The style of one person, night and feature: a lot by hash, the same whenever it is drawn again."""
    digest = hashlib.sha256(f"{VERSION}/{night.isoformat()}/{user_key}/{feature}".encode()).digest()
    lot = int.from_bytes(digest[:8]) / 2**64
    for style, upto in zip(chances, accumulate(chances.values()), strict=True):
        if lot < upto:
            return style
    return [style for style, chance in chances.items() if chance > 0][-1]


def borrowed(others: Sequence[Tried]) -> Beta:
    """The belief about a signature before its own people are counted: an empirical Bayes prior.

    Beta(1 + m p, 1 + m (1 - p)): p is the share that completed among the feature's other signatures, and
    m the people of theirs that one person of this signature's is worth: 1/r - 1, at most all of them and
    at most `MOST_BORROWED`, where r is the correlation within signatures. By moments,

        r = (sum n_i (p_i - p)^2 / (p (1 - p)) - (k - 1)) / (N - sum n_i^2 / N - (k - 1))

    for k signatures with n_i people, N in all: J. C. Kleinman, "Proportions with extraneous variance: single
    and independent samples", J. Am. Stat. Assoc. 68 (1973), 46-54, with weights n_i.
    With one other signature nothing is known of r, and all of its people count, up to the most.
    """
    seen = [each for each in others if each.people]
    people, completed = sum(each.people for each in seen), sum(each.completed for each in seen)
    if not people:
        return Beta(1, 1)
    share = completed / people
    worth = min(float(people), MOST_BORROWED)
    spread = within(seen)
    if spread > 0:
        worth = min(worth, 1 / spread - 1)
    return Beta(1 + worth * share, 1 + worth * (1 - share))


def within(seen: Sequence[Tried]) -> float:
    """Kleinman's estimate of the correlation within signatures, at most 1; 0 where nothing speaks for any."""
    people = sum(each.people for each in seen)
    share = sum(each.completed for each in seen) / people
    others = len(seen) - 1
    room = people - sum(each.people**2 for each in seen) / people - others
    if share in (0, 1) or room <= 0:
        return 0.0
    between = sum(each.people * (each.completed / each.people - share) ** 2 for each in seen)
    return min(1.0, max(0.0, (between / (share * (1 - share)) - others) / room))


def best_by(lead: float, beliefs: Sequence[Beta]) -> list[float]:
    """For each share the probability that it is larger than every other by `lead`, a multiple of 0.001.

    The integral of its density times the others' distributions, as a sum over a thousand cells.
    """
    weights = [_weights(belief) for belief in beliefs]
    behind = round(lead * _CELLS)
    # Of a cell, half its weight lies below its middle.
    below = [
        [upto - weight / 2 for upto, weight in zip(accumulate(each), each, strict=True)] for each in weights
    ]
    won = []
    for mine, own in enumerate(weights):
        total = 0.0
        for cell in range(behind, _CELLS):
            chance = own[cell]
            for other, distribution in enumerate(below):
                if other != mine:
                    chance *= distribution[cell - behind]
            total += chance
        won.append(total)
    return won


def freezes(mails: int, complaints: int) -> bool:
    """Whether so many complaints about a style's mails are too many to go on with it."""
    return complaints >= LEAST_COMPLAINTS and complaints > MOST_COMPLAINTS * mails


def told_in(tutorial: Tutorial) -> Style:
    """Whose outcomes its people are: the document's own words have no style, and count as plain."""
    return tutorial.style if tutorial.source == "model" else PLAIN


def _belief(signature: str, of_style: Sequence[StyleTried]) -> Beta:
    """The prior out of the other signatures, and this one's own people."""
    prior = borrowed([each.tried for each in of_style if each.signature != signature])
    own = _sum(each for each in of_style if each.signature == signature)
    return Beta(prior.a + own.completed, prior.b + own.people - own.completed)


def _sum(found: Iterable[StyleTried]) -> Tried:
    return sum((each.tried for each in found), Tried())


def _weights(belief: Beta) -> list[float]:
    """The probability of each cell."""
    logs = [(belief.a - 1) * low + (belief.b - 1) * high for low, high in _LOGS]
    most = max(logs)
    heights = [exp(each - most) for each in logs]
    total = sum(heights)
    return [height / total for height in heights]
