"""The durable flow: named nights, what is checkpointed, who works on it, and what its own books hold."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from agent import flow, night, schedule
from agent.flow import FLOW
from agent.notebook import Notebook
from handrail.context import ToolContext, open_context
from handrail.domain.deliveries import Status
from handrail.domain.guards import Brake, BrakeKind, DataProblem, ProblemKind
from handrail.errors import CallerError, UpstreamError
from handrail.flows import mailing
from handrail.lock import is_held, one_at_a_time
from handrail.settings import SendMode, Settings
from handrail.store.flow_engine import sqlite_engine
from standin.server import running
from standin.state import Standin
from tests import crowd, databases
from tests.agent.test_kill import mails_arrive
from tests.chaos import Workers
from tests.conftest import settings_for

PEOPLE = 12


@pytest.fixture(scope="module")
def _few(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    with running(crowd.generate(tmp_path_factory.mktemp("few") / "world", PEOPLE, accounts=3)) as state:
        yield state


@pytest.fixture
def few(_few: Standin) -> Standin:
    _few.reset()
    return _few


@pytest.fixture
def settings(few: Standin, tmp_path: Path) -> Settings:
    return settings_for(few, tmp_path / "data", backfill_days=1, **crowd.OPEN)


def books(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    with databases.flow(settings.data_dir) as opened:
        return [tuple(row) for row in opened.execute(query)]


async def test_the_clock_starts_a_night_once_and_a_person_may_run_it_again(
    settings: Settings, few: Standin
) -> None:
    async with open_context(settings) as ctx:
        due = await flow.run_due(ctx, crowd.LAST)
        again = await flow.run_due(ctx, crowd.LAST)
        by_hand = await flow.run(ctx)

    assert due is not None
    assert (due.sent, again, by_hand.sent, len(few.mails)) == (PEOPLE, None, PEOPLE, PEOPLE)
    runs = books(
        settings, "select workflow_uuid, application_version from workflow_status where name='night'"
    )
    assert runs == [("night:2026-03-18", FLOW), ("night:2026-03-18:2", FLOW)]


async def test_two_clocks_at_once_make_one_night(settings: Settings, few: Standin) -> None:
    await schedule.one_night(lambda: open_context(settings))
    await schedule.one_night(lambda: open_context(settings))

    assert books(settings, "select count(*) from workflow_status where name='night'") == [(1,)]
    assert len(few.mails) == PEOPLE


async def test_nobody_mails_by_day_and_no_report_is_refreshed_while_a_night_runs(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[bool] = []
    by_day: list[object] = []

    async def look(ctx: ToolContext, _book: Notebook, _as_of: date) -> None:
        held.append(await is_held(settings, "night"))
        with suppress(CallerError):
            by_day.append(await schedule.mails_due(ctx))
        with suppress(CallerError):
            by_day.append(await schedule.questions_due(ctx))

    monkeypatch.setattr(night, "BEFORE_MAILS", (*night.BEFORE_MAILS, look))
    monkeypatch.setattr(night, "AFTER_MAILS", (look, *night.AFTER_MAILS))
    async with open_context(settings) as ctx:
        report = await flow.run_due(ctx, crowd.LAST)
        held.append(await is_held(settings, "night"))

    assert report is not None
    assert (report.status, report.sent) == ("done", PEOPLE)
    assert (held, by_day) == ([True, True, False], [])


async def test_a_night_that_falls_due_while_mails_leave_by_day_waits_for_them(settings: Settings) -> None:
    async with open_context(settings) as ctx:
        async with one_at_a_time(settings, "night"):
            due = asyncio.create_task(flow.run_due(ctx, crowd.LAST))
            ended, _ = await asyncio.wait([due], timeout=1)
            async with ctx.store.read() as work:
                begun = await work.nights.report()
        report = await due

    assert (ended, begun) == (set(), None)
    assert report is not None
    assert (report.status, report.sent) == ("done", PEOPLE)


def test_the_engine_gets_the_time_of_every_sqlite(tmp_path: Path) -> None:
    """Debian 12 has 3.40, which does not know 'subsec'."""
    before = time.time()
    with sqlite_engine(tmp_path / "flow.db").connect() as connection:
        told = connection.execute(text("select unixepoch('subsec')")).scalar_one()

    assert told is not None
    assert before - 0.001 <= told <= time.time() + 0.001


async def test_only_stages_are_checkpointed_and_a_block_has_its_rows_for_that(settings: Settings) -> None:
    async with open_context(settings) as ctx:
        await flow.run(ctx)

    steps = "select workflow_uuid, function_name from operation_outputs order by workflow_uuid, function_id"
    kept = books(settings, steps)
    ours = [name for run, name in kept if run == "night:2026-03-18" and not name.startswith("DBOS.")]
    assert ours == [
        "open_book",
        *("_recover", "_plan", "_sync", "_follow", "_verify", "_measure", "_detect", "_preflight"),
        *("alert", "_write"),
        *("plan_wave", "block", "plan_wave"),
        *("_brakes", "_review", "_refresh", "score", "_write_back", "_count", "close_book", "tell_team"),
    ]
    assert [run for run, _ in kept if run != "night:2026-03-18"] == []


async def test_the_flows_books_are_json_of_ids_and_hold_nothing_personal(
    settings: Settings, few: Standin
) -> None:
    async with open_context(settings) as ctx:
        await flow.run(ctx)

    raw = b"".join(
        content
        for name, content in databases.on_disk(settings.data_dir).items()
        if name.startswith(("flow.db", "dbos."))
    )
    assert raw
    assert {kind for (kind,) in books(settings, "select distinct serialization from workflow_status")} == {
        "handrail_json"
    }
    assert [one for one in few.profiles if one.encode() in raw] == []
    assert b"@company" not in raw
    for (output,) in books(settings, "select output from operation_outputs where output is not null"):
        json.loads(output)


async def test_a_failure_comes_back_as_the_error_it_was(settings: Settings, few: Standin) -> None:
    few.faults.add({"neighbour": "mixpanel", "route": "/export", "fault": "status", "status": 503})

    async with open_context(settings) as ctx:
        with pytest.raises(UpstreamError, match="Mixpanel failed at the export"):
            await flow.run(ctx)
        async with ctx.store.read() as work:
            report = await work.nights.report()

    assert report is not None
    assert report.status == "failed"


@pytest.mark.sqlite("a data directory has one worker")
async def test_without_postgres_a_second_worker_is_refused_in_one_line(settings: Settings) -> None:
    async with open_context(settings) as ctx, one_at_a_time(settings, "night"):
        with pytest.raises(
            CallerError, match=r"^Another night is running on this data directory; wait .*end\.$"
        ):
            await flow.run(ctx)


def test_the_flows_file_has_a_write_ahead_log_and_writers_take_turns(tmp_path: Path) -> None:
    engine = sqlite_engine(tmp_path / "flow.db")

    with engine.connect() as connection:
        raw = connection.connection.dbapi_connection
        assert raw is not None
        asked = {
            name: connection.exec_driver_sql(f"pragma {name}").scalar()
            for name in ("journal_mode", "busy_timeout", "foreign_keys")
        }
        assert raw.isolation_level == "IMMEDIATE"
    engine.dispose()
    assert asked == {"journal_mode": "wal", "busy_timeout": 30000, "foreign_keys": 1}


async def test_what_a_killed_night_had_done_is_not_done_again(
    settings: Settings, few: Standin, tmp_path: Path
) -> None:
    group = Workers(settings, tmp_path, 1)
    try:
        await mails_arrive(few, group.running[0], 2)
        group.running[0].kill()
        group.running[0].wait()
        asked = [each["path"] for each in few.requests]
        while group.revive():  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    finally:
        group.end()

    later = [each["path"] for each in few.requests[len(asked) :]]
    assert sum(path.endswith("/jql") for path in asked) == 1
    assert [path for path in later if path.endswith(("/jql", "/messages", "/segmentation"))] == []
    assert books(settings, "select workflow_uuid, status from workflow_status where name='night'") == [
        ("night:2026-03-18", "SUCCESS")
    ]
    assert len({mail["to"] for mail in few.mails}) == len(few.mails)


async def test_runs_that_ended_long_ago_are_dropped(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_context(settings) as ctx:
        await flow.run(ctx)
        assert books(settings, "select count(*) from workflow_status") == [(2,)]
        monkeypatch.setattr(flow, "KEPT", timedelta(seconds=-60))
        await flow.run(ctx, night=date(2026, 3, 17))

    assert books(settings, "select count(*) from workflow_status") == [(0,)]


async def test_a_night_that_another_version_began_is_begun_afresh(
    settings: Settings, few: Standin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = Workers(settings, tmp_path, 1)
    try:
        await mails_arrive(few, group.running[0], 2)
    finally:
        group.end()
    monkeypatch.setattr(flow, "FLOW", "next")

    await schedule.one_night(lambda: open_context(settings))
    await schedule.one_night(lambda: open_context(settings))

    runs = "select workflow_uuid, status, application_version from workflow_status where name='night'"
    assert books(settings, runs) == [
        ("night:2026-03-18", "CANCELLED", FLOW),
        ("night:2026-03-18:2", "SUCCESS", "next"),
    ]
    assert len({mail["to"] for mail in few.mails}) == len(few.mails)


async def test_once_the_night_has_had_its_mails_nobody_else_is_looked_up(
    settings: Settings, few: Standin, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked() -> int:
        found = sum(str(each["path"]).endswith("/engage") for each in few.requests)
        few.requests.clear()
        return found

    monkeypatch.setattr(mailing, "BLOCK", 4)
    async with open_context(settings.model_copy(update={"send_mode": SendMode.OFF})) as ctx:
        await night.run(ctx)
    without_mail = asked()
    async with open_context(settings.model_copy(update={"run_cap": 4})) as ctx:
        report = await night.run(ctx)
    looked_up = asked() - without_mail
    async with open_context(settings) as ctx:
        again = await night.run(ctx)

    assert (report.sent, report.withheld) == (4, {"run_cap": PEOPLE - 4})
    assert looked_up == 1, "one block of four"
    assert again.sent == len({mail["to"] for mail in few.mails}) == len(few.mails) == PEOPLE


async def test_of_people_whom_nobody_looked_up_none_is_mailed_and_the_reason_says_so(
    settings: Settings, few: Standin
) -> None:
    async with open_context(settings.model_copy(update={"send_mode": SendMode.OFF})) as ctx:
        await night.run(ctx)
        async with ctx.store.read() as work:
            texts = {each.id: each.tutorial_id for each in await work.deliveries.of_night(crowd.LAST)}
    async with open_context(settings) as ctx:
        await mailing.mail_block(ctx, mailing.Block(night=crowd.LAST, texts=texts, none_may_leave=True))
        async with ctx.store.read() as work:
            made = await work.deliveries.of_night(crowd.LAST)

    assert len(made) == PEOPLE
    assert {(each.status, each.reason) for each in made} == {(Status.WITHHELD, "not_checked")}
    assert few.mails == []


BRAKE = Brake(kind=BrakeKind.BOUNCES, night=crowd.LAST, at=datetime(2026, 3, 18, tzinfo=UTC), words="bounces")
VANISHED = DataProblem(kind=ProblemKind.VANISHED, feature="export-rows", words="An event is gone.")


@pytest.mark.parametrize("reason", ["braked", "data_problem"])
async def test_whom_the_rules_refuse_in_any_case_nobody_looks_up(
    settings: Settings, few: Standin, reason: str
) -> None:
    async with open_context(settings.model_copy(update={"send_mode": SendMode.OFF})) as ctx:
        await night.run(ctx)
        async with ctx.store.begin() as work:
            texts = {each.id: each.tutorial_id for each in await work.deliveries.of_night(crowd.LAST)}
            if reason == "braked":
                await work.guards.pull(BRAKE)
            else:
                await work.guards.replace_problems(crowd.LAST, [VANISHED])
    few.requests.clear()
    async with open_context(settings) as ctx:
        await mailing.mail_block(ctx, mailing.Block(night=crowd.LAST, texts=texts))
        async with ctx.store.read() as work:
            made = await work.deliveries.of_night(crowd.LAST)

    assert {(each.status, each.reason) for each in made} == {(Status.WITHHELD, reason)}
    assert few.requests == few.mails == []
