"""The stand-ins' clock: starts where the world says, runs on, and can be moved."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta


class Clock:
    """An aware UTC clock that starts at `start` and runs at the speed of time."""

    def __init__(self, start: datetime) -> None:
        self.set(start)

    def set(self, now: datetime) -> None:
        """Move the clock to `now`; it runs on from there."""
        self._start = now.astimezone(UTC)
        self._since = time.monotonic()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=time.monotonic() - self._since)
