"""What is kept about one person: told to them, or erased."""

import asyncio
import secrets
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from handrail.context import ToolContext
from handrail.engine.marks import mark
from handrail.errors import CallerError
from handrail.lock import one_at_a_time
from handrail.store.flow_engine import compact, mentions
from handrail.store.people import Row

PATIENCE = 60.0
"""Seconds to wait for a sync or for mails that are leaving; a night takes longer."""

BUSY = (
    "Another process is reading the database: free pages of its file hold erased keys until that ends. "
    "Run the same command again then."
)


class Kept(BaseModel):
    """Everything that is kept about one person."""

    model_config = ConfigDict(frozen=True)

    user_key: str
    tables: dict[str, list[Row]]
    flow: dict[str, int] = Field(description="Values in the books of nights that name a mail of theirs.")


class Erased(BaseModel):
    """What was erased of some people, in rows."""

    model_config = ConfigDict(frozen=True)

    people: int
    unknown: int = Field(description="Of them, people about whom nothing was kept.")
    tables: dict[str, int]
    flow: dict[str, int]
    notes: tuple[str, ...] = ()


async def all_about(ctx: ToolContext, user_key: str) -> Kept:
    """Every row about this person, with what the rows say."""
    async with ctx.store.read() as work:
        tables = await work.people.everything(user_key, mark(ctx.secret, user_key))
        ids = await work.people.deliveries(user_key)
    flow = await asyncio.to_thread(mentions, ctx.settings, dict.fromkeys(ids, ""))
    return Kept(user_key=user_key, tables=tables, flow=flow)


async def erase(ctx: ToolContext, user_keys: Sequence[str]) -> Erased:
    """Erase everything about these people, and never read or mail them again. Safe to repeat.

    Waits for a sync to end, and for mails that are leaving. Raises `CallerError` while a night is running,
    or stopped half way: what it still holds in memory would be written down after us.
    """
    tables: dict[str, int] = {}
    flow: dict[str, int] = {}
    unknown = 0
    async with (
        one_at_a_time(ctx.settings, "night", patience=PATIENCE),
        one_at_a_time(ctx.settings, "sync", patience=PATIENCE),
    ):
        await _refuse_half_nights(ctx)
        for user_key in dict.fromkeys(user_keys):
            gone, books = await _erase(ctx, user_key)
            unknown += not gone
            for told, found in ((tables, gone), (flow, books)):
                for name, rows in found.items():
                    told[name] = told.get(name, 0) + rows
        clean = await ctx.store.compact()
        clean = await asyncio.to_thread(compact, ctx.settings) and clean
    return Erased(
        people=len(dict.fromkeys(user_keys)),
        unknown=unknown,
        tables=dict(sorted(tables.items())),
        flow=flow,
        notes=() if clean else (BUSY,),
    )


async def _erase(ctx: ToolContext, user_key: str) -> tuple[dict[str, int], dict[str, int]]:
    """The books first: a death between the two leaves rows, and the ids to find the books by."""
    async with ctx.store.read() as work:
        if await work.people.is_being_mailed(user_key):
            raise CallerError(
                "A mail to this person is leaving right now, or was when a process died: "
                "run a night or `handrail agent release`, then erase again. Nothing more was erased."
            )
        ids = await work.people.deliveries(user_key)
    instead = {each: secrets.token_hex(len(each) // 2) for each in ids}
    flow = await asyncio.to_thread(mentions, ctx.settings, instead, replace=True)
    async with ctx.store.begin() as work:
        gone = await work.people.erase(user_key, mark(ctx.secret, user_key), ctx.clock.now())
    return dict(gone), flow


async def _refuse_half_nights(ctx: ToolContext) -> None:
    async with ctx.store.read() as work:
        last = await work.nights.report()
    if last is not None and last.status == "running":
        raise CallerError(
            f"The night of {last.night} is running, or was stopped half way: let it end, "
            "or run it again with `handrail agent run`, then erase. Nothing was erased."
        )
