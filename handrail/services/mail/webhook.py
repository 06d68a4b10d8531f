"""SendGrid's event webhook: is a post genuine, and what of it may be kept."""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeGuard

from handrail.domain.feedback import FeedbackKind, MailEvent, OptOutKind
from handrail.errors import ConfigError
from handrail.services.mail.sendgrid import DELIVERY_ARGUMENT

MOST_BYTES = 2 << 20
SIGNATURE = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP = "X-Twilio-Email-Event-Webhook-Timestamp"

OLDEST = timedelta(hours=25)
"""Posts are retried for 24 hours; what is older is a replay."""

AHEAD = timedelta(minutes=5)

_KINDS = {
    "processed": FeedbackKind.PROCESSED,
    "deferred": FeedbackKind.DEFERRED,
    "delivered": FeedbackKind.DELIVERED,
    "dropped": FeedbackKind.DROPPED,
    "open": FeedbackKind.OPENED,
    "click": FeedbackKind.CLICKED,
    "unsubscribe": FeedbackKind.UNSUBSCRIBED,
    "group_unsubscribe": FeedbackKind.UNSUBSCRIBED,
    "spamreport": FeedbackKind.COMPLAINED,
}
_OPTS_OUT: dict[FeedbackKind, OptOutKind] = {
    FeedbackKind.BOUNCED: "bounced",
    FeedbackKind.COMPLAINED: "complained",
    FeedbackKind.UNSUBSCRIBED: "unsubscribed",
}
_DROPPED: dict[str, OptOutKind] = {
    "Bounced Address": "bounced",
    "Invalid": "bounced",
    "Spam Reporting Address": "complained",
    "Unsubscribed Address": "unsubscribed",
}


def genuine(
    keys: Sequence[str], raw: bytes, signature: str | None, timestamp: str | None, now: datetime
) -> bool:
    """Whether one of the keys signed these very bytes, and not long ago.

    A key is base64 of the DER SubjectPublicKeyInfo of a P-256 key; the signature is ECDSA with SHA-256 over
    timestamp and raw body with nothing between them, so that ten digits and a body that begins with `[`
    are insisted on. Raises `ConfigError` for a key that is none.
    """
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415  (only where a webhook is served)
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    verifiers = [_verifier(key) for key in keys]
    if not (signature and timestamp and re.fullmatch(r"[0-9]{10}", timestamp) and raw[:1] == b"["):
        return False
    if not -AHEAD <= now - datetime.fromtimestamp(int(timestamp), UTC) <= OLDEST:
        return False
    try:
        signed = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return False
    for verifier in verifiers:
        try:
            verifier.verify(signed, timestamp.encode() + raw, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            continue
        return True
    return False


def _verifier(key: str) -> Any:
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_der_public_key  # noqa: PLC0415

    try:
        loaded = load_der_public_key(base64.b64decode(key, validate=True))
    except (binascii.Error, ValueError):
        loaded = None
    if not (isinstance(loaded, ec.EllipticCurvePublicKey) and isinstance(loaded.curve, ec.SECP256R1)):
        raise ConfigError(
            "HANDRAIL_SENDGRID_WEBHOOK_KEY is no verification key: copy it from SendGrid's mail settings."
        )
    return loaded


def read(raw: bytes) -> tuple[list[MailEvent], int]:
    """(events of our mails, scrubbed; events that were not understood). Raises `ValueError` if it is no list.

    Test posts and mails of others carry no delivery id of ours; they are neither.
    """
    try:
        posted = json.loads(raw)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if not isinstance(posted, list):
        raise ValueError("no list")
    found, unknown = [], 0
    for one in posted:
        if isinstance(one, dict) and DELIVERY_ARGUMENT not in one:
            continue
        event = _event(one) if isinstance(one, dict) else None
        if event is None:
            unknown += 1
        else:
            found.append(event)
    return found, unknown


def _event(one: dict[str, Any]) -> MailEvent | None:
    delivery_id, seconds = one.get(DELIVERY_ARGUMENT), one.get("timestamp")
    kind = _kind(one)
    if kind is None or not _is_id(delivery_id) or not isinstance(seconds, int):
        return None
    try:
        at = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OSError, OverflowError):
        return None
    opts_out = _OPTS_OUT.get(kind)
    if kind is FeedbackKind.DROPPED:
        opts_out = _DROPPED.get(str(one.get("reason")))
    by_machine = one.get("sg_machine_open") is True
    offset = one.get("url_offset")
    link = offset.get("index") if isinstance(offset, dict) else ""
    return MailEvent(
        delivery_id=delivery_id,
        kind=kind,
        at=at,
        key=_hash(delivery_id, kind, seconds, one.get("attempt"), link, *(["machine"] if by_machine else [])),
        event_id=_hash(one.get("sg_event_id")) if one.get("sg_event_id") else "",
        by_machine=by_machine,
        opts_out=opts_out,
    )


def _is_id(given: object) -> TypeGuard[str]:
    return isinstance(given, str) and given.isascii() and given.isprintable()


def _kind(one: dict[str, Any]) -> FeedbackKind | None:
    """A bounce of the type `blocked` refused this mail alone; the address is good."""
    name = str(one.get("event"))
    if name == "bounce":
        return FeedbackKind.BLOCKED if one.get("type") == "blocked" else FeedbackKind.BOUNCED
    return _KINDS.get(name)


def _hash(*parts: object) -> str:
    """Short, and nothing of what came in: ids of the service are not trusted to be free of addresses."""
    return hashlib.sha256("/".join(map(str, parts)).encode("utf-8", "replace")).hexdigest()[:32]
