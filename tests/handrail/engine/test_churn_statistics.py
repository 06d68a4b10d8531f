"""The statistics of churn, each against scipy, statsmodels or a count that shares nothing with them."""

import random
from collections.abc import Sequence
from datetime import date, timedelta
from statistics import median
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.duration.survfunc import SurvfuncRight
from statsmodels.stats.multitest import multipletests

from handrail.domain.accounts import Account
from handrail.domain.churn import BandName, Case, Outcomes, PastDay, Sample
from handrail.engine import weights as learning
from handrail.engine.backtest import track_record
from handrail.engine.matching import outcomes, sample
from handrail.engine.separation import interval, separations
from handrail.engine.survival import by_quartile

DAY = date(2026, 9, 6)
END = DAY + timedelta(days=30)


def case(account: str, **measures: float) -> Case:
    return Case(PastDay(account, DAY, "watch", measures), END)


def groups(**metrics: tuple[Sequence[float], Sequence[float]]) -> Sample:
    """Churned and kept accounts with these values of each metric."""

    def cases(at: int) -> tuple[Case, ...]:
        count = max(len(pair[at]) for pair in metrics.values())
        return tuple(
            case(f"{at}-{n}", **{name: pair[at][n] for name, pair in metrics.items() if n < len(pair[at])})
            for n in range(count)
        )

    return Sample(cases(0), cases(1))


def drawn(seed: int, m: int, n: int, shift: float, *, whole: bool = False) -> tuple[list[float], list[float]]:
    chance = random.Random(seed)
    churned, kept = [chance.gauss(0, 1) for _ in range(m)], [chance.gauss(shift, 1) for _ in range(n)]
    return ([float(round(x)) for x in churned], [float(round(x)) for x in kept]) if whole else (churned, kept)


def test_the_auc_is_the_share_of_pairs_in_which_the_kept_account_lies_higher() -> None:
    churned, kept = drawn(1, 13, 31, 1.0, whole=True)

    [found] = separations(groups(events=(churned, kept)), ["events"])

    pairs = [(k > c) + (k == c) / 2 for k in kept for c in churned]
    assert found.auc == pytest.approx(sum(pairs) / len(pairs))
    assert found.effect == pytest.approx(sum((k > c) - (k < c) for k in kept for c in churned) / len(pairs))
    assert (found.churned, found.kept) == (13, 31)
    assert (found.churned_median, found.kept_median) == (median(churned), median(kept))


def test_p_values_are_scipys_adjusted_as_statsmodels_adjusts_them() -> None:
    metrics = {f"m{n}": drawn(n, 12, 40, 0.25 * n) for n in range(6)}

    found = {each.metric: each for each in separations(groups(**metrics), metrics)}

    raw = [stats.mannwhitneyu(*pair, alternative="two-sided").pvalue for pair in metrics.values()]
    expected = multipletests(raw, alpha=0.05, method="fdr_bh")
    assert [found[name].p for name in metrics] == pytest.approx(list(expected[1]))
    assert [found[name].verdict == "separates" for name in metrics] == list(expected[0])
    assert {each.direction for each in found.values() if each.verdict == "separates"} == {"lower"}


def test_figures_with_fewer_than_ten_accounts_are_too_few_and_adjust_nothing() -> None:
    clear = drawn(3, 10, 10, 3.0)
    few = ([float(n) for n in range(9)], [float(n + 100) for n in range(50)])

    found = {each.metric: each for each in separations(groups(clear=clear, few=few), ["clear", "few"])}

    assert (found["few"].verdict, found["few"].auc, found["few"].p, found["few"].churned) == (
        "too_few",
        None,
        None,
        9,
    )
    assert found["clear"].p == pytest.approx(stats.mannwhitneyu(*clear).pvalue)


def test_a_figure_that_is_the_same_everywhere_says_nothing() -> None:
    [found] = separations(groups(users=([3.0] * 12, [3.0] * 12)), ["users"])

    assert (found.verdict, found.auc, found.p) == ("no_sign", 0.5, 1.0)


def test_higher_before_churn_is_told_as_higher() -> None:
    kept, churned = drawn(5, 20, 20, 2.0)

    [found] = separations(groups(days_silent=(churned, kept)), ["days_silent"])

    assert (found.verdict, found.direction) == ("separates", "higher")
    assert found.auc is not None
    assert found.auc < 0.5


@pytest.mark.parametrize(("auc", "m", "n"), [(0.5, 10, 10), (0.73, 12, 40), (0.96, 15, 90), (1.0, 10, 30)])
def test_the_interval_holds_the_values_that_lie_no_more_than_1_96_errors_away(
    auc: float, m: int, n: int
) -> None:
    """By a search along a fine line, with Hanley and McNeil's error written as Q1 and Q2."""
    line = np.linspace(1e-6, 1 - 1e-6, 2_000_001)
    q1, q2, more = line / (2 - line), 2 * line**2 / (1 + line), (m + n) / 2 - 1
    error = np.sqrt((line * (1 - line) + more * (q1 - line**2) + more * (q2 - line**2)) / (m * n))
    inside = line[np.abs(line - auc) <= stats.norm.ppf(0.975) * error]

    low, high = interval(auc, m, n)

    assert low == pytest.approx(inside.min(), abs=2e-6)
    assert high == pytest.approx(1.0 if auc == 1.0 else inside.max(), abs=2e-6)
    assert interval(1 - auc, m, n) == pytest.approx((1 - high, 1 - low), abs=1e-6)


def test_of_a_thousand_intervals_about_ninety_five_in_a_hundred_hold_the_truth() -> None:
    truth = stats.norm.cdf(1 / np.sqrt(2))
    chance = np.random.default_rng(7)
    held = 0
    for _ in range(1000):
        kept, churned = chance.normal(1, 1, 30), chance.normal(0, 1, 12)
        low, high = interval(float((kept[:, None] > churned).mean()), 30, 12)
        held += low <= truth <= high

    assert 925 <= held <= 985


def followed(seed: int, count: int = 60) -> tuple[list[PastDay], Outcomes, date]:
    chance = random.Random(seed)
    last = DAY + timedelta(days=120)
    days, churned = [], {}
    for number in range(count):
        value = float(chance.randint(0, 60))
        days.append(PastDay(f"a{number:02}", DAY, "watch", {"events": value}))
        if chance.random() < 0.7 - value / 100:
            churned[f"a{number:02}"] = DAY + timedelta(days=chance.randint(1, 120))
    return days, Outcomes(churned, frozenset(each.account for each in days) - churned.keys()), last


def test_the_share_still_there_is_kaplan_and_meiers_as_statsmodels_has_it() -> None:
    days, ends, last = followed(2)

    found = by_quartile(days, ends, "events", last)

    assert found is not None
    assert (found.day, found.after_days) == (DAY, 90)
    for each in found.quartiles:
        mine = [d for d in days if each.from_value <= d.measures["events"] <= each.to_value]
        times = [(ends.churned.get(d.account, last) - DAY).days for d in mine]
        gone = [d.account in ends.churned for d in mine]
        curve = SurvfuncRight(np.array(times), np.array(gone, dtype=int))
        at = np.searchsorted(curve.surv_times, 90, side="right") - 1
        assert each.kept_share == pytest.approx(curve.surv_prob[at])
        assert (each.accounts, each.churned) == (len(mine), sum(gone))
        assert each.low is not None
        assert each.high is not None
        assert each.low < each.kept_share < each.high
    assert sum(each.accounts for each in found.quartiles) == 60


def test_the_log_rank_test_equals_its_formula() -> None:
    days, ends, last = followed(4)
    found = by_quartile(days, ends, "events", last)
    assert found is not None
    times = np.array([(ends.churned.get(d.account, last) - DAY).days for d in days])
    gone = np.array([d.account in ends.churned for d in days])
    place = np.array(
        [
            next(
                i for i, q in enumerate(found.quartiles) if q.from_value <= d.measures["events"] <= q.to_value
            )
            for d in days
        ]
    )

    kinds = len(found.quartiles)
    surplus, spread = np.zeros(kinds), np.zeros((kinds, kinds))
    for time in sorted(set(times[gone])):
        risk = np.array([((times >= time) & (place == i)).sum() for i in range(kinds)])
        left = np.array([((times == time) & gone & (place == i)).sum() for i in range(kinds)])
        n, d = risk.sum(), left.sum()
        surplus += left - d * risk / n
        if n > 1:
            share = risk / n
            spread += d * (n - d) / (n - 1) * (np.diag(share) - np.outer(share, share))
    chi = surplus[:-1] @ np.linalg.solve(spread[:-1, :-1], surplus[:-1])

    assert found.p == pytest.approx(stats.chi2.sf(chi, kinds - 1), rel=1e-6)


def test_too_few_accounts_or_leavings_make_no_quarters() -> None:
    days, ends, last = followed(2)

    assert by_quartile(days[:39], ends, "events", last) is None
    nine = Outcomes(dict(list(ends.churned.items())[:9]), ends.kept | set(list(ends.churned)[9:]))
    assert by_quartile(days, nine, "events", last) is None


def told(account: str, ago: int, band: BandName, **measures: float) -> PastDay:
    return PastDay(account, DAY - timedelta(days=7 * ago), band, measures)


def test_each_account_is_compared_once_and_kept_ones_on_days_of_churned_ones() -> None:
    left = {"c1": DAY + timedelta(days=30), "c2": DAY + timedelta(days=25), "early": date(2026, 1, 1)}
    kept = frozenset(f"k{n}" for n in range(40))
    days = [told(each, ago, "watch") for each in ("c1", "c2", *kept) for ago in range(4)]

    found = sample(days, Outcomes(left, kept), days_before=30)

    compared = {each.past.account: each.past.day for each in found.churned}
    assert compared == {"c1": DAY, "c2": DAY - timedelta(days=7)}, "30 to 36 days before each left"
    assert sorted(each.past.account for each in found.kept) == sorted(kept)
    by_day = [each.past.day for each in found.kept]
    assert sorted({(day, by_day.count(day)) for day in by_day}) == [(DAY - timedelta(days=7), 20), (DAY, 20)]
    assert {each.end for each in found.kept if each.past.day == DAY} == {left["c1"]}


def test_a_kept_account_is_never_compared_on_a_day_before_it_was_there() -> None:
    left = {f"c{n}": DAY + timedelta(days=30 - 7 * n) for n in range(4)}
    days = [told(each, ago, "watch") for each in left for ago in range(4)] + [told("young", 0, "watch")]

    found = sample(days, Outcomes(left, frozenset({"young", "younger"})), days_before=30)

    assert [(each.past.account, each.past.day) for each in found.kept] == [("young", DAY)]


def test_who_will_leave_later_and_ones_own_staff_are_neither_churned_nor_kept() -> None:
    def account(name: str, **more: Any) -> Account:
        return Account(id=name, mixpanel_id=name, name=name, **more)

    found = outcomes(
        [
            account("gone", churned_at=DAY),
            account("going", churned_at=DAY + timedelta(days=1)),
            account("here"),
            account("own", internal=True),
        ],
        DAY,
    )

    assert found == Outcomes({"gone": DAY}, frozenset({"here"}))


def test_a_track_record_counted_by_hand() -> None:
    """Four left on 6 September, Sundays before it: 7, 14, 21 ... days. Two stayed."""
    risk: BandName = "at_risk"
    days = [
        *(told("steady", ago, risk) for ago in range(1, 5)),  # since 28 days
        told("again", 6, risk), told("again", 5, "healthy"), told("again", 2, risk), told("again", 1, risk),
        told("unseen", 3, "watch"), told("unseen", 1, "healthy"),
        PastDay("unseen", DAY - timedelta(days=3), risk, {}),  # too late to do something
        told("long ago", 14, risk),  # 98 days
        told("false", 2, risk), told("false", 1, "healthy"),
        told("fine", 2, "healthy"),
    ]  # fmt: skip
    churned = dict.fromkeys(("steady", "again", "unseen", "long ago"), DAY)
    kept = tuple(
        Case(PastDay(each, DAY - timedelta(days=35), "watch", {}), DAY) for each in ("false", "fine")
    )

    found = track_record(
        days, Outcomes(churned, frozenset({"false", "fine"})), Sample((), kept), as_of=DAY, version="v"
    )

    assert (found.churned, found.flagged) == (3, 2)
    assert found.warning_days == (28 + 14) / 2
    assert (found.kept, found.false_alarms) == (2, 1)
    assert "2 of 3 churned accounts at risk" in found.words
    assert "10 churned accounts are needed to judge it" in found.words


def test_calibration_is_the_share_of_each_band_that_left_within_ninety_days() -> None:
    as_of = DAY + timedelta(days=95)
    days = [told(f"r{n}", 0, "at_risk") for n in range(10)] + [told(f"h{n}", 0, "healthy") for n in range(20)]
    days += [told(each.account, 13, each.band) for each in days]
    late = [PastDay(each.account, DAY + timedelta(days=7), "at_risk", {}) for each in days]
    churned = {f"r{n}": DAY + timedelta(days=15 * n) for n in range(1, 9)} | {"h0": DAY - timedelta(days=1)}
    kept = frozenset({each.account for each in days} - churned.keys())

    found = track_record([*days, *late], Outcomes(churned, kept), Sample((), ()), as_of=as_of, version="v")

    risk, healthy = found.calibration
    assert (risk.band, risk.accounts, risk.churned) == ("at_risk", 20, 6), (
        "10 on each of two days, 6 in 90 days"
    )
    assert (healthy.accounts, healthy.churned) == (39, 1), "h0 is counted while it was there"
    expected = stats.binomtest(6, 20).proportion_ci(method="wilson")
    assert (risk.low, risk.high) == pytest.approx((expected.low, expected.high))


def test_coefficients_are_statsmodels_ridge_where_none_points_the_wrong_way() -> None:
    chance = np.random.default_rng(3)
    table = chance.normal(50, 20, (120, 3))
    left = chance.random(120) < 1 / (1 + np.exp(table @ [0.05, 0.03, 0.02] - 5))

    found = learning.fit(table, list(left))

    scaled = (table - table.mean(axis=0)) / table.std(axis=0)
    model = sm.GLM(left.astype(float), sm.add_constant(scaled), family=sm.families.Binomial())
    ridge = model.fit_regularized(alpha=np.array([0, 1, 1, 1]) / 120, L1_wt=0, maxiter=5000, cnvrg_tol=1e-12)
    assert found == pytest.approx(list(-ridge.params[1:] / table.std(axis=0)), rel=1e-3)


def components(seed: int, count: int, *, signal: bool) -> Sample:
    chance = random.Random(seed)

    def cases(kind: str, shift: float) -> tuple[Case, ...]:
        return tuple(
            case(
                f"{kind}{n}",
                trend=chance.gauss(60 - shift, 10),
                recency=chance.gauss(60 + shift / 2, 10),
                frequency=chance.gauss(60, 25),
            )
            for n in range(count)
        )

    return Sample(cases("c", 20 if signal else 0), cases("k", 0))


def test_weights_go_to_the_component_that_told_and_none_is_negative() -> None:
    found = learning.suggest(components(1, 40, signal=True), {"frequency": 60, "trend": 20, "recency": 20})

    assert found is not None
    assert found.weights["trend"] >= 85
    assert found.weights["recency"] == 0, "it was higher before churn"
    assert 99 <= sum(found.weights.values()) <= 101
    assert found.auc_suggested > found.auc_now + 0.1


@pytest.mark.parametrize("seed", range(5))
def test_without_a_signal_or_with_few_accounts_no_weights_are_suggested(seed: int) -> None:
    weights: dict[Any, float] = {"frequency": 60, "trend": 20, "recency": 20}

    assert learning.suggest(components(seed, 19, signal=True), weights) is None
    assert learning.suggest(components(seed, 60, signal=False), weights) is None
