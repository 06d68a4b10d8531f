"""Keys that make a repeat harmless, built from ids and ISO dates in one place."""

import hashlib
import hmac
import json
import unicodedata
import uuid
from collections.abc import Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta

from handrail.domain.tutorials import Tutorial

_NAMESPACE = uuid.UUID("6f2d6f0e-6a0e-5b0e-9a64-8f8d4b1c7a11")


def user_key(secret: bytes, distinct_id: str) -> str:
    """HMAC-SHA256 of a distinct_id, in hex: the only form in which a user is kept."""
    return hmac.new(secret, distinct_id.encode(), hashlib.sha256).hexdigest()


def secret_stamp(secret: bytes) -> str:
    """What a database knows its secret by again, in hex; the secret cannot be told from it."""
    return hmac.new(secret, b"handrail stamp", hashlib.sha256).hexdigest()


def address_key(secret: bytes, address: str) -> str:
    """HMAC-SHA256 of a mail address, in hex, under a key of its own: the only form in which one is kept.

    Case, Unicode's spellings and those of the domain make no difference; `+tags` and dots do.
    """
    local, _, domain = unicodedata.normalize("NFC", address.strip()).lower().rpartition("@")
    with suppress(UnicodeError):
        domain = domain.encode("idna").decode()
    own = hmac.new(secret, b"handrail addresses", hashlib.sha256).digest()
    return hmac.new(own, f"{local}@{domain}".encode(), hashlib.sha256).hexdigest()


def reason_key(secret: bytes, feature: str, reason: str) -> str:
    """HMAC-SHA256 of a feature's error reason, in hex, under a key of its own: it may hold anything."""
    own = hmac.new(secret, b"handrail reasons", hashlib.sha256).digest()
    return hmac.new(own, f"{feature}/{reason}".encode(), hashlib.sha256).hexdigest()


def arguments_key(secret: bytes, arguments: str) -> str:
    """HMAC-SHA256 of a call's arguments as JSON, in hex, under a key of its own: they may hold anything."""
    own = hmac.new(secret, b"handrail arguments", hashlib.sha256).digest()
    return hmac.new(own, arguments.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


CONFIRMED_FOR = timedelta(minutes=15)
"""What was confirmed before that has to be read again."""


def confirmation(secret: bytes, user: str, feature: str, text: str, now: datetime) -> str:
    """A code for one text to one person, good for `CONFIRMED_FOR`; nobody can make it up."""
    return _confirmation(secret, user, feature, text, int((now + CONFIRMED_FOR).timestamp()))


def confirms(secret: bytes, code: str, user: str, feature: str, text: str, now: datetime) -> bool:
    """Whether the code is of this text and person, and not too old."""
    until = code.partition("-")[0]
    if not until.isascii() or not until.isdigit() or len(until) > 12 or int(until) < now.timestamp():
        return False
    expected = _confirmation(secret, user, feature, text, int(until))
    return hmac.compare_digest(expected.encode(), code.encode("utf-8", "surrogatepass"))


def _confirmation(secret: bytes, user: str, feature: str, text: str, until: int) -> str:
    own = hmac.new(secret, b"handrail confirmations", hashlib.sha256).digest()
    words = json.dumps([user, feature, text, until]).encode()
    return f"{until}-{hmac.new(own, words, hashlib.sha256).hexdigest()[:32]}"


def account_uuid(project_id: int, mixpanel_id: str) -> str:
    """The account's UUID: the same in every installation of one project."""
    return str(uuid.uuid5(_NAMESPACE, f"{project_id}/{mixpanel_id}"))


def delivery_id(night: date, user: str, feature: str) -> str:
    """One decision per night, person and feature. Opaque: it is what SendGrid gets to see."""
    return hashlib.sha256(f"{night.isoformat()}/{user}/{feature}".encode()).hexdigest()[:32]


OWN_CLICK = "click/"
"""Begins the key of each click that came through our own redirect."""


def click_key(delivery_id: str, *, by_machine: bool) -> str:
    """One row for a mail's reader and one for machines, so that a scanner cannot hide the reader's click."""
    return f"{OWN_CLICK}{delivery_id}/{'machine' if by_machine else 'person'}"


def text_hash(tutorial: Tutorial) -> str:
    """Of every word that leaves the house: subject, introduction, steps."""
    words = [tutorial.subject, tutorial.intro, *((step.step, step.text) for step in tutorial.steps)]
    return hashlib.sha256(json.dumps(words, ensure_ascii=False).encode()).hexdigest()[:32]


def review_id(night: date, text: str, audience: Sequence[str]) -> str:
    """One decision: this text, for these mails, of this night. `audience` is sorted."""
    return hashlib.sha256("/".join((night.isoformat(), text, *audience)).encode()).hexdigest()[:12]


def review_proof(secret: bytes, review_id: str) -> str:
    """That whoever sends it was shown this review: only the page gets it, never a model."""
    own = hmac.new(secret, b"handrail reviews", hashlib.sha256).digest()
    return hmac.new(own, review_id.encode(), hashlib.sha256).hexdigest()[:32]


def tutorial_id(signature: str, style: str, document_version: str) -> str:
    return hashlib.sha256(f"{signature}/{style}/{document_version}".encode()).hexdigest()[:16]


def edited_id(tutorial_id: str, text: str) -> str:
    """A person's words in place of the tutorial's; `text` is their hash. It stays the same tutorial."""
    return f"{original_id(tutorial_id)}-{text[:12]}"


def original_id(tutorial_id: str) -> str:
    """The tutorial that was edited, or the tutorial itself if nobody did."""
    return tutorial_id.partition("-")[0]


def stopgap_id(tutorial_id: str) -> str:
    """The document's own words, told because the model could not be asked: it will be asked again."""
    return hashlib.sha256(f"{tutorial_id}/stopgap".encode()).hexdigest()[:16]
