"""Who is left without help on purpose, so that its effect can be measured against them."""

import hashlib

SALT = "holdout-1"
"""A new salt draws new people; within one, a person is in the same arm for ever, whatever the feature."""

VOLUME = 100
"""Mails of a feature in `VOLUME_DAYS` before anybody is held out: fewer could never show an effect."""

VOLUME_DAYS = 90


def held_out(user_key: str, share: float, *, volume: int) -> bool:
    """Whether this person gets no mail. `share` is 0 to 1, `volume` the feature's mails of late."""
    if volume < VOLUME:
        return False
    digest = hashlib.sha256(f"{SALT}/{user_key}".encode()).digest()
    return int.from_bytes(digest[:8]) < share * 2**64
