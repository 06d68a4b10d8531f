"""SendGrid's log of mails and its unsubscribe lists: what a sender asks for after the fact."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from standin.sendgrid.events import message_id
from standin.sendgrid.rules import Problem
from standin.state import Standin

_CREATED = re.compile(r'sg_message_id_created_at (>=|<=|>|<) TIMESTAMP "([0-9T:.Z+-]+)"')


def listed(state: Standin, body: Any) -> dict[str, Any] | Problem:
    """`POST /v3/logs`: messages created within the query, at most `limit`; no order, no cursor."""
    if not isinstance(body, dict) or not isinstance(body.get("query", ""), str):
        return Problem("Bad Request")
    limit = body.get("limit", 10)
    if not isinstance(limit, int) or not 1 <= limit <= 1000:
        return Problem("limit must be between 1 and 1000", "limit")
    found = [_summary(each) for each in state.mails]
    for condition in filter(None, body.get("query", "").split(" AND ")):
        match = _CREATED.fullmatch(condition.strip())
        if match is None:
            return Problem(f"invalid query: {condition}", "query")
        found = [each for each in found if _holds(each["sg_message_id_created_at"], *match.groups())]
    return {"messages": found[:limit]}


def details(state: Standin, asked: str) -> dict[str, Any] | None:
    """`GET /v3/logs/{sg_message_id}`, with the custom arguments that the list leaves out."""
    mail = next((each for each in state.mails if message_id(each) == asked), None)
    if mail is None:
        return None
    return {**_summary(mail), "custom_args": mail["custom_args"], "events": []}


def suppress(state: Standin, name: str, body: Any) -> dict[str, Any] | Problem:
    """Put addresses on a list, once each."""
    addresses = body.get("recipient_emails") if isinstance(body, dict) else None
    if not isinstance(addresses, list) or not all(isinstance(each, str) for each in addresses):
        return Problem("recipient_emails must be a list of addresses", "recipient_emails")
    kept = state.suppressed.setdefault(name, [])
    there = {each["email"] for each in kept}
    at = int(state.clock.now().timestamp())
    kept.extend({"email": each, "created": at} for each in addresses if each not in there)
    return {"recipient_emails": addresses}


def _summary(mail: dict[str, Any]) -> dict[str, Any]:
    return {
        "from_email": mail["from"],
        "sg_message_id": message_id(mail),
        "subject": mail["subject"],
        "to_email": mail["to"],
        "status": "delivered",
        "sg_message_id_created_at": _instant(mail["at"]).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _holds(created: str, operator: str, bound: str) -> bool:
    one, other = _instant(created), _instant(bound)
    return {">=": one >= other, "<=": one <= other, ">": one > other, "<": one < other}[operator]
