"""Alerts as a test wants them."""

from datetime import date
from typing import Any

from handrail.domain.alerts import Alert, AlertKind


def alert(alert_id: str, account_id: str, day: date, **values: Any) -> Alert:
    """Half of the account's events are gone since `day`, on which it was raised and told, unless `values` say
    otherwise."""
    usual: dict[str, Any] = {
        "kind": AlertKind.DROP,
        "subject": "events",
        "size": 0.5,
        "score": 4.0,
        "since": day,
        "observed": 5,
        "usual": 10,
        "days": 7,
        "raised_on": day,
        "told_on": day,
        "told_size": 0.5,
        "seen_on": day,
        "evidence": "Half of the events.",
        "next_step": "Call them.",
    }
    return Alert(id=alert_id, account_id=account_id, **{**usual, **values})
