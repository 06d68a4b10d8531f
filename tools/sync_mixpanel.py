"""Read Mixpanel again, or see how far that has come."""

from datetime import date
from typing import Annotated

from pydantic import Field

from handrail.context import ToolContext
from handrail.domain.metrics import SyncState, SyncStatus
from handrail.engine.periods import given_day
from handrail.flows import sync_job
from handrail.flows.connect import look
from tools._answers import Answer
from tools._params import FromDate, ToDate
from tools._tool import tool


class SyncAnswer(Answer):
    id: int
    status: SyncStatus
    from_date: date
    to_date: date
    days_done: int
    days_total: int
    events: int
    started_now: bool
    project: str = Field("", description="What connecting found, if started now.")


SyncId = Annotated[int, Field(description="Follow this one. 0: start one, or follow the running one.", ge=0)]


@tool(title="Sync with Mixpanel", effect="write", reach="refused")
async def sync_mixpanel(
    ctx: ToolContext, sync_id: SyncId = 0, from_date: FromDate = "", to_date: ToDate = ""
) -> SyncAnswer:
    """Read events into the tables: without dates, the days that are missing and the last five.

    Use it for "are the figures up to date?" or "read last month again"; it goes on after the answer.
    To follow it, call again with sync_id. For the figures, use query_events.
    """
    if sync_id:
        return _answer(await sync_job.watch(ctx, await sync_job.follow(ctx, sync_id)))
    first, last = given_day(from_date, "from_date"), given_day(to_date, "to_date")
    going = await sync_job.running(ctx)
    if going is not None:
        return _answer(await sync_job.watch(ctx, going))
    found = await look(ctx)
    state = await sync_job.watch(ctx, await sync_job.start(ctx, first, last))
    return _answer(state, started_now=True, project=" ".join([found.summary, *found.notes]))


def _answer(state: SyncState, *, started_now: bool = False, project: str = "") -> SyncAnswer:
    told = state.model_dump(exclude={"started_at", "finished_at", "message"})
    return SyncAnswer(
        summary=state.words(), as_of=state.finished_at, **told, started_now=started_now, project=project
    )
