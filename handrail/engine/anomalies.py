"""Anomalies of single accounts: a cheap screen over all of them, then a seasonal model of those it hits.

The model is statsmodels' robust STL on log(1 + count) with a period of seven days, one inner and five robust
iterations, as Cleveland et al. (1990, STL: A Seasonal-Trend Decomposition, 3.2 and 3.3) advise.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from handrail.domain.alerts import AlertKind, Found, Point
from handrail.engine import alert_limits as limits
from handrail.engine.fleet import Book, Series, change, mean, problems, usual_days

CHART_DAYS = 56
MEDIAN_NOISE = 1.2533
"""The standard error of a median beside a mean's, √(π/2)."""

LEVEL_WEEKS = 4
"""Weeks before the window whose median is the level."""

SCREEN = 0.75
"""The screen lets through three quarters of what an alert needs; the model judges those."""

MOST_RISES = 8
"""Of 28 pairs of eight weeks, those that may rise for a decline to be judged; Kendall's test allows four."""

BAND = 2.576
"""Standard errors of a day: 99 of 100 usual days lie inside."""

Dismissals = Mapping[tuple[str, AlertKind], int]
"""How often people dismissed this kind of alert of the account."""


@dataclass(frozen=True)
class Fit:
    """One series taken apart. Arrays are days; those of the window were not fitted."""

    flat: Series
    """log(1 + count) without the weekday's part; NaN: not known, or the account's weekend."""
    weekday: Series
    level: float
    noise: float
    """Of one day, robust."""
    weekly_noise: float
    """Of a week's middle day."""

    @property
    def usual(self) -> Series:
        return np.expm1(self.level + self.weekday).clip(min=0)

    @property
    def edge(self) -> Series:
        """What a usual day seldom stays under: one standard error and a fifth below its usual."""
        return np.expm1(self.level + self.weekday - max(self.noise, 0.2)).clip(min=0)

    def band(self) -> tuple[Series, Series]:
        spread = BAND * np.sqrt(self.noise**2 + 1 / (self.usual + 1))
        centre = self.level + self.weekday
        return np.expm1(centre - spread).clip(min=0), np.expm1(centre + spread)


def find(book: Book, dismissals: Dismissals | None = None) -> list[Found]:
    """Everything of a night's figures that is out of the ordinary; guards over time are `engine/alerts`'.

    `dismissals` raise what is needed by account and kind.
    """
    told = dismissals or {}
    rows = {account: row for row, account in enumerate(book.accounts)}
    found = [
        *_drops(book, told),
        *_declines(book, told),
        *_errors(book, told),
        *_conversions(book, told, rows),
        *_abandoned(book, told, rows),
        *_silent(book, told, rows),
    ]
    return problems(book) + [
        each for each in found if book.people.get(each.account_id, 0) >= limits.LEAST_USERS
    ]


def _raised(told: Dismissals, account: str, kind: AlertKind) -> float:
    return limits.LEARNED ** told.get((account, kind), 0)


def _needed(share: float, raised: float) -> float:
    """A share lost, raised: what may be left shrinks, so that it never reaches everything."""
    return 1 - (1 - share) / raised


def _drops(book: Book, told: Dismissals) -> Iterator[Found]:
    """A week far under the usual in events, users or sessions; of an account the clearest one."""
    best: dict[str, Found] = {}
    large = _large(book)
    for name, values, least in (
        ("events", book.events, limits.LEAST_USUAL),
        ("users", book.users, limits.LEAST_USER_DAYS),
        ("sessions", book.sessions, limits.LEAST_USER_DAYS),
    ):
        masked = book.masked(values)
        usual = usual_days(masked)
        for window in limits.WINDOWS:
            for row in np.flatnonzero(_low(masked, usual, least, window) & large):
                account = book.accounts[row]
                raised = _raised(told, account, AlertKind.DROP)
                one = _drop(book, masked[row], account, name, least, raised, window)
                if one and (account not in best or one.score > best[account].score):
                    best[account] = one
    yield from best.values()


def _low(values: Series, usual: Series, least: float, window: int) -> NDArray[np.bool_]:
    """The screen: which rows have a window that the model may find low."""
    recent, expected = values[:, -window:], usual[:, -window:]
    known = np.isfinite(recent) & np.isfinite(expected)
    now, before = np.where(known, recent, 0).sum(axis=1), np.where(known, expected, 0).sum(axis=1)
    under = (recent <= (1 - limits.DROP / 2) * expected) & known
    return np.asarray(
        (before >= SCREEN * least)
        & (now <= (1 - SCREEN * limits.DROP) * before)
        & (under.sum(axis=1) >= limits.DAYS_UNDER)
    )


def _drop(
    book: Book, values: Series, account: str, name: str, least: float, raised: float, window: int
) -> Found | None:
    fit = fitted(values, window)
    if fit is None:
        return None
    last = slice(-window, None)
    days = np.isfinite(fit.flat[last])
    if days.sum() < limits.LEAST_DAYS:
        return None
    recent, usual, low = values[last][days], fit.usual[last][days], fit.edge[last][days]
    expected, observed = float(usual.sum()), float(recent.sum())
    size = 1 - observed / expected if expected else 0.0
    away = (
        float(np.median(fit.flat[last][days])) - fit.level
    )  # one lost day, or a holiday of theirs, is no drop
    score = -away / (fit.weekly_noise * float(np.sqrt(7 / window + 1 / LEVEL_WEEKS)))
    if (
        expected < least * window / 7
        or min(size, 1 - np.exp(away)) < _needed(limits.DROP, raised)
        or score < limits.NOISE * raised
        or (recent < low).sum() < limits.DAYS_UNDER
        or recent[-1] >= usual[-1]
    ):
        return None
    return Found(
        account_id=account,
        kind=AlertKind.DROP,
        subject=name,
        size=size,
        score=score,
        since=_since(book, values, fit),
        observed=observed,
        usual=expected,
        days=int(days.sum()),
        points=_points(book, values, fit),
    )


def fitted(values: Series, window: int = limits.WINDOW) -> Fit | None:
    """STL of the days before the window; None while too few of them are known, or all are nothing."""
    from statsmodels.tsa.seasonal import STL  # noqa: PLC0415  (takes seconds to import)

    first = int(np.argmax(np.nan_to_num(values) > 0))
    base = values[first:-window][-limits.REACH :]
    if np.isfinite(base).sum() < limits.LEAST_HISTORY or not np.nanmax(base, initial=0):
        return None
    filled = _filled(base)
    parts = STL(np.log1p(filled), period=7, robust=True).fit(inner_iter=1, outer_iter=5)
    weekday_of = np.arange(len(values)) % 7
    start = len(values) - window - len(base)
    last_weeks = slice(-7 * LEVEL_WEEKS, None)
    of_base = weekday_of[start : start + len(base)]
    by_weekday = np.array(
        [np.mean(parts.seasonal[last_weeks][of_base[last_weeks] == each]) for each in range(7)]
    )
    flat_base = np.log1p(base) - by_weekday[of_base]
    level = float(np.nanmedian((parts.trend + parts.resid)[last_weeks]))
    weekday = by_weekday[weekday_of]
    best = np.expm1(level + by_weekday).max()
    slack = np.expm1(level + weekday) < limits.SLACK_DAY * best
    flat = np.log1p(values) - weekday
    flat[slack] = np.nan
    flat[:start] = np.nan
    noise = _spread(flat_base[~slack[start : start + len(base)]] - level)
    week = float(np.expm1(level + by_weekday).clip(min=0).sum())
    return Fit(flat, weekday, level, noise, _weekly_noise(flat[:-window], noise, week))


def _filled(base: Series) -> Series:
    """Unknown days as the middle one of their weekday."""
    filled = base.copy()
    for weekday in range(7):
        same = filled[weekday::7]
        known = same[np.isfinite(same)]
        same[~np.isfinite(same)] = np.median(known) if len(known) else np.nanmedian(base)
    return filled


def _spread(values: Series) -> float:
    """The median absolute deviation, on the scale of a standard deviation."""
    from scipy.stats import median_abs_deviation  # noqa: PLC0415

    known = values[np.isfinite(values)]
    return float(median_abs_deviation(known, scale="normal")) if len(known) else 0.0


def weeks(flat: Series, count: int) -> Series:
    """Middle days of the last weeks, oldest first; NaN where fewer than two days are known."""
    middles = []
    for back in range(count, 0, -1):
        end = len(flat) - 7 * (back - 1)
        week = flat[max(0, end - 7) : end]
        known = week[np.isfinite(week)]
        middles.append(float(np.median(known)) if len(known) >= 2 else np.nan)
    return np.array(middles)


def _weekly_noise(flat: Series, noise: float, usual: float) -> float:
    """Of a week's middle day: from how far weeks lie from the week before, plain, so that a single odd week counts;
    never less than the days' own noise makes of it, or the chance of as few events a week as are usual.
    """
    steps = np.diff(weeks(flat, len(flat) // 7))
    known = steps[np.isfinite(steps)]
    seen = float(np.sqrt(np.mean(known**2) / 2)) if len(known) else 0.0
    return max(seen, MEDIAN_NOISE * noise / np.sqrt(5), 1 / np.sqrt(max(usual, 1)), limits.LEAST_WEEKLY_NOISE)


def _since(book: Book, values: Series, fit: Fit) -> date:
    """The first day of the last run under the usual's lower edge, at most four weeks back; one day may miss."""
    edge = fit.edge
    since = len(values) - 1
    missed = 0
    for at in range(len(values) - 1, len(values) - 29, -1):
        if not np.isfinite(fit.flat[at]):
            continue
        if values[at] < edge[at]:
            since, missed = at, 0
        else:
            missed += 1
            if missed > 1:
                break
    return book.days[since]


def _points(book: Book, values: Series, fit: Fit) -> tuple[Point, ...]:
    low, high = fit.band()
    return tuple(
        Point(
            day=book.days[at],
            value=float(values[at]) if np.isfinite(values[at]) else None,
            usual=round(float(fit.usual[at]), 1),
            low=round(float(low[at]), 1),
            high=round(float(high[at]), 1),
        )
        for at in range(max(0, len(values) - CHART_DAYS), len(values))
    )


def _declines(book: Book, told: Dismissals) -> Iterator[Found]:
    """Events get fewer and fewer over eight weeks; beside the fleet where that declined, too."""
    events, users = book.masked(book.events), book.masked(book.users)
    ratios = np.nan_to_num(change(events) / book.declined, nan=1.0)
    falling = np.minimum(_rises(events), _rises(users)) <= MOST_RISES
    for row in np.flatnonzero(falling & (ratios <= 1 - SCREEN * limits.DECLINE) & _large(book)):
        account = book.accounts[row]
        raised = _raised(told, account, AlertKind.DECLINE)
        one = _decline(book, events[row], users[row], account, raised)
        if one:
            yield one


@dataclass(frozen=True)
class _Trend:
    """Eight weeks in a row. `lost` is by the median slope, `sure` by the upper end of its 95 % interval."""

    lost: float
    sure: float
    chance: float
    step: float
    """The largest loss from a week to the next but one, as a share of the whole."""


def _trend(means: Series, fleet: float) -> _Trend | None:
    """Kendall's tau and the Theil-Sen slope of log means; None where a week is not known."""
    from scipy.stats import kendalltau, theilslopes  # noqa: PLC0415

    if not np.isfinite(means).all():
        return None
    order = np.arange(len(means))
    slope = theilslopes(means, order)
    whole, most = (each * order[-1] - np.log(fleet) for each in (slope.slope, slope.high_slope))
    chance = float(kendalltau(order, means, alternative="less").pvalue)
    step = float((means[2:] - means[:-2]).min() / (means[-1] - means[0])) if means[-1] < means[0] else 1.0
    return _Trend(float(1 - np.exp(whole)), float(1 - np.exp(most)), chance, step)


def _large(book: Book) -> NDArray[np.bool_]:
    return np.array([book.people.get(each, 0) >= limits.LEAST_USERS for each in book.accounts], bool)


def _rises(values: Series) -> NDArray[np.int_]:
    """Pairs of the last eight weeks of which the later one has more on its average day."""
    count = limits.DECLINE_WEEKS
    by_week = np.stack(
        [mean(values[:, values.shape[1] - 7 * back :][:, :7]) for back in range(count, 0, -1)], axis=1
    )
    earlier, later = np.triu_indices(count, 1)
    return np.asarray((by_week[:, later] > by_week[:, earlier]).sum(axis=1))


def _decline(book: Book, events: Series, users: Series, account: str, raised: float) -> Found | None:
    """Events and users lose on the whole; of one of them week after week, and not in one step."""
    fit, other = fitted(events), fitted(users)
    first = float(np.nansum(events[-7 * limits.DECLINE_WEEKS :][:7]))
    if fit is None or other is None or first < limits.LEAST_USUAL:
        return None
    of_events = _trend(weeks(fit.flat, limits.DECLINE_WEEKS), book.declined)
    of_users = _trend(weeks(other.flat, limits.DECLINE_WEEKS), book.declined)
    if of_events is None or of_users is None:
        return None
    size = of_events.lost
    if (
        min(of_events.chance, of_users.chance) >= limits.DECLINE_CHANCE / raised
        or size < _needed(limits.DECLINE, raised)
        or of_users.lost < limits.USERS_DECLINE
        or max(of_events.sure, of_users.sure) < limits.SURE_DECLINE
        or max(of_events.step, of_users.step) >= limits.ONE_STEP
    ):
        return None
    return Found(
        account_id=account,
        kind=AlertKind.DECLINE,
        subject="events",
        size=size,
        score=float(-np.log10(min(of_events.chance, of_users.chance))),
        since=book.days[-7 * limits.DECLINE_WEEKS],
        observed=float(np.nansum(events[-7:])),
        usual=first,
        days=7,
        points=_points(book, events, fit),
    )


def _errors(book: Book, told: Dismissals) -> Iterator[Found]:
    """Many more errors for as many events than the account's own past has."""
    errors, events = book.masked(book.errors), book.masked(book.events)
    span, before = limits.ERROR_DAYS, slice(-limits.ERROR_DAYS - 56, -limits.ERROR_DAYS)
    known = np.isfinite(errors) & np.isfinite(events)
    errors, events = np.where(known, errors, 0), np.where(known, events, 0)
    past = events[:, before].sum(axis=1)
    rate = np.divide(errors[:, before].sum(axis=1), past, out=np.zeros(len(past)), where=past > 0)
    usual = rate * events[:, -span:].sum(axis=1)
    now = errors[:, -span:].sum(axis=1)
    enough = (known[:, before].sum(axis=1) >= limits.LEAST_HISTORY) & (now - usual >= limits.LEAST_ERRORS)
    for row in np.flatnonzero(enough & (now >= limits.ERRORS * usual)):
        account = book.accounts[row]
        raised = _raised(told, account, AlertKind.ERRORS)
        daily = rate[row] * events[row]
        bad = errors[row, -span:] > limits.ERRORS / 1.5 * daily[-span:]
        chance, high = _chance(errors[row, before], daily[before], float(now[row]), float(usual[row]))
        if bad.sum() < span - 1 or now[row] < limits.ERRORS * raised * usual[row]:
            continue
        if chance > limits.ERROR_CHANCE / raised:
            continue
        since = len(daily) - span + int(np.argmax(bad))
        yield Found(
            account_id=account,
            kind=AlertKind.ERRORS,
            subject="errors",
            size=float(now[row] / max(usual[row], 1)),
            score=float(-np.log10(max(chance, 1e-300))),
            since=book.days[since],
            observed=float(now[row]),
            usual=float(usual[row]),
            days=span,
            points=_counted(book, errors[row], daily, high, known[row]),
        )


def _chance(past: Series, expected: Series, now: float, usual: float) -> tuple[float, float]:
    """How likely so many are in ERROR_DAYS, if days spread as they did; and k, for a band of days.

    Negative binomial with variance m + m²/k of a day, k by moments over the past days; the sum of n days has nk.
    """
    from scipy.stats import nbinom  # noqa: PLC0415

    mean = max(float(expected.mean()), 0.05)
    extra = max(float(((past - expected) ** 2).mean()) - mean, 0.0) / mean**2
    k = min(1 / extra if extra else 1e6, 1e6)
    usual = max(usual, 0.5)
    of_all = k * limits.ERROR_DAYS
    return float(nbinom.sf(now - 1, of_all, of_all / (of_all + usual))), k


def _counted(
    book: Book, values: Series, usual: Series, k: float, known: NDArray[np.bool_]
) -> tuple[Point, ...]:
    from scipy.stats import nbinom  # noqa: PLC0415

    centre = np.maximum(usual, 0.05)
    low, high = nbinom.ppf(0.005, k, k / (k + centre)), nbinom.ppf(0.995, k, k / (k + centre))
    return tuple(
        Point(
            day=book.days[at],
            value=float(values[at]) if known[at] else None,
            usual=round(float(usual[at]), 1),
            low=float(low[at]),
            high=float(high[at]),
        )
        for at in range(max(0, len(values) - CHART_DAYS), len(values))
    )


def _conversions(book: Book, told: Dismissals, rows: Mapping[str, int]) -> Iterator[Found]:
    """A funnel that converts far less than it did, of two proportions, with the weeks' own spread."""
    from statsmodels.stats.proportion import proportions_ztest  # noqa: PLC0415

    for (account, funnel), counts in book.funnels.items():
        if account not in rows:
            continue
        known = np.flatnonzero(book.judged & np.isfinite(counts).all(axis=0))
        recent, past = known[-limits.CONVERSION_DAYS :], known[: -limits.CONVERSION_DAYS][-56:]
        if len(past) < limits.LEAST_HISTORY or not len(recent):
            continue
        entered = np.array([counts[0, recent].sum(), counts[0, past].sum()])
        completed = np.array([counts[1, recent].sum(), counts[1, past].sum()])
        if entered.min() < limits.LEAST_ENTERED or not completed[1]:
            continue
        rate = completed / entered
        size = float(1 - rate[0] / rate[1])
        raised = _raised(told, account, AlertKind.DROP)
        if size < _needed(limits.CONVERSION, raised):
            continue
        z, _ = proportions_ztest(completed, entered)
        score = float(-z) / _overspread(counts[:, past], float(rate[1]))
        if score < limits.CONVERSION_NOISE * raised:
            continue
        yield Found(
            account_id=account,
            kind=AlertKind.DROP,
            subject=f"conversion of {funnel}",
            size=size,
            score=score,
            since=book.days[recent[0]],
            observed=float(rate[0]),
            usual=float(rate[1]),
            days=len(recent),
            points=_rates(book, counts, float(rate[1])),
        )


def _overspread(counts: Series, rate: float) -> float:
    """The square root of chi² over its degrees of freedom between weeks, at least 1."""
    count = counts.shape[1] // 7
    by_week = counts[:, counts.shape[1] - 7 * count :].reshape(2, count, 7).sum(axis=2)
    by_week = by_week[:, by_week[0] > 0]
    if by_week.shape[1] < 2 or not 0 < rate < 1:
        return 1.0
    entered, completed = by_week
    chi2 = ((completed - rate * entered) ** 2 / (entered * rate * (1 - rate))).sum()
    return float(np.sqrt(max(chi2 / (len(entered) - 1), 1.0)))


def _rates(book: Book, counts: Series, usual: float) -> tuple[Point, ...]:
    from scipy.stats import binom  # noqa: PLC0415

    points = []
    for at in range(max(0, counts.shape[1] - CHART_DAYS), counts.shape[1]):
        entered, completed = counts[:, at]
        if not np.isfinite(entered) or not entered:
            points.append(Point(day=book.days[at], value=None))
            continue
        low, high = binom.interval(0.99, entered, usual)
        points.append(
            Point(
                day=book.days[at],
                value=round(completed / entered, 4),
                usual=round(usual, 4),
                low=round(low / entered, 4),
                high=round(high / entered, 4),
            )
        )
    return tuple(points)


def _abandoned(book: Book, told: Dismissals, rows: Mapping[str, int]) -> Iterator[Found]:
    """A feature that an account used week after week, and for two weeks not at all."""
    lost = _lost_by_all(book)
    going = _going_on(book)
    for (account, feature), attempts in book.features.items():
        if account not in rows or feature in lost:
            continue
        row = rows[account]
        masked = np.where(book.judged, attempts, np.nan)
        recent = masked[-limits.ABANDONED_DAYS :]
        past = masked[-limits.ABANDONED_DAYS - 7 * limits.ABANDONED_WEEKS : -limits.ABANDONED_DAYS]
        if len(past) < 7 * limits.ABANDONED_WEEKS or not np.isfinite(past).sum() >= limits.LEAST_HISTORY:
            continue
        by_week = np.nansum(past.reshape(-1, 7), axis=1)
        middle = float(np.median(by_week))
        raised = _raised(told, account, AlertKind.ABANDONED)
        if (by_week > 0).sum() < limits.ABANDONED_WEEKS - 1 or middle < limits.LEAST_ATTEMPTS * raised:
            continue
        if np.nansum(recent) or not going[row]:
            continue
        gone = int(np.flatnonzero(np.nan_to_num(masked) > 0)[-1]) + 1
        yield Found(
            account_id=account,
            kind=AlertKind.ABANDONED,
            subject=feature,
            size=limits.SMALL_CHANGE,
            score=middle,
            since=book.days[gone],
            observed=0,
            usual=middle * limits.ABANDONED_DAYS / 7,
            days=limits.ABANDONED_DAYS,
            points=_plain(book, attempts),
        )


def _lost_by_all(book: Book) -> set[str]:
    """Features that all accounts together tried less than half as often in the last week as in those before."""
    totals: dict[str, Series] = {}
    for (_, feature), attempts in book.features.items():
        totals[feature] = totals.get(feature, np.zeros(len(attempts))) + np.nan_to_num(attempts)
    return {
        feature
        for feature, days in totals.items()
        if days[-7:].sum() < limits.STILL_ACTIVE * np.median(days[-42:-7].reshape(-1, 7).sum(axis=1))
    }


def _going_on(book: Book) -> NDArray[np.bool_]:
    """The accounts that have at least half of the events of the four weeks before the last two."""
    masked = book.masked(book.events)
    now, before = mean(masked[:, -14:]), mean(masked[:, -42:-14])
    return np.asarray(np.nan_to_num(now) >= limits.STILL_ACTIVE * np.nan_to_num(before))


def _plain(book: Book, values: Series) -> tuple[Point, ...]:
    """A series with the median of its weekdays, and no band: it is too sparse for one."""
    usual = usual_days(values[None, :])[0]
    return tuple(
        Point(
            day=book.days[at],
            value=float(values[at]) if np.isfinite(values[at]) else None,
            usual=float(usual[at]) if np.isfinite(usual[at]) else None,
        )
        for at in range(max(0, len(values) - CHART_DAYS), len(values))
    )


def _silent(book: Book, told: Dismissals, rows: Mapping[str, int]) -> Iterator[Found]:
    """Those who came nearly every working day have stayed away for longer than a leave."""
    going = _going_on(book)
    for account, quiet in book.quiet.items():
        if account not in rows or not quiet.silent or quiet.silent < limits.KEY_SHARE * quiet.key_users:
            continue
        if not going[rows[account]]:
            continue
        away = [
            day
            for day, judged in zip(book.days, book.judged, strict=True)
            if day > quiet.last_day and day.weekday() < 5 and judged
        ]
        raised = _raised(told, account, AlertKind.SILENT)
        if len(away) < limits.SILENT_WORKDAYS * raised:
            continue
        yield Found(
            account_id=account,
            kind=AlertKind.SILENT,
            subject="key users",
            size=limits.SMALL_CHANGE,
            score=float(len(away)),
            since=away[0],
            observed=0,
            usual=0,
            days=len(away),
            points=_plain(book, book.users[rows[account]]),
        )
