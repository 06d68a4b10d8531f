"""The sync as a job: started once, followed by whoever asks, never doubled."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from handrail.context import ToolContext
from handrail.errors import CallerError, ConfigError
from handrail.flows import sync_job
from handrail.flows.segments import users_of
from handrail.lock import one_at_a_time
from handrail.settings import Settings
from standin.state import Standin
from tests.agent.test_kill import ROOT, environment
from tests.conftest import OpenWith
from tools.query_events import query_events
from tools.sync_mixpanel import sync_mixpanel


def exports(standins: Standin) -> int:
    """Exports asked for, without the sample of connecting."""
    return sum("/export" in each["path"] for each in standins.requests) - 1


async def test_a_sync_goes_on_after_the_answer_and_is_followed_to_its_end(
    empty_ctx: ToolContext, standins: Standin
) -> None:
    started = await sync_mixpanel(empty_ctx, from_date="2026-11-10", to_date="2026-11-19")
    await empty_ctx.background.finish()
    followed = await sync_mixpanel(empty_ctx, sync_id=started.id)

    assert (started.status, started.days_done, started.days_total) == ("running", 0, 10)
    assert started.started_now
    assert "98." in started.project
    assert (followed.status, followed.days_done) == ("done", 10)
    assert followed.events > 0
    assert not followed.started_now
    assert (
        await query_events(empty_ctx, account="Acme", from_date="2026-11-10", to_date="2026-11-19")
    ).figures
    async with empty_ctx.store.read() as work:
        acme = next(each.id for each in await work.accounts.all() if each.mixpanel_id == "acct_1001")
    assert await users_of(empty_ctx, acme), "users are counted with it, as by `handrail sync`"


async def test_a_running_sync_is_followed_and_never_doubled(
    empty_ctx: ToolContext, standins: Standin
) -> None:
    first = await sync_mixpanel(empty_ctx, from_date="2026-11-10")
    second = await sync_mixpanel(empty_ctx, from_date="2026-11-01")
    await empty_ctx.background.finish()

    assert second.id == first.id
    assert not second.started_now
    assert exports(standins) == 1


async def test_a_sync_that_another_process_begins_at_this_moment_is_not_doubled(
    empty_ctx: ToolContext, standins: Standin
) -> None:
    async with one_at_a_time(empty_ctx.settings, "sync"):
        with pytest.raises(CallerError, match="Another sync is running"):
            await sync_mixpanel(empty_ctx)


@pytest.mark.parametrize(
    ("from_date", "to_date", "words"),
    [
        ("yesterday", "", "from_date must be a day such as"),
        ("2026-11-01", "2026-13-01", "to_date must be a day such as"),
        ("2026-11-10", "2026-11-01", "the first before the last"),
        ("2026-11-10", "2030-01-01", "Only complete days"),
    ],
)
async def test_wrong_days_are_refused_and_nothing_is_read_or_left_behind(
    from_date: str, to_date: str, words: str, empty_ctx: ToolContext, standins: Standin
) -> None:
    with pytest.raises(CallerError, match=words):
        await sync_mixpanel(empty_ctx, from_date=from_date, to_date=to_date)

    async with empty_ctx.store.read() as work:
        assert await work.syncs.newest() is None
    async with one_at_a_time(empty_ctx.settings, "sync"):
        pass


async def test_an_unknown_sync_is_told(empty_ctx: ToolContext) -> None:
    with pytest.raises(CallerError, match="no sync 77"):
        await sync_mixpanel(empty_ctx, sync_id=77)


async def test_a_sync_that_fails_says_why_and_logs_one_line(
    empty_ctx: ToolContext, standins: Standin, caplog: pytest.LogCaptureFixture
) -> None:
    standins.faults.add(
        {"neighbour": "mixpanel", "route": "engage", "fault": "status", "status": 400, "times": 2}
    )

    started = await sync_mixpanel(empty_ctx)
    await empty_ctx.background.finish()
    followed = await sync_mixpanel(empty_ctx, sync_id=started.id)

    assert followed.status == "failed"
    assert "profiles" in followed.summary
    assert [(each.name, each.exc_info) for each in caplog.records if each.levelname != "INFO"] == [
        ("handrail.context", None)
    ]


async def test_a_sync_is_stopped_with_its_process_and_says_so(open_with: OpenWith) -> None:
    async with open_with() as ctx:
        started = await sync_mixpanel(ctx)
    async with open_with() as again:
        followed = await sync_mixpanel(again, sync_id=started.id)

    assert followed.status == "interrupted"


def start_sync(settings: Settings, cwd: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "handrail.cli", "sync", "--from", "2026-10-07", "--to", "2026-11-19"],
        env={**environment(settings), "PYTHONPATH": str(ROOT)},
        cwd=cwd,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


async def test_a_job_of_a_killed_process_is_seen_as_interrupted_and_the_next_sync_goes_on(
    empty_ctx: ToolContext, standins: Standin, tmp_path: Path
) -> None:
    process = start_sync(empty_ctx.settings, tmp_path)
    seen = await _committed(empty_ctx, process, 1)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL, "it was killed, it did not end"

    dead = await sync_mixpanel(empty_ctx, sync_id=seen)
    next_one = await sync_mixpanel(empty_ctx, from_date="2026-10-07", to_date="2026-11-19")
    await empty_ctx.background.finish()
    ended = await sync_mixpanel(empty_ctx, sync_id=next_one.id)

    assert dead.status == "interrupted"
    assert "goes on from there" in dead.summary
    assert next_one.days_done == 31, "what was committed is not read again"
    assert (ended.status, ended.days_done, ended.days_total) == ("done", 44, 44)


async def _committed(ctx: ToolContext, process: "subprocess.Popen[bytes]", days: int) -> int:
    """Wait until another process has committed so many days; answers its sync."""
    async with asyncio.timeout(60):
        while process.poll() is None:
            async with ctx.store.read() as work:
                state = await work.syncs.newest()
            if state and state.days_done >= days:
                return state.id
            await asyncio.sleep(0.002)
    raise AssertionError("the process ended before it could be killed")


async def test_refused_credentials_are_told_before_anything_starts(open_with: OpenWith) -> None:
    async with open_with(mixpanel_username="somebody.else") as ctx:
        with pytest.raises(ConfigError, match="HANDRAIL_MIXPANEL_USERNAME"):
            await sync_mixpanel(ctx)

        async with ctx.store.read() as work:
            assert await work.syncs.newest() is None


async def test_a_sync_that_takes_longer_than_a_host_waits_is_answered_as_far_as_it_has_come(
    empty_ctx: ToolContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync_job, "WATCHED_SECONDS", 0)
    told: list[float] = []

    async def note(done: float, _total: float, _message: str) -> None:
        told.append(done)

    started = await sync_mixpanel(empty_ctx.telling(note), from_date="2026-11-10", to_date="2026-11-19")
    await empty_ctx.background.finish()
    followed = await sync_mixpanel(empty_ctx.telling(note), sync_id=started.id)

    assert (started.status, followed.status) == ("running", "done")
    assert told == [0, 10]
