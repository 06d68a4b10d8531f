"""Alerts over time: what is new, what is worse, what is over, and what a person has already dismissed."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta

from handrail.domain.alerts import Alert, AlertKind, Found
from handrail.engine import alert_limits as limits

Worded = Callable[[Found], tuple[str, str, str]]
"""Evidence, likely cause and next step of a finding."""

Key = tuple[str, str, str]


def reconcile(found: Iterable[Found], known: Sequence[Alert], night: date, worded: Worded) -> list[Alert]:
    """The alerts that a night raises or changes. Safe to repeat for the same night.

    `known` are open alerts, and closed ones that were seen since `remembered_since`. Of an account and
    direction the worst finding is told; a further one only where it is worse than what was told: then the
    open alert becomes it.
    """
    worst: dict[Key, list[Found]] = {}
    for each in found:
        worst.setdefault(_key(each), []).append(each)
    changed: dict[str, Alert] = {}
    for key, findings in worst.items():
        mine = [each for each in known if _key(each) == key]
        for alert in _reconciled(findings, mine, night, worded):
            changed[alert.id] = alert
    for alert in known:
        if alert.state == "open" and alert.id not in changed and _over(alert, night):
            changed[alert.id] = alert.model_copy(update={"state": "resolved"})
    return list(changed.values())


def alert_id(found: Found, night: date) -> str:
    """The same for a night that runs again."""
    parts = "\n".join([*_key(found), found.kind, night.isoformat()])
    return hashlib.sha256(parts.encode()).hexdigest()[:10]


def remembered_since(night: date) -> date:
    """Closed alerts that were seen on this day or later may still keep their account and direction quiet."""
    return night - timedelta(days=limits.SAME_STORY)


def _reconciled(
    findings: Sequence[Found], known: Sequence[Alert], night: date, worded: Worded
) -> list[Alert]:
    """Of one account and direction; a resolved alert comes back only where no other is open."""
    again = {alert.id: found for alert in known if (found := _again(alert, findings))}
    open_ones = [alert for alert in known if alert.state == "open"]
    go_on = [alert for alert in open_ones if alert.id in again or not _over(alert, night)]
    seen: dict[str, Alert] = {}
    for alert in known:
        if alert.id in again and (alert.state != "resolved" or not go_on):
            seen[alert.id] = _seen(alert, again[alert.id], night, worded)
            go_on += [alert] if seen[alert.id].state == "open" else []
    worst = max(findings, key=_badness)
    standing = [
        alert
        for alert in known
        if alert.state == "open" or _recent(alert, night) or worst.since <= alert.seen_on
    ]
    known_kind = any(alert.kind is worst.kind for alert in go_on)
    if not known_kind and all(_worse(worst, alert) for alert in standing):
        becomes = next(iter(go_on or open_ones), None)
        told = _seen(becomes, worst, night, worded) if becomes else _raised(worst, night, worded)
        seen[told.id] = told
    return list(seen.values())


def _again(alert: Alert, findings: Sequence[Found]) -> Found | None:
    """What goes on of an alert: its own finding, unless another of its kind is worse than what was told."""
    alike = [each for each in findings if each.kind is alert.kind]
    worse = [each for each in alike if _worse(each, alert)]
    own = [each for each in alike if each.subject == alert.subject]
    return max(worse or own or alike, key=_badness, default=None)


def _raised(found: Found, night: date, worded: Worded) -> Alert:
    evidence, cause, next_step = worded(found)
    return Alert(
        **found.model_dump(),
        id=alert_id(found, night),
        raised_on=night,
        told_on=night,
        told_size=found.size,
        seen_on=night,
        evidence=evidence,
        cause=cause,
        next_step=next_step,
    )


def _seen(alert: Alert, found: Found, night: date, worded: Worded) -> Alert:
    """A finding that goes on: its figures are tonight's, and it is told again where it is worse."""
    if alert.state == "dismissed":
        return alert.model_copy(update={"seen_on": night})
    if alert.state == "resolved" and not _recent(alert, night):
        return alert
    evidence, cause, next_step = worded(found)
    worse = _worse(found, alert)
    return alert.model_copy(
        update={
            **{name: getattr(found, name) for name in Found.model_fields},
            "since": min(alert.since, found.since),
            "state": "open",
            "seen_on": night,
            "told_on": night if worse else alert.told_on,
            "told_size": found.size if worse else alert.told_size,
            "evidence": evidence,
            "cause": cause,
            "next_step": next_step,
        }
    )


def _badness(found: Found) -> tuple[float, float]:
    return found.size, found.score


def _worse(found: Found, alert: Alert) -> bool:
    """Than what was told."""
    return found.size >= limits.WORSE * alert.told_size


def _recent(alert: Alert, night: date) -> bool:
    return (night - alert.seen_on).days < limits.QUIET_DAYS


def _over(alert: Alert, night: date) -> bool:
    return (night - alert.seen_on).days >= limits.RESOLVED_NIGHTS


def _key(found: Found) -> Key:
    """Data problems differ by what is broken; other alerts are one an account and direction."""
    return found.account_id, found.direction, found.subject if found.kind is AlertKind.DATA else ""
