"""Marks: what is kept of users to count them over several days. A mark is no user key and leads to none."""

import hashlib
import hmac
from collections.abc import Iterable

MARK_BYTES = 8


def mark_key(secret: bytes) -> bytes:
    """What user keys are hashed with to become marks."""
    return hmac.digest(secret, b"marks for counting", "sha256")


def mark(secret: bytes, user_key: str) -> bytes:
    """The mark of a user."""
    return hashlib.sha256(mark_key(secret) + bytes.fromhex(user_key)).digest()[:MARK_BYTES]


def split(marks: bytes) -> list[bytes]:
    """Single marks out of those of a row, which lie one after the other."""
    return [marks[at : at + MARK_BYTES] for at in range(0, len(marks), MARK_BYTES)]


def union(rows: Iterable[bytes]) -> bytes:
    """The marks of several rows, each once."""
    return b"".join(dict.fromkeys(mark for row in rows for mark in split(row)))
