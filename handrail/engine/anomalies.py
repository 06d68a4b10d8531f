"""Anomalies of single accounts: a cheap screen over all of them, then a seasonal model of those it hits."""

from collections.abc import Iterator

import numpy as np

from handrail.domain.alerts import AlertKind, Found
from handrail.engine import alert_limits as limits
from handrail.engine.departures import abandoned, silent
from handrail.engine.falls import Fall, fall, noise, usual_week
from handrail.engine.fleet import Book, Series, problems
from handrail.engine.rates import conversions, errors
from handrail.engine.seasonal import fitted, points, since

SCREEN = 0.75
"""The screen lets through three quarters of what an alert needs; the model judges those."""

LONG_AGO = slice(-7 * limits.DECLINE_FROM, -7 * (limits.DECLINE_FROM - limits.DECLINE_BASE))
"""The days that a decline is held against."""


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
        *_declines(book, told, sudden),
        *errors(book, told),
        *conversions(book, told, rows),
        *abandoned(book, told, rows),
        *silent(book, told, rows),
    ]
    return problems(book) + [
        each for each in found if book.people.get(each.account_id, 0) >= limits.LEAST_USERS
    ]


def _drops(book: Book, told: limits.Dismissals) -> Iterator[Found]:
    """A week or two far under the usual in events, users or sessions; of an account the first such."""
    seen: set[str] = set()
    people = _people(book)
    for window in limits.WINDOWS:
        users = _beside_usual(book.seen_users, window)
        noises = noise(users, people, limits.LEVEL_WEEKS)
        large = (people >= limits.LEAST_USERS) & (users.expected >= limits.LEAST_USER_DAYS * window // 7)
        for name, values in (
            ("events", book.seen_events),
            ("users", book.seen_users),
            ("sessions", book.seen_sessions),
        ):
            screened = _beside_usual(values, window)
            hit = (screened.lost >= SCREEN * limits.DROP) & (
                screened.depth() >= SCREEN * limits.NOISE * noises
            )
            for row in np.flatnonzero(hit & large):
                account = book.accounts[row]
                if account in seen:
                    continue
                raised = limits.raised(told, account, AlertKind.DROP)
                one = _drop(book, int(row), values[row], name, raised, window, users, float(noises[row]))
                if one:
                    seen.add(account)
                    yield one


def _people(book: Book) -> Series:
    return np.array([float(book.people.get(each, 0)) for each in book.accounts])


def _beside_usual(values: Series, window: int) -> Fall:
    """The screen: the last days beside weekday means of eight weeks before them."""
    usual = usual_week(values, slice(-window - 56, -window))
    return fall(values, usual, slice(-window, None), _level(window), spared=window // 7)


def _level(window: int) -> slice:
    return slice(-window - 7 * limits.LEVEL_WEEKS, -window)


def _drop(
    book: Book, row: int, values: Series, name: str, raised: float, window: int, users: Fall, noise: float
) -> Found | None:
    fit = fitted(values, window)
    if fit is None:
        return None
    usual, last = fit.judged()[None, :], slice(-window, None)
    whole = fall(values[None, :], usual, last, _level(window))
    firm = fall(values[None, :], usual, last, _level(window), spared=window // 7)
    days = int(whole.days[0])
    spread, each = noise, 1.0
    if name != "users":  # one person makes many of them, and not as many every week
        spread = float(np.hypot(noise, fit.weekly_noise * np.sqrt(7 / window + 1 / limits.LEVEL_WEEKS)))
        each = max(1.0, float(firm.expected[0] / users.expected[row]))
    score = float(firm.depth(each)[0]) / spread
    if (
        days < limits.LEAST_DAYS * window // 7
        or min(float(firm.lost[0]), float(whole.lost[0])) < limits.needed(limits.DROP, raised)
        or score < limits.NOISE * raised
        or values[-1] >= fit.usual[-1]
    ):
        return None
    return Found(
        account_id=book.accounts[row],
        kind=AlertKind.DROP,
        subject=name,
        size=float(whole.lost[0]),
        score=score,
        since=since(book, values, fit),
        observed=float(whole.observed[0]),
        usual=float(whole.expected[0]),
        days=days,
        points=points(book, values, fit),
    )


def _declines(book: Book, told: limits.Dismissals, sudden: set[str]) -> Iterator[Found]:
    """Fewer users than two months ago, week after week; beside the fleet where that declined, too."""
    people = _people(book)
    base = slice(-7 * limits.DECLINE_FROM, None)
    users = _since_long(book.seen_users, usual_week(book.seen_users, base))
    noises = noise(users, people, limits.DECLINE_FROM)
    fleet = _of_all(users)
    deep = users.depth() - fleet >= SCREEN * limits.DECLINE_NOISE * noises
    deep &= (users.lost >= SCREEN * limits.DECLINE) & (people >= limits.LEAST_USERS)
    for row in np.flatnonzero(deep):
        account = book.accounts[row]
        if account in sudden:
            continue
        raised = limits.raised(told, account, AlertKind.DECLINE)
        one = _decline(book, int(row), raised, float(noises[row]), fleet)
        if one:
            yield one


def _of_all(users: Fall) -> float:
    """The depth to which the median account fell, where that is much; else 0."""
    large = users.before >= limits.LEAST_USER_DAYS * limits.DECLINE_BASE
    middle = float(np.median(users.depth()[large])) if large.sum() >= limits.LEAST_FLEET else 0.0
    return middle if middle > -np.log(limits.FLEET_DECLINE) else 0.0


def _since_long(values: Series, usual: Series, days: int = limits.DECLINE_DAYS, until: int = 0) -> Fall:
    """So many days, which ended `until` days ago."""
    recent = slice(values.shape[1] - days - until, values.shape[1] - until)
    return fall(values, usual, recent, LONG_AGO)


def _decline(book: Book, row: int, raised: float, noise: float, fleet: float) -> Found | None:
    """Users and events lose on the whole, and not in one step."""
    users, events = book.seen_users[row], book.seen_events[row]
    fit, other = fitted(users), fitted(events)
    if fit is None or other is None:
        return None
    usual = fit.judged()[None, :]
    of_users = _since_long(users[None, :], usual)
    of_events = _since_long(events[None, :], other.judged()[None, :])
    midway = _since_long(users[None, :], usual, limits.MIDWAY_DAYS, until=limits.MIDWAY_DAYS)
    depth = float(of_users.depth()[0]) - fleet
    size = 1 - float(np.exp(-depth))
    if (
        min(of_users.days[0], of_events.days[0]) < 2 * limits.LEAST_DAYS
        or of_users.before[0] < limits.LEAST_USER_DAYS * limits.DECLINE_BASE
        or min(size, float(of_events.lost[0])) < limits.needed(limits.DECLINE, raised)
        or depth < limits.DECLINE_NOISE * raised * noise
        or float(midway.depth()[0]) < limits.MIDWAY * depth
        or _in_one_step(users, usual[0])
    ):
        return None
    return Found(
        account_id=book.accounts[row],
        kind=AlertKind.DECLINE,
        subject="users",
        size=size,
        score=depth / noise,
        since=book.days[-7 * (limits.DECLINE_FROM - limits.DECLINE_BASE)],
        observed=float(of_users.observed[0]),
        usual=float(of_users.expected[0]),
        days=int(of_users.days[0]),
        points=points(book, users, fit),
    )


def _in_one_step(values: Series, usual: Series) -> bool:
    """Whether one step, anywhere in the thirteen weeks, tells them far better than a straight line.

    Both by least squares on the logarithms of the weeks.
    """
    known = np.isfinite(values) & np.isfinite(usual)
    counted, weight = (
        np.where(known, each, 0)[-7 * limits.DECLINE_FROM :].reshape(-1, 7).sum(axis=1)
        for each in (values, usual)
    )
    weeks = np.flatnonzero(weight > 0)
    levels = np.log((counted[weeks] + 1) / (weight[weeks] + 1))
    line = np.polyfit(weeks, levels, 1)
    of_line = ((levels - np.polyval(line, weeks)) ** 2).sum()
    of_step = min(
        ((levels[:at] - levels[:at].mean()) ** 2).sum() + ((levels[at:] - levels[at:].mean()) ** 2).sum()
        for at in range(1, len(levels))
    )
    return bool(of_step < limits.ONE_STEP * of_line)
