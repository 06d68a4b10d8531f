"""Weights of the score's components that past churn speaks for: a suggestion, never applied by itself."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any, get_args

from handrail.domain.churn import Sample, SuggestedWeights
from handrail.domain.health import ComponentName
from handrail.engine.separation import interval

LEAST = 20
"""Churned, and kept, accounts; with fewer, weights would be learned from accidents."""

FOLDS = 5
GAIN = 0.02
"""Better by less, or no surer than chance, is no reason to change anything."""


def suggest(sample: Sample, weights: Mapping[ComponentName, float]) -> SuggestedWeights | None:
    """Weights that sum to 100, or None where there is too little to say or nothing to win.

    Logistic regression of leaving on the components, each scaled to a deviation of 1, with a ridge penalty
    of half the squared coefficients, no coefficient pointing the wrong way, and what was not measured set
    to the median. Judged on accounts that it was not learned from, in five folds.
    """
    names = [name for name in get_args(ComponentName) if name in weights and _measured(sample, name)]
    if min(len(sample.churned), len(sample.kept)) < LEAST or len(names) < 2:
        return None
    table = _table([*sample.churned, *sample.kept], names)
    left = [True] * len(sample.churned) + [False] * len(sample.kept)
    auc_now, auc_then = _judge(table, left, [weights[name] for name in names])
    found = fit(table, left)
    low, _ = interval(auc_then, len(sample.kept), len(sample.churned))
    if auc_then < auc_now + GAIN or low <= 0.5 or not sum(found):
        return None
    learned = {name: round(100 * each / sum(found)) for name, each in zip(names, found, strict=True)}
    return SuggestedWeights(
        weights={name: learned.get(name, 0) for name in weights},
        auc_now=auc_now,
        auc_suggested=auc_then,
        churned=len(sample.churned),
        kept=len(sample.kept),
    )


def _measured(sample: Sample, name: str) -> bool:
    return any(name in case.past.measures for case in (*sample.churned, *sample.kept))


def _table(cases: Sequence[Any], names: Sequence[str]) -> Any:
    import numpy as np  # noqa: PLC0415

    usual = {
        name: median(case.past.measures[name] for case in cases if name in case.past.measures)
        for name in names
    }
    return np.array([[case.past.measures.get(name, usual[name]) for name in names] for case in cases])


def _judge(table: Any, left: Sequence[bool], weights: Sequence[float]) -> tuple[float, float]:
    """Mean AUC over the folds: of today's weights, and of weights learned on the other folds."""
    import numpy as np  # noqa: PLC0415  (heavy)
    from scipy.stats import mannwhitneyu  # noqa: PLC0415

    gone = np.array(left)
    fold = np.empty(len(left), dtype=int)
    for kind in (True, False):
        fold[gone == kind] = np.arange((gone == kind).sum()) % FOLDS
    found = []
    for each in range(FOLDS):
        inside = fold == each
        learned = fit(table[~inside], gone[~inside])
        for values in (table @ np.array(weights), table @ np.array(learned)):
            stayed, went = values[inside & ~gone], values[inside & gone]
            found.append(mannwhitneyu(stayed, went).statistic / (len(stayed) * len(went)))
    return float(np.mean(found[::2])), float(np.mean(found[1::2]))


def fit(table: Any, left: Sequence[bool]) -> list[float]:
    """Coefficients of the components as they are, none negative: the higher, the less likely they leave."""
    import numpy as np  # noqa: PLC0415
    from scipy.optimize import minimize  # noqa: PLC0415
    from scipy.special import expit  # noqa: PLC0415

    spread = table.std(axis=0)
    scaled = (table - table.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    gone = np.asarray(left, dtype=float)

    def loss(given: Any) -> tuple[float, Any]:
        line = given[0] - scaled @ given[1:]
        value = np.logaddexp(0, line).sum() - gone @ line + 0.5 * given[1:] @ given[1:]
        away = expit(line) - gone
        return float(value), np.concatenate([[away.sum()], -scaled.T @ away + given[1:]])

    width = table.shape[1]
    bounds = [(None, None), *[(0.0, None)] * width]
    found = minimize(loss, np.zeros(width + 1), jac=True, method="L-BFGS-B", bounds=bounds)
    own = np.where(spread > 0, found.x[1:] / np.where(spread > 0, spread, 1.0), 0.0)
    return [float(each) for each in own]
