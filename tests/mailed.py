"""Rows of mails as a night leaves them, for tests that need one and not the night."""

from datetime import date, datetime
from typing import Any

from handrail.domain.deliveries import Delivery, Status


def delivery(name: str, user_key: str, *, night: date, at: datetime, **values: Any) -> Delivery:
    """One mail to one person, sent unless `values` say otherwise."""
    plain = {
        "feature": "schedule-export",
        "account_ids": (),
        "actor": "nightly",
        "tutorial_id": "",
        "signature": "",
        "status": Status.SENT,
        "reason": "",
        "detail": "",
    }
    row = {"id": name, "user_key": user_key, "night": night, "decided_at": at, **plain, **values}
    return Delivery.model_validate(row)
