"""The switches in chat, and why people of an account were not mailed."""

from collections import Counter
from datetime import date, timedelta

import pytest

from agent import night
from handrail.context import ToolContext
from handrail.domain.deliveries import MAY_HAVE_ARRIVED, Status
from handrail.domain.guards import Brake, BrakeKind
from handrail.domain.runs import Report
from handrail.errors import CallerError
from standin.state import Standin
from tests.conftest import OpenWith
from tools.control_sending import control_sending

AS_OF = date(2026, 11, 19)


async def test_a_pause_stops_the_next_night_until_it_is_lifted_and_says_who_did_it(
    ctx: ToolContext, standins: Standin
) -> None:
    paused = await control_sending(ctx, action="pause")
    stopped = await night.run(ctx)
    assert standins.mails == []

    resumed = await control_sending(ctx.acting_as("web"), action="resume")

    assert paused.paused == ["all"]
    assert paused.last_change == "pause all, by chat, 2026-11-21 02:00 UTC"
    assert (stopped.sent, stopped.withheld) == (0, {"paused": 42})
    assert resumed.paused == []
    assert resumed.last_change.startswith("resume all, by web, ")


async def test_an_account_and_a_feature_are_paused_by_themselves_and_a_repeat_changes_nothing(
    ctx: ToolContext,
) -> None:
    await control_sending(ctx, action="pause", account="acme.example")
    await control_sending(ctx, action="pause", account="Acme")
    both = await control_sending(ctx, action="pause", feature="set-up-alerts")
    one = await control_sending(ctx, action="resume", account="Acme")

    assert both.paused == ["Acme", "feature:set-up-alerts"]
    assert one.paused == ["feature:set-up-alerts"]
    assert (await control_sending(ctx)).paused == ["feature:set-up-alerts"]


async def test_an_account_is_told_why_its_people_were_not_mailed(ctx: ToolContext) -> None:
    await night.run(ctx)
    async with ctx.store.read() as work:
        decided = await work.deliveries.of_night(AS_OF)

    for name in ("Acme", "Harbor & Pine Legal"):
        told = await control_sending(ctx, account=name)

        assert told.account is not None
        mine = [each for each in decided if told.account.id in each.account_ids]
        assert told.mailed == len({each.user_key for each in mine if each.status in MAY_HAVE_ARRIVED})
        people = {(each.user_key, each.reason) for each in mine if each.status is Status.WITHHELD}
        assert told.withheld == dict(Counter(reason for _, reason in people))
        assert told.withheld
    assert "account_opted_out" in told.withheld
    assert "At “Harbor & Pine Legal” in the last 30 days: people mailed 0; not mailed" in told.summary


async def test_a_name_that_several_accounts_could_have_is_asked_back_and_nothing_is_paused(
    ctx: ToolContext,
) -> None:
    asked = await control_sending(ctx, action="pause", account="acm")

    assert len(asked.candidates) == 2
    assert (await control_sending(ctx)).paused == []


async def test_one_thing_is_switched_at_a_time(ctx: ToolContext) -> None:
    with pytest.raises(CallerError, match="not both"):
        await control_sending(ctx, action="pause", account="Acme", feature="set-up-alerts")
    with pytest.raises(CallerError, match="no feature document"):
        await control_sending(ctx, action="pause", feature="set-up-alarms")


async def test_a_brake_of_the_last_night_is_told_until_the_next(
    ctx: ToolContext, open_with: OpenWith
) -> None:
    """It holds the night's planned mails, which leave through the day: past the project's midnight, too."""
    now = ctx.clock.now()
    async with ctx.store.begin() as work:
        await work.nights.keep_report(Report(night=AS_OF, status="done", started_at=now, finished_at=now))
        await work.guards.pull(Brake(kind=BrakeKind.VOLUME, night=AS_OF, at=now, words="too many"))

    async with open_with(now=now + timedelta(hours=8)) as morning:
        told = await control_sending(morning)

    assert told.brakes == ["volume: too many (night of 2026-11-19)"]


async def test_mail_can_be_stopped_while_mixpanel_answers_nothing(
    empty_ctx: ToolContext, standins: Standin
) -> None:
    standins.faults.add({"neighbour": "mixpanel", "route": "/", "fault": "status", "status": 503})

    assert (await control_sending(empty_ctx, action="pause")).paused == ["all"]
