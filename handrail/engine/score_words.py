"""The score in words: its definition as a page, and one account's score as a sentence."""

from collections.abc import Sequence
from datetime import date
from typing import get_args

from handrail.domain.health import ComponentName, FigureRule, Health, Move, Pull, ScoreSettings

_ASKS: dict[ComponentName, str] = {
    "frequency": "How often are they there?",
    "breadth": "How many of them, and with how much of the product?",
    "depth": "How much does each do, against what is usual for the account?",
    "trend": "Is it growing or shrinking?",
    "funnels": "Do they get through, against the account's own past and everybody?",
    "friction": "What stands in their way?",
    "recency": "How long have they been away?",
}

_BANDS = {"healthy": "healthy", "watch": "to watch", "at_risk": "at risk", None: "no band"}


def definition(settings: ScoreSettings) -> str:
    """How scores are made here, as a page of Markdown."""
    parts = [_opening(settings), _weights(settings)]
    parts += [_component(name, settings) for name in get_args(ComponentName) if settings.weights.get(name)]
    return "\n\n".join([*parts, _rules(settings)]) + "\n"


def sentence(account: str, health: Health, moves: Sequence[Move], since: date | None) -> str:
    """What the score says of an account."""
    score = health.score
    if score.value is None:
        return f"{account} has no engagement score on {score.as_of}: {score.why}"
    told = (
        f"{account}: engagement {score.value:.0f} of 100 on {score.as_of} ({_BANDS[score.band]}), "
        f"out of {score.coverage:.0%} of the weights, confidence {score.confidence}"
    )
    if since is None:
        return f"{told}; there is no earlier score to compare with."
    change = sum(each.points for each in moves)
    if round(change) == 0 or not moves:
        return f"{told}; unchanged since {since}."
    top = moves[0]
    return f"{told}; {change:+.0f} since {since}, most by {top.component} ({top.points:+.1f})."


def _opening(settings: ScoreSettings) -> str:
    bands = settings.bands
    return (
        "# Engagement score\n\n"
        "A number from 0 to 100 for one account at the end of one project day, made of that day and the days "
        "before it. Each raw figure is worth 0 to 100; a component is the weighted mean of its figures, the "
        "score the weighted mean of its components. What was not measured is left out, and its weight with "
        "it: it is never counted as 0. The share of the weights that was measured is the coverage.\n\n"
        f"**Bands**: healthy from {bands['healthy']:g}, to watch from {bands['watch']:g}, below that at "
        f"risk. **Version** of this definition: `{settings.version}`."
    )


def _weights(settings: ScoreSettings) -> str:
    total = sum(settings.weights.values())
    rows = [
        f"| {name} | {_ASKS[name]} | {weight:g} | {weight / total:.0%} |"
        for name, weight in settings.weights.items()
    ]
    table = "\n".join(["| component | asks | weight | share |", "|---|---|---|---|", *rows])
    own = [
        f"Accounts of the segment `{segment}` have their own weights: "
        + ", ".join(f"{name} {weight:g}" for name, weight in weights.items())
        + "."
        for segment, weights in settings.segments.items()
    ]
    return "\n\n".join([table, *own])


def _component(name: ComponentName, settings: ScoreSettings) -> str:
    rules = {each: rule for each, rule in settings.figures.items() if rule.component == name}
    rows = [
        f"| `{each}` | {rule.words} | {rule.weight:g} | {_points(rule)} |" for each, rule in rules.items()
    ]
    table = ["| figure | what it is | weight | figure → worth |", "|---|---|---|---|", *rows]
    return "\n".join([f"## {name.capitalize()}", "", *table])


def _points(rule: FigureRule) -> str:
    told = _line(rule.points)
    return f"{told}; of what is usual for a small account: {_line(rule.usual)}" if rule.usual else told


def _line(points: Sequence[tuple[float, float]]) -> str:
    return ", ".join(f"{x:g} → {y:g}" for x, y in points)


def _rules(settings: ScoreSettings) -> str:
    limits = settings.limits
    sure = [
        f"{name}: coverage {least.coverage:.0%}, {least.history_days} days of history, "
        f"{least.users} users in 28 days"
        for name, least in settings.confidence.items()
    ]
    lines = [
        "Between two points the worth lies on a straight line; beyond the ends it stays level.",
        f"A score needs {limits.history_days} known days since the account's first event, what is usual "
        f"{limits.usual_days} before the window, a trend {limits.weeks} whole weeks on each side, friction "
        f"{limits.attempts} attempts, a funnel {limits.entrants} entrants.",
        f"A small account, with fewer than {limits.small_users:g} users on its usual day, is compared with "
        "itself: it is not held against it that it does not use everything.",
        _pulled(settings.pull),
        "Confidence: " + "; ".join(sure) + "; otherwise low.",
        "What a CSM feels (1 to 5) stands beside the score and is no part of it.",
    ]
    return "\n".join(["## Rules", "", *(f"- {line}" for line in lines)])


def _pulled(pull: Pull) -> str:
    return (
        f"So that few people do not swing it, a trend adds {pull.user_days:g} user days or {pull.events:g} "
        f"events to both weeks it compares, and a conversion {pull.entrants:g} entrants who do as everybody."
    )
