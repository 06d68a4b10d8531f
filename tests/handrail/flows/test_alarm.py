"""The dead-man's switch: told by webhook, once a day and cause, whoever looks."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from handrail.context import ToolContext
from handrail.domain.alarms import AlarmCause
from handrail.domain.runs import Report
from handrail.flows.alarm import raise_alarms, standing
from handrail.flows.doctor import check
from standin.state import Standin
from tests.conftest import OpenWith
from tests.handrail.services.test_sendgrid import answering

STARTED = datetime(2026, 11, 20, 2, tzinfo=UTC)
OVERDUE = datetime(2026, 11, 21, 6, tzinfo=UTC)


async def ran(ctx: ToolContext, **more: Any) -> None:
    """The night of 2026-11-18, which ran on the 20th."""
    given = {
        "night": date(2026, 11, 18),
        "status": "done",
        "started_at": STARTED,
        "finished_at": STARTED + timedelta(minutes=9),
        "zone": "America/New_York",
        "mode": "auto",
    }
    async with ctx.store.begin() as work:
        await work.nights.keep_report(Report.model_validate({**given, **more}))


def texts(seen: list[dict[str, Any]]) -> list[str]:
    return [json.loads(one["body"])["text"] for one in seen]


async def test_a_silent_night_is_told_once_a_day_by_webhook_and_not_by_mail(
    ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    await ran(ctx)
    with answering(200) as (address, seen):
        hook = {"alarm_webhook": SecretStr(address + "/secret"), "brief_to": "cs@vendor.example"}
        for now in (OVERDUE - timedelta(minutes=1), OVERDUE, OVERDUE, OVERDUE + timedelta(hours=17)):
            async with open_with(now=now, **hook) as ctx_then:
                await raise_alarms(ctx_then)
        today = texts(seen)
        async with open_with(now=OVERDUE + timedelta(hours=18), **hook) as tomorrow:
            await raise_alarms(tomorrow)

    assert today == [
        "Handrail: The night of 2026-11-21 02:00 UTC has not finished; the last one that did ended at "
        "2026-11-20 02:09 UTC. Is `handrail agent start` running? Its log says why."
    ]
    assert len(seen) == 2
    assert standins.mails == []


async def test_an_alarm_of_one_of_several_workspaces_names_it(ctx: ToolContext, open_with: OpenWith) -> None:
    await ran(ctx)
    with answering(200) as (address, seen):
        async with open_with(now=OVERDUE, alarm_webhook=SecretStr(address), workspace="acme") as later:
            await raise_alarms(later)

    assert [each.partition(":")[0] for each in texts(seen)] == ["Handrail (acme)"]


async def test_two_causes_are_two_alarms(ctx: ToolContext, open_with: OpenWith) -> None:
    await ran(ctx, status="failed")
    with answering(200) as (address, seen):
        async with open_with(now=OVERDUE, alarm_webhook=SecretStr(address)) as later:
            told = await raise_alarms(later)

    assert [each.cause for each in told] == [AlarmCause.SILENCE, AlarmCause.FAILED]
    assert len(seen) == 2


async def test_an_alarm_that_did_not_get_through_is_told_by_the_next_look(
    ctx: ToolContext, open_with: OpenWith, caplog: pytest.LogCaptureFixture
) -> None:
    await ran(ctx)
    with answering(503) as (address, failing):
        async with open_with(now=OVERDUE, alarm_webhook=SecretStr(address + "/secret")) as later:
            assert await raise_alarms(later) == []
    with answering(200) as (address, working):
        async with open_with(now=OVERDUE, alarm_webhook=SecretStr(address + "/secret")) as later:
            assert len(await raise_alarms(later)) == 1

    assert (len(failing), len(working)) == (1, 1)
    assert "/secret" not in caplog.text
    assert "HANDRAIL_ALARM_WEBHOOK answered 503" in caplog.text


async def test_a_running_night_shows_life_by_what_it_decides(ctx: ToolContext, open_with: OpenWith) -> None:
    began = datetime(2026, 11, 22, 2, tzinfo=UTC)
    await ran(ctx, night=date(2026, 11, 20), status="running", started_at=began, finished_at=None)
    async with open_with(now=began + timedelta(hours=2)) as later:
        before = await standing(later)
        async with later.store.begin() as work:
            await work.budget.take("p", "query", "nightly", began + timedelta(hours=1))
        after = await standing(later)

    assert AlarmCause.STUCK in {each.cause for each in before}
    assert AlarmCause.STUCK not in {each.cause for each in after}


async def test_the_doctor_fails_while_an_alarm_stands(ctx: ToolContext, open_with: OpenWith) -> None:
    await ran(ctx)
    async with open_with(now=OVERDUE) as later:
        found = {one.name: one for one in await check(later)}
    async with open_with(now=STARTED + timedelta(hours=1)) as before:
        fine = {one.name: one for one in await check(before)}

    assert (found["nights"].ok, fine["nights"].ok) == (False, True)
    assert "has not finished" in found["nights"].detail
    assert "HANDRAIL_ALARM_WEBHOOK" in found["team"].detail
