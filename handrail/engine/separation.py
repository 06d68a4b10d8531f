"""How well figures separate churned from kept accounts."""

from collections.abc import Iterable, Sequence
from math import sqrt
from statistics import NormalDist, median

from handrail.domain.churn import Case, Sample, Separation

LEAST = 10
"""Churned, and kept, accounts with the figure; with fewer there is too little to say."""

LEVEL = 0.05
"""The share of false ones among all that are said to separate, at most (false discovery rate)."""

_Z = NormalDist().inv_cdf(0.975)
_CLOSE = 1e-9
"""At 0 and 1 themselves the error is nothing: the bound that is looked for is the other one."""


def separations(sample: Sample, metrics: Iterable[str]) -> list[Separation]:
    """Every figure's verdict, the surest first.

    The test is Mann and Whitney's, two-sided. It is adjusted over all figures that had enough accounts:
    Y. Benjamini and Y. Hochberg, J. R. Stat. Soc. B 57 (1995), 289-300.
    """
    from scipy.stats import false_discovery_control  # noqa: PLC0415  (heavy)

    found, raw = [], []
    for metric in metrics:
        churned, kept = values(sample.churned, metric), values(sample.kept, metric)
        if min(len(churned), len(kept)) < LEAST:
            found.append(Separation(metric=metric, verdict="too_few", churned=len(churned), kept=len(kept)))
            continue
        one, p = _compare(metric, churned, kept)
        found.append(one)
        raw.append(p)
    adjusted = iter(false_discovery_control(raw)) if raw else iter(())
    judged = [each if each.verdict == "too_few" else _judged(each, float(next(adjusted))) for each in found]
    return sorted(judged, key=lambda each: (each.p is None, each.p or 0.0, -abs(each.effect or 0.0)))


def values(cases: Iterable[Case], metric: str) -> list[float]:
    return [case.past.measures[metric] for case in cases if metric in case.past.measures]


def _compare(metric: str, churned: Sequence[float], kept: Sequence[float]) -> tuple[Separation, float]:
    from scipy.stats import mannwhitneyu  # noqa: PLC0415

    pairs = len(churned) * len(kept)
    test = mannwhitneyu(kept, churned)
    auc = float(test.statistic) / pairs
    alike = len({*churned, *kept}) == 1
    low, high = interval(auc, len(kept), len(churned))
    one = Separation(
        metric=metric,
        verdict="no_sign",
        auc=auc,
        low=low,
        high=high,
        effect=2 * auc - 1,
        churned_median=median(churned),
        kept_median=median(kept),
        churned=len(churned),
        kept=len(kept),
    )
    return one, 1.0 if alike else float(test.pvalue)


def _judged(one: Separation, p: float) -> Separation:
    if p > LEVEL:
        return one.model_copy(update={"p": p})
    direction = "lower" if (one.auc or 0.0) > 0.5 else "higher"
    return one.model_copy(update={"p": p, "verdict": "separates", "direction": direction})


def interval(auc: float, m: int, n: int) -> tuple[float, float]:
    """95 % of an AUC of `m` and `n` accounts; it stays inside 0 and 1, and open where all are separated.

    Method 5 of R. G. Newcombe, "Confidence intervals for an effect size measure based on the Mann-Whitney
    statistic. Part 2", Statistics in Medicine 25 (2006), 559-573: the values from which the one that was
    found lies 1.96 standard errors away, as J. A. Hanley and B. J. McNeil, Radiology 143 (1982), 29-36,
    have them, with the mean of both sizes.
    """
    from scipy.optimize import brentq  # noqa: PLC0415

    more = (m + n) / 2 - 1

    def away(true: float) -> float:
        spread = 1 + more * (1 - true) / (2 - true) + more * true / (1 + true)
        return abs(true - auc) - _Z * sqrt(true * (1 - true) * spread / (m * n))

    low = float(brentq(away, 0.0, min(auc, 1 - _CLOSE))) if away(0.0) > 0 else 0.0
    high = float(brentq(away, max(auc, _CLOSE), 1.0)) if away(1.0) > 0 else 1.0
    return low, high
