"""The clock that starts the nights."""

from datetime import UTC, datetime

import pytest

from agent import schedule
from handrail.context import ToolContext
from handrail.lock import one_at_a_time
from standin.state import Standin
from tests.conftest import OpenWith


@pytest.mark.parametrize(
    ("now", "due"),
    [
        (datetime(2026, 11, 21, 1, 59, tzinfo=UTC), datetime(2026, 11, 21, 2, 0, tzinfo=UTC)),
        (datetime(2026, 11, 21, 2, 1, tzinfo=UTC), datetime(2026, 11, 22, 2, 0, tzinfo=UTC)),
        (datetime(2027, 3, 28, 0, 30, tzinfo=UTC), datetime(2027, 3, 28, 2, 0, tzinfo=UTC)),
    ],
)
def test_a_night_is_due_at_two_utc_every_day_whatever_the_local_clocks_do(
    now: datetime, due: datetime, open_with: OpenWith
) -> None:
    job = schedule.clock(open_with).get_job("night")

    assert job.trigger.get_next_fire_time(None, now) == due
    assert (job.coalesce, job.max_instances) == (True, 1), "a missed night runs once, never beside another"


def test_planned_mails_are_asked_about_every_ten_minutes(open_with: OpenWith) -> None:
    job = schedule.clock(open_with).get_job("release")
    now = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)

    assert job.trigger.get_next_fire_time(now, now) == datetime(2026, 11, 23, 14, 10, tzinfo=UTC)
    assert (job.coalesce, job.max_instances) == (True, 1)


async def test_while_a_night_runs_planned_mails_wait_and_nothing_fails(
    ctx: ToolContext, open_with: OpenWith, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    async with one_at_a_time(ctx.settings, "night"):
        await schedule.one_release(open_with)

    assert "planned mails wait: Another night is running" in caplog.text
    assert "ERROR" not in {record.levelname for record in caplog.records}


async def test_the_job_runs_a_night(ctx: ToolContext, open_with: OpenWith, standins: Standin) -> None:
    await schedule.one_night(open_with)

    async with ctx.store.read() as work:
        report = await work.nights.report()
    assert report is not None
    assert report.sent == len(standins.mails) == 26


async def test_a_night_that_fails_is_logged_in_our_words_and_ends_there(
    ctx: ToolContext, open_with: OpenWith, standins: Standin, caplog: pytest.LogCaptureFixture
) -> None:
    standins.faults.add({"neighbour": "mixpanel", "route": "/export", "fault": "status", "status": 503})

    await schedule.one_night(open_with)

    async with ctx.store.read() as work:
        report = await work.nights.report()
    assert "the night failed: Mixpanel failed at the export" in caplog.text
    assert report is not None
    assert report.status == "failed"
    assert standins.mails == []
