"""The struggle rules: from one user's signals on one feature to a verdict, or none."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from handrail.domain.features import Feature, Struggling
from handrail.domain.struggles import FeatureUse, Signature, Struggle

_CODE = re.compile(r"[A-Za-z][\w.-]{0,59}", re.ASCII)

OTHER_REASON = "other"
"""Stands for every reason without a label, so that no raw text travels on."""

NO_LABELS: Mapping[str, str] = {}


def judge(
    use: FeatureUse, feature: Feature, *, as_of: datetime, labels: Mapping[str, str] = NO_LABELS
) -> Struggle | None:
    """More than N attempts and (completion under the limit, or error events); never after a later success.

    `labels` stand for the reasons that the document does not explain.
    """
    limits = feature.struggle
    if use.attempts <= limits.more_than_attempts:
        return None
    if use.last_success is not None and use.last_success >= use.last_attempt:
        return None
    completion = use.successes / use.attempts
    errors = sum(use.errors.values())
    rules = (
        *(["low_completion"] if completion < limits.completion_below else []),
        *(["errors"] if errors else []),
    )
    if not rules:
        return None
    stuck = feature.steps[min(use.reached + 1, len(feature.steps) - 1)].id
    reason = main_reason(use.errors)
    signature = Signature(
        feature=feature.slug,
        stuck_step=stuck,
        reason=approved_reason(reason, feature, labels),
        band="never" if use.successes == 0 else "sometimes",
    )
    return Struggle(
        feature=feature.slug,
        user_key=use.user_key,
        account_ids=use.account_ids,
        attempts=use.attempts,
        successes=use.successes,
        completion=completion,
        errors=errors,
        main_reason=plain_reason(reason),
        rules=rules,
        stuck_step=stuck,
        rage_clicks=use.rage_clicks,
        dead_clicks=use.dead_clicks,
        abandoned=use.abandoned,
        help_views=use.help_views,
        attempts_before=use.attempts_before,
        successes_before=use.successes_before,
        last_attempt=use.last_attempt,
        priority=priority(use, limits, as_of=as_of),
        signature=signature,
        limits=limits,
    )


def priority(use: FeatureUse, limits: Struggling, *, as_of: datetime) -> float:
    """recency × (failed attempts + 2 × errors + frustration).

    Failed attempts = attempts less successes, never below 0. Frustration = rage clicks + (dead clicks +
    abandoned attempts + repeated views of help) / 2; what was not measured adds nothing. recency =
    1 / (1 + days since the last attempt): who is stuck today comes before who was stuck on Monday.
    """
    days = max(0.0, (as_of - use.last_attempt).total_seconds() / 86_400)
    views = use.help_views or 0
    halves = (use.dead_clicks or 0) + (use.abandoned or 0) + (views if views >= limits.repeated_help else 0)
    frustration = (use.rage_clicks or 0) + halves / 2
    failed = max(0, use.attempts - use.successes)
    weight = failed + 2 * sum(use.errors.values()) + frustration
    return round(weight / (1 + days), 4)


def ends(one: Struggle, zone: str) -> str:
    """What would change the verdict, with its times in the project's zone."""
    last = one.last_attempt.astimezone(ZoneInfo(zone))
    gone = last.date() + timedelta(days=one.limits.days)
    return (
        f"One completion after {last:%d %b %H:%M} ends it; without a new attempt it is over "
        f"on {gone:%d %b} at the latest."
    )


def main_reason(errors: dict[str, int]) -> str:
    """The commonest reason; of equals the first in alphabetical order."""
    if not errors:
        return ""
    return min(errors, key=lambda reason: (-errors[reason], reason))


def plain_reason(reason: str) -> str:
    """The reason if it reads like a code, else `other`: free text may hold anything, addresses too."""
    return reason if not reason or _CODE.fullmatch(reason) else OTHER_REASON


def approved_reason(reason: str, feature: Feature, labels: Mapping[str, str] = NO_LABELS) -> str:
    """The reason if the document explains it, else its label, else `other`; empty stays empty.

    Nothing else of a reason comes into a prompt, a mail or a log.
    """
    if not reason:
        return ""
    return reason if feature.hint(reason) else labels.get(reason, OTHER_REASON)
