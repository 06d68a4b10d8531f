"""How far our counts agree with Mixpanel's own."""

from collections.abc import Mapping
from datetime import timedelta

LEAST_ACCURACY = 0.99
"""Below this, figures are not to be trusted without a look at the sync."""

LEAST_COVERAGE = 0.9
"""Share of events with an account below which an account's figures are too low to be trusted."""

STALE = timedelta(hours=24)
"""Figures whose last sync is older than this are told with their age."""

Cell = tuple[str, str]
"""(account id, ISO day)."""


def accuracy(ours: Mapping[Cell, int], theirs: Mapping[Cell, int]) -> float | None:
    """1 − Σ|ours − theirs| / Σ theirs over accounts and days; None where Mixpanel counts nothing.

    Below 0 where we count more than twice too much.
    """
    total = sum(theirs.values())
    if not total:
        return None
    apart = sum(abs(ours.get(cell, 0) - theirs.get(cell, 0)) for cell in {*ours, *theirs})
    return 1 - apart / total
