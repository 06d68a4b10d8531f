"""Mails that certainly did not leave are tried again later, a few times; others wait meanwhile."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from agent import night, schedule
from handrail.context import open_context
from handrail.domain.deliveries import Delivery, Status
from handrail.settings import Settings
from standin.server import running
from standin.state import Standin
from tests import crowd
from tests.conftest import settings_for

PEOPLE = 8
ROUTE = {"neighbour": "sendgrid", "route": "/mail/send"}


@pytest.fixture(scope="module")
def _few(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    with running(crowd.generate(tmp_path_factory.mktemp("few") / "world", PEOPLE, accounts=2)) as state:
        yield state


@pytest.fixture
def few(_few: Standin) -> Standin:
    _few.reset()
    return _few


@pytest.fixture
def settings(few: Standin, tmp_path: Path) -> Settings:
    return settings_for(few, tmp_path / "data", backfill_days=1, **crowd.OPEN)


async def made(settings: Settings) -> list[Delivery]:
    async with open_context(settings) as ctx, ctx.store.read() as work:
        return await work.deliveries.of_night(crowd.LAST)


def tries(few: Standin) -> int:
    return sum(each["path"].endswith("/mail/send") for each in few.requests)


def later(settings: Settings, minutes: int) -> Settings:
    assert settings.now is not None
    return settings.model_copy(update={"now": settings.now + timedelta(minutes=minutes)})


async def test_a_mail_that_was_not_taken_is_sent_when_it_is_due_again(
    settings: Settings, few: Standin
) -> None:
    few.faults.add({**ROUTE, "fault": "status", "status": 429, "times": 2})
    async with open_context(settings) as ctx:
        report = await night.run(ctx)
    async with open_context(later(settings, 4)) as ctx:
        too_early = await schedule.mails_due(ctx)
    async with open_context(later(settings, 10)) as ctx:
        done = await schedule.mails_due(ctx)

    assert (report.sent, report.planned, report.failed) == (PEOPLE - 2, 2, 0)
    assert (too_early.asked, done.asked, done.sent) == (0, 2, 2)
    assert len({mail["to"] for mail in few.mails}) == len(few.mails) == PEOPLE


async def test_the_pause_that_the_mail_service_asks_for_is_kept(settings: Settings, few: Standin) -> None:
    asked = {"status": 429, "headers": {"Retry-After": "1800"}, "times": 1}
    few.faults.add({**ROUTE, "fault": "status", **asked})
    async with open_context(settings) as ctx:
        began = ctx.clock.now()
        await night.run(ctx)

    [waiting] = [each for each in await made(settings) if each.status is Status.PLANNED]
    assert waiting.due_at is not None
    assert timedelta(minutes=30) <= waiting.due_at - began < timedelta(minutes=35)


async def test_after_three_in_a_row_the_others_wait_without_being_tried(
    settings: Settings, few: Standin
) -> None:
    few.faults.add({**ROUTE, "fault": "status", "status": 429})
    async with open_context(settings) as ctx:
        report = await night.run(ctx)

    assert tries(few) == 3
    assert (report.planned, report.sent, sum(report.withheld.values())) == (PEOPLE, 0, 0)
    few.faults.clear()
    async with open_context(later(settings, 15)) as ctx:
        done = await schedule.mails_due(ctx)
    assert (done.sent, len(few.mails)) == (PEOPLE, PEOPLE)


async def test_a_mail_that_was_refused_twice_is_sent_at_its_third_attempt(
    settings: Settings, few: Standin
) -> None:
    """Of five refusals three fall into the night, two into the first two mails ten minutes later."""
    few.faults.add({**ROUTE, "fault": "status", "status": 429, "times": 5})
    async with open_context(settings) as ctx:
        await night.run(ctx)
    first = min(await made(settings), key=lambda each: -each.attempts)
    for minutes in (10, 25):
        async with open_context(later(settings, minutes)) as ctx:
            await schedule.mails_due(ctx)

    by_id = {each.id: each for each in await made(settings)}
    assert {each.status for each in by_id.values()} == {Status.SENT}
    assert by_id[first.id].attempts == 3


async def test_five_refusals_of_one_mail_are_a_failure(settings: Settings, few: Standin) -> None:
    alone = settings.model_copy(update={"run_cap": 1})
    few.faults.add({**ROUTE, "fault": "status", "status": 429})
    async with open_context(alone) as ctx:
        await night.run(ctx)
    for minutes in (10, 25, 60, 150, 300, 600):
        async with open_context(later(alone, minutes)) as ctx:
            await schedule.mails_due(ctx)

    rows = await made(alone)
    assert max(each.attempts for each in rows) == 5
    assert {each.detail for each in rows if each.attempts == 5} == {"rate_limited"}
    assert {each.status for each in rows if each.attempts == 5} == {Status.FAILED}


async def test_why_mails_by_day_did_not_leave_stands_in_the_agents_log(
    settings: Settings, few: Standin, caplog: pytest.LogCaptureFixture
) -> None:
    few.faults.add({**ROUTE, "fault": "status", "status": 429, "times": 3})
    async with open_context(settings) as ctx:
        await night.run(ctx)
    few.faults.add({**ROUTE, "fault": "status", "status": 401})

    await schedule.one_release(lambda: open_context(later(settings, 15)))

    assert (
        "planned mails: The mail service refuses to send (status_401): check SENDGRID_API_KEY" in caplog.text
    )
