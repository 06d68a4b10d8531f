"""Mails that wait: planned outside the person's hours, asked about when they begin, given up a day later."""

import shutil
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from agent import night, schedule
from handrail.context import DEFAULT_KB, ToolContext
from handrail.domain.deliveries import Delivery, Status
from handrail.errors import ConfigError
from handrail.settings import Settings
from standin.state import Standin
from tests.conftest import OpenWith

AS_OF = date(2026, 11, 19)
NIGHT = datetime(2026, 11, 21, 2, tzinfo=UTC)
"""Friday evening in New York, Saturday elsewhere: nobody is at work."""

MONDAY = datetime(2026, 11, 23, 15, tzinfo=UTC)
"""Ten in New York, evening in Europe, night in Asia."""

OFFICE = {"send_hours": (time(9), time(17))}
PROJECT_ZONE = "America/New_York"


async def decisions(ctx: ToolContext) -> list[Delivery]:
    async with ctx.store.read() as work:
        return await work.deliveries.of_night(AS_OF)


def in_office(profile: dict[str, Any], at: datetime) -> bool:
    """By hand, of the stand-in's own profile."""
    local = at.astimezone(ZoneInfo(profile.get("$timezone", PROJECT_ZONE)))
    return local.weekday() < 5 and 9 <= local.hour < 17


def profile_of(standins: Standin, address: str) -> dict[str, Any]:
    return next(each for each in standins.profiles.values() if each.get("$email") == address)


async def open_at(open_with: OpenWith, standins: Standin, at: datetime, **changes: Any) -> Any:
    standins.clock.set(at)
    return open_with(now=at, **{**OFFICE, **changes})


async def run_night(open_with: OpenWith, standins: Standin) -> list[Delivery]:
    async with await open_at(open_with, standins, NIGHT) as ctx:
        report = await night.run(ctx)
        made = await decisions(ctx)
    assert report.planned == sum(each.status is Status.PLANNED for each in made) > 0
    return made


async def test_who_is_at_work_is_mailed_and_for_the_others_the_mail_is_planned(
    ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    async with await open_at(open_with, standins, MONDAY) as opened:
        report = await night.run(opened, night=AS_OF)
        made = await decisions(opened)

    mailed = [profile_of(standins, mail["to"]) for mail in standins.mails]
    planned = [each for each in made if each.status is Status.PLANNED]
    assert mailed
    assert all(in_office(profile, MONDAY) for profile in mailed)
    assert report.planned == len(planned) > 0
    assert {each.reason for each in planned} == {"quiet_hours"}
    assert all(each.due_at and each.due_at > MONDAY for each in planned)


async def test_on_a_weekend_everybody_waits_for_monday(
    ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    made = await run_night(open_with, standins)

    assert standins.mails == []
    due = {each.due_at for each in made if each.due_at}
    assert {each.date() for each in due} <= {date(2026, 11, 22), date(2026, 11, 23)}, (
        "Monday in Asia begins on Sunday, UTC"
    )
    assert datetime(2026, 11, 23, 14, tzinfo=UTC) in due, "nine o'clock in New York"


async def test_over_the_day_everybody_gets_the_mail_inside_their_own_hours(
    ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    await run_night(open_with, standins)
    seen = len(standins.mails)
    at = NIGHT + timedelta(hours=40)
    while at < NIGHT + timedelta(hours=72):
        at += timedelta(hours=1)
        async with await open_at(open_with, standins, at) as later:
            await schedule.mails_due(later)
        for mail in standins.mails[seen:]:
            assert in_office(profile_of(standins, mail["to"]), at)
        seen = len(standins.mails)

    made = await decisions(ctx)
    assert not [each for each in made if each.status is Status.PLANNED]
    assert len(standins.mails) == sum(each.status is Status.SENT for each in made) == 26
    assert max(Counter(mail["to"] for mail in standins.mails).values()) == 1


async def test_an_opt_out_while_the_mail_waits_stops_it(
    ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    planned = [each for each in await run_night(open_with, standins) if each.status is Status.PLANNED]
    before = len(standins.mails)
    async with ctx.store.begin() as work:
        for each in planned:
            await work.deliveries.opt_out(each.user_key, "unsubscribed", NIGHT)

    async with await open_at(open_with, standins, MONDAY) as later:
        done = await schedule.mails_due(later)

    assert done.asked > 0
    assert done.sent == 0
    assert len(standins.mails) == before


async def test_a_mail_that_waited_a_day_past_its_hours_is_given_up(
    ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    planned = {each.id for each in await run_night(open_with, standins) if each.status is Status.PLANNED}
    before = len(standins.mails)

    async with await open_at(open_with, standins, MONDAY + timedelta(days=1, hours=3)) as tuesday:
        await schedule.mails_due(tuesday)
        made = await decisions(tuesday)
        again = await schedule.mails_due(tuesday)

    given_up = [each for each in made if each.id in planned]
    assert {(each.status, each.reason) for each in given_up} == {(Status.WITHHELD, "quiet_hours")}
    assert len(standins.mails) == before
    assert again.asked == 0


async def test_while_mixpanel_cannot_be_asked_a_planned_mail_waits_on(
    ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    await run_night(open_with, standins)
    standins.faults.add({"neighbour": "mixpanel", "route": "/engage", "fault": "status", "status": 503})

    async with await open_at(open_with, standins, MONDAY) as later:
        failed = await schedule.mails_due(later)
        standins.faults.clear()
        done = await schedule.mails_due(later)

    assert (failed.sent, failed.asked) == (0, done.asked)
    assert done.sent > 0


async def test_a_text_whose_document_has_changed_is_not_sent(
    ctx: ToolContext, open_with: OpenWith, standins: Standin, tmp_path: Any
) -> None:
    await run_night(open_with, standins)
    documents = tmp_path / "kb"
    shutil.copytree(ctx.settings.kb_dir or DEFAULT_KB, documents)
    for path in documents.glob("*.md"):
        path.write_text(path.read_text("utf-8") + "\nOne more sentence.\n", "utf-8")

    before = len(standins.mails)
    async with await open_at(open_with, standins, MONDAY, kb_dir=documents) as later:
        done = await schedule.mails_due(later)
        made = await decisions(later)

    assert (done.sent, len(standins.mails)) == (0, before)
    assert "not_grounded" in {each.reason for each in made}


@pytest.mark.parametrize("hours", ["9-5", "17:00-09:00", "09:00", "sometimes", "09:00-09:00"])
def test_hours_that_are_none_are_refused_with_the_variables_name(
    hours: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANDRAIL_SEND_HOURS", hours)
    with pytest.raises(ConfigError, match="HANDRAIL_SEND_HOURS cannot be used"):
        Settings.load(_env_file=None)
