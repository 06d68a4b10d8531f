"""The durable flow: nights that outlive the process that began them. Only this module knows DBOS.

The truth about each mail is its row in `deliveries`; the flow's own books hold ids, dates and reports.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, nullcontext
from datetime import UTC, date, datetime, timedelta
from typing import Any

from dbos import DBOS, DBOSConfig, Serializer, SetWorkflowID, WorkflowHandleAsync

from agent import night as stages
from agent.notebook import Notebook, Stage
from agent.seat import LOOK_SECONDS, PATIENCE, Seat, take_seat
from handrail import errors
from handrail.context import OpenContext, ToolContext
from handrail.domain.runs import Report
from handrail.errors import CallerError, ConfigError, HandrailError, StoreTrouble
from handrail.flows.mailing import Block, Mailed, Wave, mail_block
from handrail.lock import GLANCE
from handrail.settings import SendMode, Settings
from handrail.store.flow_engine import sqlite_engine
from handrail.store.trouble import trouble

FLOW = "2"
"""Raise it when stages change so that a night begun by the old code must not be ended by the new."""

NIGHTS, BLOCKS = "nights", "blocks"
POLLING = 0.25
"""Seconds between looks at a queue, and at a run that is waited for."""

KEPT = timedelta(days=30)
AT_ONCE = 1000
ENDED = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]

Json = dict[str, Any]
log = logging.getLogger(__name__)


class _Plain(Serializer):
    """JSON, so that what comes from the flow's database can be no code; an error keeps our words only."""

    def name(self) -> str:
        return "handrail_json"

    def serialize(self, data: Any) -> str:
        return json.dumps(data, default=_plain_error)

    def deserialize(self, serialized_data: str) -> Any:
        return json.loads(serialized_data, object_hook=_error_again)


def _plain_error(error: object) -> Json:
    if not isinstance(error, BaseException):
        raise TypeError(f"The flow keeps plain values only, not {type(error).__name__}.")
    if isinstance(error, HandrailError):
        return {"handrail_error": type(error).__name__, "words": str(error)}
    if words := trouble(error):
        return {"handrail_error": StoreTrouble.__name__, "words": words}
    return {"handrail_error": type(error).__name__, "words": f"A {type(error).__name__}; see the log."}


def _error_again(value: Json) -> Any:
    if "handrail_error" not in value:
        return value
    kind = getattr(errors, value["handrail_error"], HandrailError)
    try:
        return kind(value["words"])
    except TypeError:
        return HandrailError(value["words"])


class _Desk:
    """What the workflows of this process work with; DBOS calls them without."""

    open_context: OpenContext | None = None
    seat = Seat()

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[ToolContext]:
        if self.open_context is None:
            raise HandrailError("The flow is not at work in this process.")
        async with self.seat.at_night(), self.open_context() as ctx:
            yield ctx.acting_as("nightly").fenced(self.seat.check)


_desk = _Desk()


async def run(ctx: ToolContext, *, night: date | None = None, backfill_from: date | None = None) -> Report:
    """Run a night by hand, or go on with one that was begun; waits for its end. Mails nobody twice.

    Raises as `agent.night.run`, and `CallerError` where another process runs one on this data directory.
    """
    day = night or await stages.last_day(ctx)
    name = f"night:{day}"
    async with _at_work(ctx.settings, lambda: nullcontext(ctx)):
        await _give_up_older(name)
        return await _carry_out(await _next_name(name), day, backfill_from)


async def run_due(ctx: ToolContext, night: date) -> Report | None:
    """The night that the clock asks for: once, however often it is asked for, and by however many.

    Answers None where it has ended before; works along where it has not. Waits for mails that are leaving.
    """
    name = f"night:{night}"
    async with _at_work(ctx.settings, lambda: nullcontext(ctx), patience=PATIENCE):
        if await _give_up_older(name):
            return await _carry_out(await _next_name(name), night, None)
        begun = await DBOS.get_workflow_status_async(name)
        if begun is not None and begun.status in ENDED:
            return None
        return await _carry_out(name, night, None)


async def work_along(settings: Settings, open_context: OpenContext) -> None:
    """Work on nights that other processes begin, until cancelled.

    Each night and each block opens a context of its own: a worker stays for weeks, and documents and the
    connected project change meanwhile. Raises `ConfigError` on SQLite, and where the settings do not do for
    a night.
    """
    if not settings.on_postgres:
        raise ConfigError(
            "--worker needs PostgreSQL (HANDRAIL_DATABASE_URL): on SQLite one process runs the nights, "
            "`handrail agent start`."
        )
    async with open_context() as ctx:
        if settings.send_mode is not SendMode.OFF:
            ctx.mail.require()
    async with _at_work(settings, open_context) as seat:
        log.info("worker %s joined: it works along on nights that others begin", seat.id)
        await asyncio.Event().wait()


async def prune() -> int:
    """Drop the runs that ended long ago, for DBOS keeps everything; answers how many those were."""
    before = (datetime.now(UTC) - KEPT).isoformat()
    dropped = 0
    while True:
        old = await DBOS.list_workflows_async(
            status=ENDED, end_time=before, limit=AT_ONCE, load_input=False, load_output=False
        )
        if not old:
            return dropped
        await DBOS.delete_workflows_async([each.workflow_id for each in old])
        dropped += len(old)


async def _carry_out(name: str, night: date, backfill_from: date | None) -> Report:
    first = backfill_from.isoformat() if backfill_from else ""
    with SetWorkflowID(name):
        handle = await DBOS.enqueue_workflow_async(NIGHTS, _night, night.isoformat(), first)
    report = Report.model_validate(await handle.get_result(polling_interval_sec=POLLING))
    await prune()
    return report


@asynccontextmanager
async def _at_work(
    settings: Settings, open_context: OpenContext, *, patience: float = GLANCE
) -> AsyncIterator[Seat]:
    """Work on the queues in this process for so long, beginning with what it left undone."""
    if _desk.open_context is not None:
        raise CallerError("Another night is running in this process; wait for it to end.")
    async with take_seat(settings, patience=patience) as seat:
        _desk.open_context, _desk.seat = open_context, seat
        DBOS(config=_config(settings, seat))
        _logs_like_ours()
        watch = asyncio.create_task(_take_over(seat))
        try:
            DBOS.launch()  # on this loop, which the workflows then run on
            await DBOS.register_queue_async(NIGHTS, global_concurrency=1, polling_interval_sec=POLLING)
            await DBOS.register_queue_async(BLOCKS, worker_concurrency=1, polling_interval_sec=POLLING)
            yield seat
        finally:
            watch.cancel()
            await asyncio.to_thread(DBOS.destroy)
            # DBOS gave this loop its own threads, and has ended them.
            asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())
            _desk.open_context, _desk.seat = None, Seat()


def _logs_like_ours() -> None:
    """DBOS's own handler would write what an exception quotes, as statements, and in its own format."""
    theirs = logging.getLogger("dbos")
    theirs.handlers.clear()
    theirs.propagate = True
    theirs.addFilter(_in_our_words)


def _in_our_words(record: logging.LogRecord) -> bool:
    """What was raised on purpose, or a machine refuses, is told in a sentence elsewhere: no trace of it."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, HandrailError) or (error is not None and trouble(error)):
        record.msg, record.args = "a run of the flow ended with %s", (type(error).__name__,)
        record.exc_info = record.exc_text = None
    else:  # its own words quote errors whole, with their statements: the first line says which
        first = record.getMessage().partition("\n")[0]
        record.msg, record.args = first.removesuffix(" Traceback (most recent call last):"), ()
    return True


def _config(settings: Settings, seat: Seat) -> DBOSConfig:
    config: DBOSConfig = {
        "name": "handrail",
        "application_version": FLOW,
        "executor_id": seat.id,
        "serializer": _Plain(),
        "enable_otlp": False,
        "log_level": "WARNING",
    }
    if settings.on_postgres:
        return {**config, "system_database_url": settings.flow}
    return {**config, "system_database_engine": sqlite_engine(settings.flow_file)}


async def _next_name(name: str) -> str:
    """The run to go on with, or the first name that is free: a night may be run again by hand."""
    runs = await DBOS.list_workflows_async(workflow_id_prefix=name, name="night", load_output=False)
    for run in runs:
        if run.status not in ENDED:
            return run.workflow_id
    return f"{name}:{len(runs) + 1}" if runs else name


async def _give_up_older(name: str) -> bool:
    """Whether another version of the flow began the night and did not end it: nobody can go on with it."""
    runs = await DBOS.list_workflows_async(
        workflow_id_prefix=name, status=["PENDING", "ENQUEUED"], load_input=False, load_output=False
    )
    older = [each.workflow_id for each in runs if each.app_version != FLOW]
    if older:
        await DBOS.cancel_workflows_async(older)
    return bool(older)


@DBOS.workflow(name="night")
async def _night(as_of: str, backfill_from: str) -> Json:
    async with _desk.opened() as ctx:
        return await _one_night(ctx, date.fromisoformat(as_of), backfill_from)


async def _one_night(ctx: ToolContext, day: date, backfill_from: str) -> Json:
    async def begin() -> Json:
        first = date.fromisoformat(backfill_from) if backfill_from else None
        return (await stages.open_book(ctx, day, backfill_from=first)).model_dump(mode="json")

    book = Notebook.model_validate(await DBOS.run_step_async({"name": "open_book"}, begin))
    try:
        for stage in stages.BEFORE_MAILS:
            book = await _stage(stage, ctx, book, day)
        book = await _mail(ctx, book, day)
        for stage in stages.AFTER_MAILS:
            book = await _stage(stage, ctx, book, day)
    except Exception:  # not what DBOS raises where another process has this night now
        await _stage(stages.fail_book, ctx, book, day)
        raise
    for stage in stages.LAST:
        book = await _stage(stage, ctx, book, day)
    return book.report.model_dump(mode="json")


async def _stage(stage: Stage, ctx: ToolContext, book: Notebook, day: date) -> Notebook:
    """One stage as a step: once it has ended, it is not done again."""

    async def work() -> Json:
        await stages.carry_out(stage, ctx, book, day)
        return book.model_dump(mode="json")

    return Notebook.model_validate(await DBOS.run_step_async({"name": stage.__name__}, work))


async def _mail(ctx: ToolContext, book: Notebook, day: date) -> Notebook:
    """Waves of blocks, each block on whichever worker is free."""
    reached = 0
    while True:
        wave = await _next_wave(ctx, book, day, reached)
        if not wave.blocks:
            return book
        handles = [
            await _enqueue(block, f"{DBOS.workflow_id}:{reached}.{number}")
            for number, block in enumerate(wave.blocks)
        ]
        ended = [await _ended(handle) for handle in handles]
        for done in ended:
            if isinstance(done, Exception):
                raise done
            stages.note_block(book, done.sender_down, done.notes)
        reached = wave.reached


async def _next_wave(ctx: ToolContext, book: Notebook, day: date, reached: int) -> Wave:
    async def work() -> Json:
        return (await stages.plan_wave(ctx, book, day, reached)).model_dump(mode="json")

    return Wave.model_validate(await DBOS.run_step_async({"name": "plan_wave"}, work))


async def _enqueue(block: Block, name: str) -> WorkflowHandleAsync[Json]:
    with SetWorkflowID(name):
        return await DBOS.enqueue_workflow_async(BLOCKS, _block, block.model_dump(mode="json"))


async def _ended(handle: WorkflowHandleAsync[Json]) -> Mailed | Exception:
    """One block's failure waits until the others have ended."""
    try:
        return Mailed.model_validate(await handle.get_result(polling_interval_sec=POLLING))
    except Exception as error:
        return error


@DBOS.workflow(name="block")
async def _block(block: Json) -> Json:
    """No step of its own: what a block did stands in the rows of its mails."""
    async with _desk.opened() as ctx:
        return (await mail_block(ctx, Block.model_validate(block))).model_dump(mode="json")


async def _take_over(seat: Seat) -> None:
    """Give what dead workers left undone back to the queues, until cancelled."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            async with seat.funeral() as dead:
                for worker in dead:
                    await _share_out(worker)
        except Exception as error:
            log.warning("dead workers could not be looked for: %s", type(error).__name__)


async def _share_out(worker: str) -> None:
    left = await DBOS.list_workflows_async(
        status="PENDING", executor_id=worker, load_input=False, load_output=False
    )
    for queue in {each.queue_name or NIGHTS for each in left}:
        theirs = [each.workflow_id for each in left if (each.queue_name or NIGHTS) == queue]
        await DBOS.resume_workflows_async(theirs, queue_name=queue)
    if left:
        log.warning("took over %d runs of %s, which is dead", len(left), worker)
