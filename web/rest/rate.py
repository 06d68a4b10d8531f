"""How many requests a minute one caller may make, of all processes of an installation together."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime

from fastapi import HTTPException, Request

from handrail.context import ToolContext
from handrail.store.trouble import trouble
from web.record import caller

PARTS = 20
"""A process takes a twentieth of a caller's minute at a time: not every request is a write."""


@dataclass
class _Share:
    """What this process may still let in of a caller's minute."""

    minute: datetime
    left: int = 0
    used_up: bool = False
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class Rate:
    """Counted in the database, by token. Of several processes the last may refuse a little too early: what
    the others have taken and not used is theirs until the minute is over."""

    def __init__(self, per_minute: int) -> None:
        self._most = per_minute
        self._part = max(1, per_minute // PARTS)
        self._shares: dict[str, _Share] = {}

    async def count(self, ctx: ToolContext, request: Request) -> None:
        """Raises 429 with the seconds until the caller may ask again."""
        if not self._most:
            return
        now, who = ctx.clock.now(), caller(request)
        minute = now.replace(second=0, microsecond=0)
        share = self._shares.get(who)
        if share is None or share.minute != minute:
            share = self._shares[who] = _Share(minute)
        async with share.turn:
            if not (share.left or share.used_up):
                share.left = await self._taken(ctx, who, minute)
                share.used_up = not share.left
            if share.left:
                share.left -= 1
                return
        wait = 60 - now.second
        raise HTTPException(
            429,
            f"More than {self._most} requests in a minute: ask again in {wait} seconds, or raise "
            "HANDRAIL_API_RATE.",
            headers={"Retry-After": str(wait)},
        )

    async def _taken(self, ctx: ToolContext, who: str, minute: datetime) -> int:
        """On a machine that cannot write, each process counts by itself: reading has to go on."""
        try:
            async with ctx.store.begin() as work:
                return await work.rates.take(who, minute, self._part, self._most)
        except Exception as error:
            if trouble(error) is None:
                raise
            return self._part
