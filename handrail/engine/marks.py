"""Marks: what is kept of users to count them over several days. A mark is no user key and leads to none."""

from collections.abc import Iterable

MARK_BYTES = 8


def split(marks: bytes) -> list[bytes]:
    """Single marks out of those of a row, which lie one after the other."""
    return [marks[at : at + MARK_BYTES] for at in range(0, len(marks), MARK_BYTES)]


def union(rows: Iterable[bytes]) -> bytes:
    """The marks of several rows, each once."""
    return b"".join(dict.fromkeys(mark for row in rows for mark in split(row)))
