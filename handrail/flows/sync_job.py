"""A sync that goes on after the answer: started once, followed by whoever asks."""

import asyncio
import time
from contextlib import AsyncExitStack
from datetime import date

from handrail.context import ToolContext
from handrail.domain.metrics import SyncState
from handrail.errors import NotThere
from handrail.flows.health import keep_scores
from handrail.flows.refresh import refresh
from handrail.flows.sync import Plan, carry_out, plan
from handrail.lock import is_held, one_at_a_time

WATCHED_SECONDS = 45
"""Hosts give a call a minute."""

LOOK_EVERY_SECONDS = 0.25


async def start(ctx: ToolContext, from_day: date | None, to_day: date | None) -> SyncState:
    """Start a sync in the background. Raises `CallerError` where one is running, or for wrong days."""
    held = AsyncExitStack()
    await held.enter_async_context(one_at_a_time(ctx.settings, "sync"))
    try:
        planned = await plan(ctx, from_day, to_day)
    except BaseException:
        await held.aclose()
        raise
    ctx.background.start(_carry_out(ctx, planned, held))
    return await follow(ctx, planned.sync_id)


async def _carry_out(ctx: ToolContext, planned: Plan, held: AsyncExitStack) -> None:
    async with held:
        record = await carry_out(ctx, planned)
    await refresh(ctx, record.to_date)
    await keep_scores(ctx)


async def running(ctx: ToolContext) -> SyncState | None:
    """The sync that is running, in whichever process."""
    if not await is_held(ctx.settings, "sync"):
        return None
    async with ctx.store.read() as work:
        newest = await work.syncs.newest()
    return newest if newest and newest.status == "running" else None


async def follow(ctx: ToolContext, sync_id: int) -> SyncState:
    """How far a sync has come. One whose process died is interrupted, though it could not say so."""
    state = await _state(ctx, sync_id)
    if state.status == "running" and not await is_held(ctx.settings, "sync"):
        # It may have ended since: what it says now, without the lock, is its last word.
        state = await _state(ctx, sync_id)
        if state.status == "running":
            ended = "Its process ended before it was done; the next sync goes on from there."
            return state.model_copy(update={"status": "interrupted", "message": ended})
    return state


async def watch(ctx: ToolContext, state: SyncState) -> SyncState:
    """Where whoever asks wants to be told of progress: tell it until the sync ends, for a while at most.

    Others get what is known at once, and ask again.
    """
    if ctx.progress is None:
        return state
    until = time.monotonic() + WATCHED_SECONDS
    await ctx.progress(state.days_done, state.days_total, state.words())
    while state.status == "running" and time.monotonic() < until:
        await asyncio.sleep(LOOK_EVERY_SECONDS)
        earlier, state = state, await follow(ctx, state.id)
        if state.days_done > earlier.days_done:
            await ctx.progress(state.days_done, state.days_total, state.words())
    return state


async def _state(ctx: ToolContext, sync_id: int) -> SyncState:
    async with ctx.store.read() as work:
        state = await work.syncs.get(sync_id)
    if state is None:
        raise NotThere(f"There is no sync {sync_id}.")
    return state
