"""How many requests a minute one caller may make."""

import math
import time

from fastapi import HTTPException, Request
from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter


class Rate:
    """Counted in this process's memory, by token; without tokens by the client's address."""

    def __init__(self, per_minute: int) -> None:
        self._most = RateLimitItemPerMinute(per_minute) if per_minute else None
        self._counted = FixedWindowRateLimiter(MemoryStorage())

    async def count(self, request: Request) -> None:
        """Raises 429 with the seconds until the caller may ask again."""
        who = getattr(request.state, "caller", "") or (request.client.host if request.client else "")
        if self._most is None or await self._counted.hit(self._most, who):
            return
        window = await self._counted.get_window_stats(self._most, who)
        wait = max(1, math.ceil(window.reset_time - time.time()))
        raise HTTPException(
            429,
            f"More than {self._most.amount} requests in a minute: ask again in {wait} seconds, or raise "
            "HANDRAIL_API_RATE.",
            headers={"Retry-After": str(wait)},
        )
