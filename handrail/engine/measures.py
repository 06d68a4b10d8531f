"""The figures of an account on a past day that are tried as signs of churn: one number each, or none."""

from collections.abc import Mapping, Sequence
from statistics import median

from handrail.domain.churn import PastDay
from handrail.domain.health import WINDOW, Facts, Score

PLAIN: Mapping[str, str] = {
    "events": "Events",
    "users": "Different users",
    "sessions": "Sessions",
    "events_per_user": "Events per user and day",
    "active_days": "Days with an event",
    "days_silent": "Days since the last event",
    "events_change": "Events of the median week, divided by the same of the 28 days before",
    "users_change": "Users of the median week (each day's), divided by the same of the 28 days before",
    "features_used": "Monitored features used",
    "funnel_conversion": "Who finished divided by who entered, all funnels together",
    "errors_per_attempt": "Errors of features divided by attempts",
    "frustration_per_attempt": "Rage and dead clicks divided by attempts",
    "struggling_share": "Users stuck with a feature, of those of the last 7 days",
    "key_person_share": "Share of events by the most active user",
}
"""Out of the daily tables, over 28 days."""

SCORED: Mapping[str, str] = {
    "score": "The engagement score",
    "frequency": "Component of the score",
    "breadth": "Component of the score",
    "depth": "Component of the score",
    "trend": "Component of the score",
    "funnels": "Component of the score",
    "friction": "Component of the score",
    "recency": "Component of the score",
}

METRICS = (*SCORED, *PLAIN)

LEAST_ATTEMPTS = 5
LEAST_ENTRANTS = 5
"""With fewer there is no share of them."""


def past_day(facts: Facts, score: Score, sessions: int) -> PastDay | None:
    """The day as it is kept; None where the account was not there, or not read, for whole 28 days."""
    if facts.window_days < WINDOW:
        return None
    components: dict[str, float | None] = {each.name: each.value for each in score.components}
    found: dict[str, float | None] = {
        "score": score.value,
        **components,
        "sessions": sessions,
        **_plain(facts),
    }
    measured = {name: round(value, 6) for name, value in found.items() if value is not None}
    return PastDay(facts.account, facts.as_of, score.band or "", measured)


def _plain(facts: Facts) -> dict[str, float | None]:
    people = facts.people
    clicks = [each for each in (facts.rage_clicks, facts.dead_clicks) if each is not None]
    return {
        "events": facts.events,
        "users": people.users_28 if people else None,
        "events_per_user": _share(facts.events, facts.user_days, 1),
        "active_days": facts.active_days,
        "days_silent": facts.days_silent,
        "events_change": _change(facts.week_events, facts.weeks_before_events),
        "users_change": _change(facts.week_users, facts.weeks_before_users),
        "features_used": facts.features_used if facts.adoption else None,
        "funnel_conversion": _share(
            sum(each.finished for each in facts.funnels),
            sum(each.entered for each in facts.funnels),
            LEAST_ENTRANTS,
        ),
        "errors_per_attempt": _share(facts.errors, facts.attempts, LEAST_ATTEMPTS),
        "frustration_per_attempt": _share(sum(clicks) if clicks else None, facts.attempts, LEAST_ATTEMPTS),
        "struggling_share": _share(people.struggling, people.users_7, 1) if people else None,
        "key_person_share": facts.key_person_share,
    }


def _share(part: float | None, of: int, least: int) -> float | None:
    return None if part is None or of < least else part / of


def _change(now: Sequence[int], before: Sequence[int]) -> float | None:
    """Whole weeks on both sides, all four of them, or nothing to divide."""
    if min(len(now), len(before)) < WINDOW // 7 or not median(before):
        return None
    return median(now) / median(before)
