"""Who is still there, by a figure of one day: a quarter of the accounts each."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from math import isnan

from handrail.domain.churn import Outcomes, PastDay, Quartile, Survival

LEAST = 40
"""Accounts with the figure; with fewer a quarter is too few to say."""

LEAST_CHURNED = 10
AFTER = 90
"""Days after which the share of kept accounts is told; fewer where fewer have passed."""


def by_quartile(days: Iterable[PastDay], ends: Outcomes, metric: str, last: date) -> Survival | None:
    """Accounts by quarters of a figure on the first day with enough of them, followed up to `last`.

    Kaplan and Meier's share, J. Am. Stat. Assoc. 53 (1958), 457-481, and the log-rank test over all
    quarters. None where there is too little to say. Accounts equal in the figure stay together.
    """
    at: dict[date, dict[str, float]] = {}
    for each in days:
        here = each.account in ends.kept or ends.churned.get(each.account, each.day) > each.day
        if here and metric in each.measures:
            at.setdefault(each.day, {})[each.account] = each.measures[metric]
    enough = sorted(day for day, values in at.items() if len(values) >= LEAST)
    if not enough:
        return None
    day, values = enough[0], at[enough[0]]
    left = [account for account in values if account in ends.churned]
    groups = _quarters(values)
    if len(left) < LEAST_CHURNED or len(groups) < 2:
        return None
    followed = {
        account: ((ends.churned.get(account, last) - day).days, account in ends.churned) for account in values
    }
    after = min(AFTER, (last - day).days)
    return Survival(
        metric=metric,
        day=day,
        after_days=after,
        quartiles=tuple(
            _quartile([values[each] for each in group], [followed[each] for each in group], after)
            for group in groups
        ),
        p=_log_rank([[followed[each] for each in group] for group in groups]),
    )


def _quarters(values: Mapping[str, float]) -> list[list[str]]:
    import numpy as np  # noqa: PLC0415  (heavy)

    accounts = sorted(values, key=lambda each: values[each])
    listed = [values[each] for each in accounts]
    edges = np.quantile(listed, [0.25, 0.5, 0.75])
    places = np.searchsorted(edges, listed, side="left")
    groups = [[one for one, place in zip(accounts, places, strict=True) if place == at] for at in range(4)]
    return [group for group in groups if group]


def _quartile(values: Sequence[float], followed: Sequence[tuple[int, bool]], after: int) -> Quartile:
    from scipy.stats import CensoredData, ecdf  # noqa: PLC0415

    gone = [time for time, left in followed if left]
    there = [time for time, left in followed if not left]
    curve = ecdf(CensoredData(uncensored=gone, right=there)).sf
    limits = curve.confidence_interval(method="log-log") if gone else None
    return Quartile(
        from_value=min(values),
        to_value=max(values),
        accounts=len(values),
        churned=len(gone),
        kept_share=float(curve.evaluate(after)),
        low=_known(float(limits.low.evaluate(after))) if limits else None,
        high=_known(float(limits.high.evaluate(after))) if limits else None,
    )


def _known(value: float) -> float | None:
    return None if isnan(value) else value


def _log_rank(groups: Sequence[Sequence[tuple[int, bool]]]) -> float:
    from statsmodels.duration.survfunc import survdiff  # noqa: PLC0415

    times = [time for group in groups for time, _ in group]
    gone = [int(left) for group in groups for _, left in group]
    labels = [number for number, group in enumerate(groups) for _ in group]
    return float(survdiff(times, gone, labels)[1])
