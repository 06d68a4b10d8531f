"""The clock that starts the nights."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from agent import schedule
from handrail.context import ToolContext
from handrail.domain.runs import Report
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


@pytest.mark.parametrize("job", ["alarm", "release"])
def test_what_looks_through_the_day_never_piles_up(job: str, open_with: OpenWith) -> None:
    found = schedule.clock(open_with).get_job(job)
    now = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)

    assert found.trigger.get_next_fire_time(now, now) == datetime(2026, 11, 23, 14, 10, tzinfo=UTC)
    assert (found.coalesce, found.max_instances) == (True, 1)


def fires(job: str, open_with: OpenWith, first: datetime, until: datetime) -> list[datetime]:
    """When a job runs between two instants, on a clock that just goes on."""
    trigger = schedule.clock(open_with).get_job(job).trigger
    found: list[datetime] = []
    at = trigger.get_next_fire_time(None, first)
    while at < until:
        found.append(at)
        at = trigger.get_next_fire_time(at, at)
    return found


@pytest.mark.parametrize("day", [datetime(2027, 3, 28, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)])
def test_saved_reports_are_refreshed_five_times_a_day_outside_the_night_when_clocks_change_too(
    day: datetime, open_with: OpenWith
) -> None:
    found = fires("refresh", open_with, day, day + timedelta(days=1))

    assert [(at.hour, at.minute) for at in found] == [(6, 30), (10, 30), (14, 30), (18, 30), (22, 30)]


def test_a_clock_that_jumps_ahead_over_days_makes_one_late_night(open_with: OpenWith) -> None:
    job = schedule.clock(open_with).get_job("night")
    slept_from, woke = datetime(2026, 11, 21, 3, tzinfo=UTC), datetime(2026, 11, 24, 5, tzinfo=UTC)

    missed = fires("night", open_with, slept_from, woke)
    late_enough = [at for at in missed if woke - at <= timedelta(seconds=job.misfire_grace_time)]

    assert [at.day for at in missed] == [22, 23, 24]
    assert late_enough == [datetime(2026, 11, 24, 2, tzinfo=UTC)]
    assert job.coalesce
    assert job.trigger.get_next_fire_time(woke, woke) == datetime(2026, 11, 25, 2, tzinfo=UTC)


def test_a_clock_that_is_set_back_starts_the_night_again_and_no_other(open_with: OpenWith) -> None:
    trigger = schedule.clock(open_with).get_job("night").trigger
    ran, set_back = datetime(2026, 11, 21, 2, tzinfo=UTC), datetime(2026, 11, 21, 1, 30, tzinfo=UTC)

    assert trigger.get_next_fire_time(ran, set_back) == ran


async def test_a_night_that_is_started_twice_tells_the_team_once(
    ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    """As after a clock that was set back: the same night again."""

    def opened() -> Any:
        return open_with(brief_to="cs@vendor.example")

    await schedule.one_night(opened)
    await schedule.one_night(opened)

    briefs = [mail for mail in standins.mails if mail["to"] == "cs@vendor.example"]
    assert len(briefs) == 1
    assert len(standins.mails) == 26 + 1


async def test_saved_reports_are_asked_for_by_day_and_wait_for_a_night(
    ctx: ToolContext, open_with: OpenWith, standins: Standin, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")

    def opened() -> Any:
        return open_with(reports="Account health")

    standins.requests.clear()
    async with one_at_a_time(ctx.settings, "night"):
        await schedule.one_refresh(opened)
    waited = [one for one in standins.requests if one["path"].endswith("/query/insights")]
    await schedule.one_refresh(opened)

    asked = [one for one in standins.requests if one["path"].endswith("/query/insights")]
    assert waited == []
    assert len(asked) == 2
    assert "saved reports wait: a night is running" in caplog.text


async def test_the_agent_looks_for_alarms(
    ctx: ToolContext, open_with: OpenWith, caplog: pytest.LogCaptureFixture
) -> None:
    started = datetime(2026, 11, 20, 2, tzinfo=UTC)
    async with ctx.store.begin() as work:
        await work.nights.keep_report(
            Report(night=date(2026, 11, 18), status="failed", started_at=started, zone="UTC")
        )

    await schedule.one_look(open_with)
    await schedule.one_look(open_with)

    assert caplog.text.count("alarm: The night of 2026-11-18 failed") == 1


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
