"""The figures of a funnel: rates, the step that loses most, and the seconds between steps."""

import statistics
from collections.abc import Iterable, Sequence
from datetime import date
from itertools import pairwise

from handrail.domain.funnels import Bottleneck, FunnelCounts, FunnelStep
from handrail.domain.periods import Period


def ends(counts: FunnelCounts) -> tuple[int, int]:
    """(users who entered, users who finished)."""
    return (counts.users[0], counts.users[-1]) if counts.users else (0, 0)


def conversion(counts: FunnelCounts) -> float | None:
    """Users who finished over users who entered, 0 to 1; None if nobody entered."""
    entered, finished = ends(counts)
    return finished / entered if entered else None


def steps(counts: FunnelCounts) -> list[FunnelStep]:
    """The step table, with each step's share of the step before (None for the entry and after nobody)."""
    before = [0, *counts.users]
    seconds = counts.seconds or (None,) * len(counts.users)
    return [
        FunnelStep(
            step=number,
            event=event,
            users=users,
            from_previous=users / before[number - 1] if number > 1 and before[number - 1] else None,
            median_seconds=waited,
        )
        for number, (event, users, waited) in enumerate(
            zip(counts.events, counts.users, seconds, strict=True), 1
        )
    ]


def bottleneck(counts: FunnelCounts) -> Bottleneck | None:
    """The step with the largest loss of users; the earlier one of equals; None if nobody was lost."""
    losses = [before - after for before, after in pairwise(counts.users)]
    if not losses or max(losses) <= 0:
        return None
    worst = losses.index(max(losses))
    return Bottleneck(step=worst + 2, event=counts.events[worst + 1], lost=losses[worst])


def median(values: Sequence[float]) -> float | None:
    """The middle, or the mean of the two middles; None of nothing."""
    return statistics.median(values) if values else None


def weekly(days: Iterable[tuple[date, int, int]], weeks: Period) -> list[float | None]:
    """Conversion week by week, oldest first, out of (day, entered, finished); None where nobody entered.

    Each day's entrants count for that day: who enters on two days of a week counts twice in it.
    """
    sums = _by_week(days, weeks)
    return [round(finished / entered, 3) if entered else None for entered, finished in sums]


def weekly_entered(days: Iterable[tuple[date, int, int]], weeks: Period) -> list[int]:
    """What the conversion of each week rests on."""
    return [entered for entered, _ in _by_week(days, weeks)]


def _by_week(days: Iterable[tuple[date, int, int]], weeks: Period) -> list[list[int]]:
    sums = [[0, 0] for _ in range(weeks.days // 7)]
    for day, entered, finished in days:
        week = sums[(day - weeks.from_date).days // 7]
        week[0] += entered
        week[1] += finished
    return sums
