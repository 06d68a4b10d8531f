"""The one source of time: aware, UTC, and movable for demos and tests."""

import time
from datetime import UTC, datetime, timedelta


class Clock:
    """The wall clock, or one that starts at `start` and runs on from there."""

    def __init__(self, start: datetime | None = None) -> None:
        self._start = start.astimezone(UTC) if start else None
        self._since = time.monotonic()

    def now(self) -> datetime:
        if self._start is None:
            return datetime.now(UTC)
        return self._start + timedelta(seconds=time.monotonic() - self._since)
