"""Requests that carry a key, so that a repeat of them is harmless."""

from pydantic import BaseModel, ConfigDict


class Answered(BaseModel):
    """What is known of an earlier request with the same key. `request` is a keyed hash of its body."""

    model_config = ConfigDict(frozen=True)

    request: str
    status: int
    """0 while it is still running."""
    answer: str
