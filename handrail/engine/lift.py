"""What the help does: completion among those who were mailed, less that among those held out."""

from math import sqrt
from statistics import NormalDist

from handrail.domain.outcomes import Followed, Lift

LEAST = 20
"""People followed to the end in each arm; with fewer there is too little to say."""

_Z = NormalDist().inv_cdf(0.975)


def lift(treated: Followed, holdout: Followed) -> Lift | None:
    """The difference of the two shares with its interval; None where there is too little to say."""
    if min(treated.people, holdout.people) < LEAST:
        return None
    return difference(treated.completed, treated.people, holdout.completed, holdout.people)


def difference(a: int, m: int, b: int, n: int) -> Lift:
    """a/m - b/n with Newcombe's hybrid score interval of 95 %, without continuity correction.

    Method 10 of R. G. Newcombe, "Interval estimation for the difference between independent proportions:
    comparison of eleven methods", Statistics in Medicine 17 (1998), 873-890.
    """
    p, q = a / m, b / n
    p_low, p_high = wilson(a, m)
    q_low, q_high = wilson(b, n)
    return Lift(
        difference=p - q,
        low=max(-1.0, p - q - sqrt((p - p_low) ** 2 + (q_high - q) ** 2)),
        high=min(1.0, p - q + sqrt((p_high - p) ** 2 + (q - q_low) ** 2)),
    )


def wilson(count: int, of: int) -> tuple[float, float]:
    """The score interval of one proportion: E. B. Wilson, J. Am. Stat. Assoc. 22 (1927), 209-212."""
    share, square = count / of, _Z**2
    middle = share + square / (2 * of)
    reach = _Z * sqrt(share * (1 - share) / of + square / (4 * of**2))
    scale = 1 + square / of
    # Rounding errors would lead beyond 0 and 1, and be told as -0 %.
    return max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale)
