"""A backfill over several requests: broken, resumed, and equal to one that was never broken."""

import asyncio
from datetime import date, timedelta

import pytest

from handrail.context import ToolContext, open_context
from handrail.domain.metrics import SyncState
from handrail.engine.marks import MARK_BYTES
from handrail.errors import BrokenExport, HandrailError
from handrail.flows.sync import REREAD_DAYS, sync
from standin.state import Standin
from tests import databases
from tests.conftest import OpenWith, settings_for

LAST = date(2026, 11, 19)
FIRST = LAST - timedelta(days=89)
"""Three requests of at most 31 days; the world has events on the last 44."""


class Breaking:
    """Told of each batch; breaks every export from the third on."""

    def __init__(self, standins: Standin, fault: str) -> None:
        self.seen: list[int] = []
        self._standins, self._fault = standins, fault

    def __call__(self, state: SyncState) -> None:
        self.seen.append(state.days_done)
        if state.days_done == 62:
            self._standins.faults.add(
                {"neighbour": "mixpanel", "route": "/export", "fault": self._fault, "times": 3}
            )


Tables = dict[str, list[tuple[object, ...]]]


def in_order(value: object) -> object:
    """The marks of a row come in any order: eight bytes a user."""
    if not isinstance(value, bytes):
        return value
    return sorted(value[at : at + MARK_BYTES] for at in range(0, len(value), MARK_BYTES))


async def rows(ctx: ToolContext) -> Tables:
    """Every row of every table that has a day, the day first, without our running numbers."""
    found: Tables = {}
    with databases.tables(ctx.settings.data_dir) as database:
        for table in database.names():
            columns = set(database.execute(f"select * from {table}").keys())
            if "metric_date" in columns:
                others = sorted(columns - {"metric_date", "id", "sync_id", "read_at"})
                kept = ", ".join(["metric_date", *others])
                rows = database.execute(f"select {kept} from {table}")
                found[table] = sorted((tuple(map(in_order, row)) for row in rows), key=repr)
    return found


@pytest.fixture(scope="module")
def unbroken(_acme_server: Standin, tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """The tables after a backfill that nothing disturbed."""
    _acme_server.reset()

    async def fill() -> Tables:
        async with open_context(settings_for(_acme_server, tmp_path_factory.mktemp("unbroken"))) as ctx:
            await sync(ctx, from_day=FIRST, to_day=LAST)
            return await rows(ctx)

    return asyncio.run(fill())


@pytest.mark.parametrize("fault", ["terminated_early", "cut_stream", "bad_line"])
async def test_a_backfill_that_broke_in_its_third_request_goes_on_there_and_ends_like_one_that_did_not(
    fault: str, empty_ctx: ToolContext, standins: Standin, unbroken: Tables
) -> None:
    breaking = Breaking(standins, fault)
    with pytest.raises(BrokenExport):
        await sync(empty_ctx, from_day=FIRST, to_day=LAST, told=breaking)
    half = await rows(empty_ctx)
    asked = len(standins.requests)
    told: list[SyncState] = []
    record = await sync(empty_ctx, from_day=FIRST, to_day=LAST, told=told.append)

    assert breaking.seen == [0, 31, 62]
    assert len(half["synced_days"]) == 62
    last_whole = (FIRST + timedelta(days=61)).isoformat()
    days = [str(row[0]) for held in half.values() for row in held]
    assert max(days) == last_whole, "no part of the broken days is kept"
    assert told[0].days_done == 62
    assert sum("/export" in each["path"] for each in standins.requests[asked:]) == 1
    assert await rows(empty_ctx) == unbroken
    assert len(unbroken["mixpanel_metrics"]) > 500
    assert record.events == told[-1].events > told[0].events > 0


async def test_a_backfill_without_dates_reads_what_is_missing_and_the_last_days_again(
    open_with: OpenWith, standins: Standin
) -> None:
    async with open_with(backfill_days=90) as ctx:
        with pytest.raises(HandrailError):
            await sync(ctx, told=Breaking(standins, "terminated_early"))
        told: list[SyncState] = []
        await sync(ctx, told=told.append)
        again: list[SyncState] = []
        await sync(ctx, told=again.append)

    assert (told[0].days_done, told[0].days_total) == (62, 90)
    assert (again[0].days_done, again[0].days_total) == (0, REREAD_DAYS)


async def test_a_gap_between_synced_days_is_filled(empty_ctx: ToolContext) -> None:
    await sync(empty_ctx, from_day=date(2026, 11, 1), to_day=date(2026, 11, 3))
    await sync(empty_ctx, from_day=date(2026, 11, 10), to_day=LAST)
    told: list[SyncState] = []

    await sync(empty_ctx, told=told.append)

    async with empty_ctx.store.read() as work:
        last = await work.metrics.last_sync()
    assert told[0].days_total == 6 + REREAD_DAYS, "4 to 9 November, and the last days"
    assert last is not None
    assert last.from_date == date(2026, 11, 4)


async def test_days_read_for_another_account_property_count_as_missing(open_with: OpenWith) -> None:
    async with open_with() as ctx:
        await sync(ctx, from_day=date(2026, 11, 1))
    async with open_with(mixpanel_account_property="plan", backfill_days=30) as ctx:
        told: list[SyncState] = []
        await sync(ctx, told=told.append)

    assert told[0].days_total == 30


async def test_dates_read_everything_again_when_the_last_sync_came_to_its_end(empty_ctx: ToolContext) -> None:
    await sync(empty_ctx, from_day=date(2026, 11, 1))
    told: list[SyncState] = []

    await sync(empty_ctx, from_day=date(2026, 11, 1), told=told.append)

    assert (told[0].days_done, told[0].days_total) == (0, 19)


async def test_an_old_range_read_again_does_not_pass_for_fresh_figures(empty_ctx: ToolContext) -> None:
    newest = await sync(empty_ctx, from_day=date(2026, 11, 15))
    await sync(empty_ctx, from_day=date(2026, 11, 1), to_day=date(2026, 11, 5))

    async with empty_ctx.store.read() as work:
        assert await work.metrics.last_sync() == newest
