"""The engagement score: from what is known of one account on one day to a value that can be taken apart.

Each raw figure becomes 0 to 100 by the points of its rule. A component is the mean of its figures, the
score the mean of its components, both weighted. What was not measured is left out, and its weight with it.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from typing import Literal, NamedTuple, get_args

from handrail.domain.health import (
    Band,
    Component,
    ComponentName,
    Confidence,
    Facts,
    Figure,
    FigureName,
    FunnelFacts,
    Move,
    Score,
    ScoreSettings,
)


class _Reading(NamedTuple):
    """One raw figure, or why there is none. `usual`: it is a share of what is usual for the account."""

    raw: float | None
    sample: int
    words: str
    usual: bool = False


def score(facts: Facts, settings: ScoreSettings, *, segment: str = "") -> Score:
    """The account's score at the end of the day that the facts are of."""
    weights = settings.weights_of(segment)
    figures = {name: _figure(name, facts, settings) for name in settings.figures}
    values = {name: _value(name, figures, settings) for name in weights}
    shares = _shares(weights, values)
    components = tuple(
        Component(
            name=name,
            value=values[name],
            weight=weights[name],
            share=shares[name],
            contribution=shares[name] * (values[name] or 0.0),
            figures=tuple(figures[each] for each, rule in settings.figures.items() if rule.component == name),
        )
        for name in get_args(ComponentName)
        if name in weights
    )
    measured = [weights[name] for name, value in values.items() if value is not None]
    coverage = sum(measured) / sum(weights.values())
    why = _why_none(facts, settings, measured=any(measured))
    total = None if why else min(100.0, sum(each.contribution for each in components))
    return Score(
        account=facts.account,
        as_of=facts.as_of,
        value=total,
        band=None if total is None else band(total, settings),
        components=components,
        coverage=coverage,
        confidence=_confidence(facts, coverage, settings),
        version=settings.version,
        why=why,
    )


def band(value: float, settings: ScoreSettings) -> Band:
    if value >= settings.bands["healthy"]:
        return "healthy"
    return "watch" if value >= settings.bands["watch"] else "at_risk"


def worth(raw: float, points: Sequence[tuple[float, float]]) -> float:
    """The value at `raw` of the line through the points; level beyond its ends."""
    at = bisect_right([x for x, _ in points], raw)
    if at in (0, len(points)):
        return points[max(0, at - 1)][1]
    (x0, y0), (x1, y1) = points[at - 1], points[at]
    return y0 + (y1 - y0) * (raw - x0) / (x1 - x0)


def moved(
    now: Score, before: Mapping[ComponentName, float | None], settings: ScoreSettings, *, segment: str = ""
) -> list[Move]:
    """What moved a score since it had these components, the largest move first; their sum is the change.

    A component measured both times moves it by its own change; one that came or went, by how far it lies
    from the mean of those that stayed.
    """
    weights = settings.weights_of(segment)
    then = {name: before.get(name) for name in weights}
    current = {each.name: each.value for each in now.components}
    stayed = {name: None if current[name] is None else then[name] for name in weights}
    here = {name: None if then[name] is None else current[name] for name in weights}
    shares, came, went = _shares(weights, stayed), _shares(weights, current), _shares(weights, then)
    mean_now = sum(share * (here[name] or 0.0) for name, share in shares.items())
    mean_then = sum(share * (stayed[name] or 0.0) for name, share in shares.items())
    moves = []
    for name, value in current.items():
        earlier = then[name]
        points = 0.0
        if value is not None and earlier is not None:
            points = shares[name] * (value - earlier)
        elif value is not None:
            points = came[name] * (value - mean_now)
        elif earlier is not None:
            points = -went[name] * (earlier - mean_then)
        if points:
            moves.append(Move(component=name, before=earlier, now=value, points=points))
    return sorted(moves, key=lambda each: -abs(each.points))


def _shares(
    weights: Mapping[ComponentName, float], values: Mapping[ComponentName, float | None]
) -> dict[ComponentName, float]:
    """Each component's part of the weights that were measured; 0 for what was not."""
    total = sum(weight for name, weight in weights.items() if values[name] is not None)
    return {
        name: weight / total if total and values[name] is not None else 0.0
        for name, weight in weights.items()
    }


def _value(
    component: ComponentName, figures: Mapping[FigureName, Figure], settings: ScoreSettings
) -> float | None:
    mine = [
        (rule.weight, points)
        for name, rule in settings.figures.items()
        if rule.component == component and (points := figures[name].points) is not None
    ]
    if not mine:
        return None
    return sum(weight * points for weight, points in mine) / sum(weight for weight, _ in mine)


def _figure(name: FigureName, facts: Facts, settings: ScoreSettings) -> Figure:
    rule, reading = settings.figures[name], _READ[name](facts, settings)
    points = None
    if reading.raw is not None:
        points = worth(reading.raw, rule.usual if reading.usual and rule.usual else rule.points)
    return Figure(name=name, raw=reading.raw, points=points, sample=reading.sample, words=reading.words)


def _why_none(facts: Facts, settings: ScoreSettings, *, measured: bool) -> str:
    if facts.history_days < settings.limits.history_days:
        return (
            f"{facts.history_days} days are known of this account; "
            f"a score needs {settings.limits.history_days}."
        )
    if not facts.window_days:
        return "None of the last 28 days was read."
    return "" if measured else "Nothing that has a weight was measured."


def _confidence(facts: Facts, coverage: float, settings: ScoreSettings) -> Confidence:
    users = facts.people.users_28 if facts.people else 0
    sure: tuple[Literal["high", "medium"], ...] = ("high", "medium")
    for name in sure:
        least = settings.confidence[name]
        if coverage >= least.coverage and facts.history_days >= least.history_days and users >= least.users:
            return name
    return "low"


def _active_days(facts: Facts, settings: ScoreSettings) -> _Reading:
    if not facts.window_days:
        return _Reading(None, 0, "None of the last 28 days was read.")
    share = facts.active_days / facts.window_days
    words = f"Active on {facts.active_days} of {facts.window_days} days"
    if _small(facts, settings) and settings.figures["active_days"].usual and facts.usual_active_days:
        usual = facts.usual_active_days / facts.usual_days
        told = f"{words}; usual for it: {usual * facts.window_days:.1f}."
        return _Reading(share / usual, facts.window_days, told, usual=True)
    return _Reading(share, facts.window_days, f"{words}.")


def _stickiness(facts: Facts, _settings: ScoreSettings) -> _Reading:
    if not facts.people or not facts.people.users_28 or not facts.window_days:
        return _Reading(None, 0, "No user with an id in 28 days, or their days are no longer kept.")
    daily, users = facts.user_days / facts.window_days, facts.people.users_28
    return _Reading(daily / users, users, f"{daily:.1f} users on an average day, {users} in 28 days.")


def _seats(facts: Facts, settings: ScoreSettings) -> _Reading:
    people = facts.people
    if people is None:
        return _Reading(None, 0, "The users of these days are no longer kept.")
    if people.seats:
        seats = max(people.seats, people.users_28)
        return _Reading(people.users_28 / seats, seats, f"{people.users_28} users of {seats} seats.")
    if not people.users_84 or not _usual(facts, settings):
        return _Reading(None, 0, "Seats are not known, and too few days to know who is usually there.")
    words = f"{people.users_28} users of {people.users_84} in 84 days; seats are not known."
    return _Reading(people.users_28 / people.users_84, people.users_84, words)


def _features(facts: Facts, settings: ScoreSettings) -> _Reading:
    monitored, used = len(facts.adoption), facts.features_used
    if not monitored:
        return _Reading(None, 0, "No feature is monitored.")
    if _small(facts, settings) and settings.figures["features"].usual:
        if not facts.features_before and not used:
            return _Reading(None, monitored, "A small account that never used a monitored feature.")
        before = max(1, facts.features_before)
        told = f"{used} features used; before: {facts.features_before}."
        return _Reading(used / before, monitored, told, usual=True)
    return _Reading(used / monitored, monitored, f"{used} of {monitored} monitored features used.")


def _events_per_user(facts: Facts, settings: ScoreSettings) -> _Reading:
    now, usual = facts.events_per_user, facts.usual_events_per_user
    if not now or not usual or not _usual(facts, settings):
        return _Reading(None, 0, "No active day with users, or too few days before to compare with.")
    words = f"{now:.1f} events per user on the median active day; usual for it: {usual:.1f}."
    return _Reading(now / usual, facts.active_days, words)


def _users_trend(facts: Facts, settings: ScoreSettings) -> _Reading:
    return _trend(
        facts.week_users,
        facts.weeks_before_users,
        settings.pull.user_days,
        settings,
        "users, each day's added up",
    )


def _events_trend(facts: Facts, settings: ScoreSettings) -> _Reading:
    return _trend(facts.week_events, facts.weeks_before_events, settings.pull.events, settings, "events")


def _trend(
    now: Sequence[int], before: Sequence[int], pull: float, settings: ScoreSettings, what: str
) -> _Reading:
    """Medians of weeks, so that one odd week changes little; and both pulled, so that few users do."""
    weeks = min(len(now), len(before))
    if weeks < settings.limits.weeks:
        return _Reading(None, weeks, f"Fewer than {settings.limits.weeks} whole weeks to compare.")
    if not any((*now, *before)):
        return _Reading(None, weeks, "Nothing in either 28 days.")
    current, earlier = median(now), median(before)
    words = f"{current:g} {what}, in the median week; in the 28 days before: {earlier:g}."
    base = earlier + pull
    if not base:
        return _Reading(None, weeks, "Nothing in the 28 days before to compare with.")
    return _Reading((current + pull) / base, weeks, words)


def _funnels_own(facts: Facts, settings: ScoreSettings) -> _Reading:
    least = settings.limits.entrants
    fit = [each for each in _converting(facts, least) if each.past_entered >= least]
    return _conversion(
        [(each, _pulled(each.past_entered, each.past_finished, each, settings)) for each in fit],
        settings,
        "its own of the 56 days before",
    )


def _funnels_fleet(facts: Facts, settings: ScoreSettings) -> _Reading:
    fit = _converting(facts, settings.limits.entrants)
    return _conversion(
        [(each, each.fleet_finished / each.fleet_entered) for each in fit], settings, "the fleet's"
    )


def _converting(facts: Facts, least: int) -> list[FunnelFacts]:
    return [each for each in facts.funnels if each.entered >= least and each.fleet_finished]


def _pulled(entered: int, finished: int, funnel: FunnelFacts, settings: ScoreSettings) -> float:
    """As if so many more had entered and done as the fleet does."""
    more = settings.pull.entrants
    return (finished + more * funnel.fleet_finished / funnel.fleet_entered) / (entered + more)


def _conversion(
    compared: Iterable[tuple[FunnelFacts, float]], settings: ScoreSettings, what: str
) -> _Reading:
    """Conversions divided by what each is compared with: the mean over funnels, by their entrants."""
    rows = [
        (each.entered, _pulled(each.entered, each.finished, each, settings) / other)
        for each, other in compared
        if other
    ]
    entrants = sum(entered for entered, _ in rows)
    if not entrants:
        return _Reading(
            None, 0, f"No funnel with {settings.limits.entrants} entrants to compare with {what}."
        )
    ratio = sum(entered * each for entered, each in rows) / entrants
    words = f"Conversion is {ratio:.2f} times {what}, over {len(rows)} funnels with {entrants} entrants."
    return _Reading(ratio, entrants, words)


def _errors(facts: Facts, settings: ScoreSettings) -> _Reading:
    if facts.errors is None:
        return _Reading(None, facts.attempts, "Nobody's errors are measured.")
    return _per_attempt(float(facts.errors), facts, settings, f"{facts.errors} errors")


def _frustration(facts: Facts, settings: ScoreSettings) -> _Reading:
    if facts.rage_clicks is None and facts.dead_clicks is None:
        return _Reading(None, facts.attempts, "Nobody's rage or dead clicks are measured.")
    rage, dead = facts.rage_clicks or 0, facts.dead_clicks or 0
    return _per_attempt(rage + dead / 2, facts, settings, f"{rage} rage and {dead} dead clicks")


def _per_attempt(count: float, facts: Facts, settings: ScoreSettings, what: str) -> _Reading:
    if facts.attempts < settings.limits.attempts:
        words = f"{facts.attempts} attempts at features are too few to say."
        return _Reading(None, facts.attempts, words)
    return _Reading(count / facts.attempts, facts.attempts, f"{what} in {facts.attempts} attempts.")


def _struggling(facts: Facts, _settings: ScoreSettings) -> _Reading:
    people = facts.people
    if people is None or people.struggling is None or not people.users_7:
        return _Reading(None, 0, "No night looked for who struggles, or nobody was there in 7 days.")
    words = f"{people.struggling} of the {people.users_7} users of 7 days are stuck."
    return _Reading(min(1.0, people.struggling / people.users_7), people.users_7, words)


def _silence(facts: Facts, settings: ScoreSettings) -> _Reading:
    gap = 1.0
    if _usual(facts, settings) and facts.usual_active_days:
        gap = facts.usual_days / facts.usual_active_days
    words = f"Last event {facts.days_silent} days before; usual for it: one day active in {gap:.1f}."
    return _Reading(max(0.0, facts.days_silent - (gap - 1)), facts.history_days, words)


def _usual(facts: Facts, settings: ScoreSettings) -> bool:
    """Whether enough days before the window are known to say what is usual."""
    return facts.usual_days >= settings.limits.usual_days


def _small(facts: Facts, settings: ScoreSettings) -> bool:
    few = facts.usual_users is not None and facts.usual_users < settings.limits.small_users
    return few and _usual(facts, settings)


_READ: dict[FigureName, Callable[[Facts, ScoreSettings], _Reading]] = {
    "active_days": _active_days,
    "stickiness": _stickiness,
    "seats": _seats,
    "features": _features,
    "events_per_user": _events_per_user,
    "users_trend": _users_trend,
    "events_trend": _events_trend,
    "funnels_own": _funnels_own,
    "funnels_fleet": _funnels_fleet,
    "errors": _errors,
    "frustration": _frustration,
    "struggling": _struggling,
    "silence": _silence,
}
