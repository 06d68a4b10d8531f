"""From one user's events of a feature to the signals that the struggle rules read."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from handrail.domain.features import Feature
from handrail.domain.struggles import FeatureUse

RAGE_CLICK = "$mp_rage_click"
DEAD_CLICK = "$mp_dead_click"
REASON_PROPERTY = "reason"


class FeatureEvent(NamedTuple):
    """One event of one user; `time` in epoch seconds."""

    time: int
    name: str
    account_ids: tuple[str, ...]
    reason: str = ""


def collect(user_key: str, events: Sequence[FeatureEvent], feature: Feature) -> FeatureUse | None:
    """The signals of one user on one feature; None without an attempt.

    `reached` is the furthest step of the last attempt. Clicks are all of the user's inside the window.
    """
    steps = [step.event for step in feature.steps]
    named = feature.events
    errors: Counter[str] = Counter()
    accounts: dict[str, None] = {}
    attempts: list[int] = []
    successes: list[int] = []
    reached = 0
    for event in sorted(events, key=lambda event: event.time):
        if event.name not in feature.event_names():
            continue
        accounts.update(dict.fromkeys(event.account_ids))
        if event.name == named.attempt:
            attempts.append(event.time)
            reached = 0
        elif event.name in steps:
            reached = max(reached, steps.index(event.name))
        if event.name == named.success:
            successes.append(event.time)
        if named.error and event.name == named.error:
            errors[event.reason] += 1
    if not attempts:
        return None
    clicks = Counter(event.name for event in events)
    return FeatureUse(
        user_key=user_key,
        account_ids=tuple(accounts),
        attempts=len(attempts),
        successes=len(successes),
        errors=dict(errors),
        rage_clicks=clicks[RAGE_CLICK],
        dead_clicks=clicks[DEAD_CLICK],
        last_attempt=datetime.fromtimestamp(attempts[-1], UTC),
        last_success=datetime.fromtimestamp(successes[-1], UTC) if successes else None,
        reached=reached,
    )
