"""SendGrid's event webhook: events in its shape, signed with a key made once per process."""

from __future__ import annotations

import base64
import json
import random
import secrets
from functools import cache
from typing import Any

import httpx2
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from standin.state import Standin

_SIGNATURE = "X-Twilio-Email-Event-Webhook-Signature"
_TIMESTAMP = "X-Twilio-Email-Event-Webhook-Timestamp"
_AGENT = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"
_MORE: dict[str, dict[str, Any]] = {
    "delivered": {"ip": "203.0.113.9", "response": "250 OK", "tls": 1},
    "deferred": {"ip": "203.0.113.9", "response": "400 try again later", "attempt": "1"},
    "dropped": {"reason": "Unsubscribed Address"},
    "bounce": {
        "type": "bounce",
        "status": "5.1.1",
        "reason": "550 5.1.1 <{email}>: Recipient address rejected",
        "bounce_classification": "Invalid Address",
        "tls": 0,
    },
    "open": {"sg_machine_open": False, "sg_content_type": "html", "useragent": _AGENT, "ip": "198.51.100.7"},
    "click": {"url_offset": {"index": 0, "type": "html"}, "useragent": _AGENT, "ip": "198.51.100.8"},
}


@cache
def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def public_key() -> str:
    """The verification key as SendGrid shows it: base64 of the DER SubjectPublicKeyInfo."""
    der = (
        _key()
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return base64.b64encode(der).decode()


def sign(raw: bytes, timestamp: str) -> dict[str, str]:
    """The two headers for a body: ECDSA over the timestamp and the raw bytes, nothing between them."""
    signature = _key().sign(timestamp.encode() + raw, ec.ECDSA(hashes.SHA256()))
    return {_SIGNATURE: base64.b64encode(signature).decode(), _TIMESTAMP: timestamp}


def event_of(mail: dict[str, Any], kind: str, timestamp: int, **more: Any) -> dict[str, Any]:
    """One event about one entry of `state.mails`, its custom arguments merged at top level."""
    event: dict[str, Any] = {
        "email": mail["to"],
        "timestamp": timestamp,
        "smtp-id": f"<{mail['id']}@geopod-ismtpd-0>",
        "event": kind,
        "sg_event_id": _event_id(kind),
        "sg_message_id": message_id(mail),
    }
    if kind in ("open", "click", "spamreport", "unsubscribe"):
        del event["smtp-id"]
    if mail["categories"]:
        event["category"] = mail["categories"]
    for name, value in _MORE.get(kind, {}).items():
        event[name] = value.format(email=mail["to"]) if isinstance(value, str) else value
    return {**event, **more, **mail["custom_args"]}


def message_id(mail: dict[str, Any]) -> str:
    """What events and the log call a mail: the id that its sender was told, and where it was taken in."""
    return f"{mail['id']}.recvd-85abf8d92c-3qfgp-2-7890E356-43C.0"


def _event_id(kind: str) -> str:
    token = f"{kind}-0-{secrets.token_hex(8)}".encode()
    return base64.urlsafe_b64encode(token).decode().rstrip("=")


async def post_events(
    state: Standin,
    url: str,
    events: list[dict[str, Any]],
    *,
    copies: int = 1,
    new_ids: bool = False,
    shuffled: bool = False,
) -> int:
    """Post a signed batch and answer the receiver's status.

    `copies` repeats every event; with `new_ids` the copies carry another `sg_event_id`, as re-delivered opens
    and clicks have been seen to. `shuffled` changes the order, the same way every time.
    """
    batch = list(events)
    for _ in range(copies - 1):
        batch += [{**each, "sg_event_id": _event_id(each["event"])} if new_ids else each for each in events]
    if shuffled:
        random.Random(len(batch)).shuffle(batch)  # noqa: S311  # nosec B311  # repeatable order, not a secret
    # Real bodies end in CRLF, and the signature covers it.
    raw = json.dumps(batch, separators=(",", ":")).encode() + b"\r\n"
    headers = sign(raw, str(int(state.clock.now().timestamp())))
    async with httpx2.AsyncClient(timeout=30, trust_env=False, follow_redirects=False) as client:
        answer = await client.post(url, content=raw, headers={"Content-Type": "application/json", **headers})
    return answer.status_code
