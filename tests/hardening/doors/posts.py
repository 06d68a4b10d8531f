"""Posts of the mail service as it signs them, with a key of the tests' own."""

import base64
import json
import random
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from handrail.services.mail.sendgrid import DELIVERY_ARGUMENT

SIGNATURE, TIMESTAMP = (
    "x-twilio-email-event-webhook-signature",
    "x-twilio-email-event-webhook-timestamp",
)
ENGAGED = ("open", "click", "spamreport", "unsubscribe", "group_unsubscribe")


@cache
def key_of(curve: type[ec.EllipticCurve] = ec.SECP256R1, number: int = 0) -> ec.EllipticCurvePrivateKey:
    """A private key of this curve; each number names another."""
    del number
    return ec.generate_private_key(curve())


def public(key: ec.EllipticCurvePrivateKey) -> str:
    """The verification key as the mail service shows it: base64 of the DER SubjectPublicKeyInfo."""
    der = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return base64.b64encode(der).decode()


def sign(key: ec.EllipticCurvePrivateKey, stamp: str, raw: bytes) -> str:
    """ECDSA with SHA-256 over the timestamp and the raw body, nothing between them."""
    return base64.b64encode(key.sign(stamp.encode() + raw, ec.ECDSA(hashes.SHA256()))).decode()


def headers_of(raw: bytes, at: datetime) -> list[tuple[str, str]]:
    stamp = str(int(at.timestamp()))
    return [(SIGNATURE, sign(key_of(), stamp, raw)), (TIMESTAMP, stamp)]


def body_of(events: Sequence[dict[str, Any]]) -> bytes:
    return json.dumps(events, separators=(",", ":")).encode() + b"\r\n"


def event(delivery_id: str, name: str, seconds: int, rng: random.Random, **more: Any) -> dict[str, Any]:
    """One event in the service's shape, with all the personal data that it brings along."""
    return {
        "email": "ana@example.com",
        "timestamp": seconds,
        "event": name,
        "sg_event_id": base64.urlsafe_b64encode(rng.randbytes(12)).decode(),
        "sg_message_id": "Xj5LmNkWSOqRbdvOpR34BA.recvd-85abf8d92c-3qfgp-2-7890E356-43C.1",
        "ip": "198.51.100.8",
        "useragent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64)",
        DELIVERY_ARGUMENT: delivery_id,
        **more,
    }
