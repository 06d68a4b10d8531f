"""Anomalies of single accounts: a cheap screen over all of them, then a seasonal model of those it hits."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from handrail.domain.alerts import AlertKind, Found
from handrail.engine import alert_limits as limits
from handrail.engine.departures import abandoned, silent
from handrail.engine.fleet import Book, Series, change, mean, problems, usual_days
from handrail.engine.rates import conversions, errors
from handrail.engine.seasonal import LEVEL_WEEKS, fitted, points, since, weeks

SCREEN = 0.75
"""The screen lets through three quarters of what an alert needs; the model judges those."""

MOST_RISES = 8
"""Of 28 pairs of eight weeks, those that may rise for a decline to be judged; Kendall's test allows four."""


def find(book: Book, dismissals: limits.Dismissals | None = None) -> list[Found]:
    """Everything of a night's figures that is out of the ordinary; guards over time are `engine/alerts`'.

    `dismissals` raise what is needed by account and kind.
    """
    told = dismissals or {}
    rows = {account: row for row, account in enumerate(book.accounts)}
    drops = list(_drops(book, told))
    sudden = {each.account_id for each in drops}
    found = [
        *drops,
        *(each for each in _declines(book, told) if each.account_id not in sudden),
        *errors(book, told),
        *conversions(book, told, rows),
        *abandoned(book, told, rows),
        *silent(book, told, rows),
    ]
    return problems(book) + [
        each for each in found if book.people.get(each.account_id, 0) >= limits.LEAST_USERS
    ]


def _drops(book: Book, told: limits.Dismissals) -> Iterator[Found]:
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
                raised = limits.raised(told, account, AlertKind.DROP)
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
        or min(size, 1 - np.exp(away)) < limits.needed(limits.DROP, raised)
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
        since=since(book, values, fit),
        observed=observed,
        usual=expected,
        days=int(days.sum()),
        points=points(book, values, fit),
    )


def _declines(book: Book, told: limits.Dismissals) -> Iterator[Found]:
    """Events get fewer and fewer over eight weeks; beside the fleet where that declined, too."""
    events, users = book.masked(book.events), book.masked(book.users)
    ratios = np.nan_to_num(change(events) / book.declined, nan=1.0)
    falling = np.minimum(_rises(events), _rises(users)) <= MOST_RISES
    for row in np.flatnonzero(falling & (ratios <= 1 - SCREEN * limits.DECLINE) & _large(book)):
        account = book.accounts[row]
        raised = limits.raised(told, account, AlertKind.DECLINE)
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
    """Accounts with enough people, on enough days of the six weeks before, that a fall is no chance."""
    users = book.masked(book.users)[:, -42 - limits.WINDOW : -limits.WINDOW]
    days = 7 * np.nan_to_num(mean(users))
    people = np.array([book.people.get(each, 0) for each in book.accounts])
    return np.asarray((people >= limits.LEAST_USERS) & (days >= limits.LEAST_USER_DAYS))


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
        or size < limits.needed(limits.DECLINE, raised)
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
        points=points(book, events, fit),
    )
