"""The question a day after a mail: once, under the rules, to who neither succeeded nor answered."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from agent import schedule
from handrail.context import ToolContext
from handrail.domain.deliveries import Delivery, FollowUp, Status
from handrail.domain.feedback import MailEvent
from handrail.domain.struggles import Signature, Struggle
from handrail.domain.tutorials import Tutorial
from handrail.engine.grounding import from_document
from handrail.engine.keys import delivery_id
from handrail.flows.feedback import take
from handrail.flows.follow_up import Asked, follow_up
from handrail.lock import one_at_a_time
from standin.state import Standin
from tests.conftest import OpenWith

NIGHT = date(2026, 11, 19)
START = datetime(2026, 11, 21, 2, tzinfo=UTC)
"""Where the world's clock begins; Friday evening in New York."""

MONDAY = datetime(2026, 11, 23, 15, tzinfo=UTC)
FEATURE = "schedule-export"
DAY_AGO = START - timedelta(hours=25)
ON = {"follow_up": True}


def people_of(standins: Standin, count: int) -> list[str]:
    """Ids of people who can be mailed and live where the project does."""
    found = [
        key
        for key, each in standins.profiles.items()
        if "$email" in each and each.get("$timezone") == "America/New_York" and each.get("handrail_consent")
    ]
    return found[:count]


async def mailed(
    ctx: ToolContext,
    people: Sequence[str],
    *,
    left: datetime = DAY_AGO,
    account_ids: tuple[str, ...] = (),
    **changes: Any,
) -> list[str]:
    """Mails that left to people of the world, as their night kept them; answers delivery ids."""
    document = ctx.kb.feature(FEATURE)
    stuck = Signature(feature=FEATURE, stuck_step=document.steps[0].id, reason="", band="never")
    draft = from_document(stuck, document)
    text = Tutorial(
        id="text", signature=stuck.key, stuck_step=stuck.stuck_step, style="plain", source="document",
        **draft.model_dump(),
    )  # fmt: skip
    keys = [ctx.people.key_of(each) for each in people]
    mails = [delivery_id(NIGHT, key, FEATURE) for key in keys]
    struggles = [
        Struggle(
            feature=FEATURE, user_key=key, account_ids=account_ids, attempts=5, successes=0, completion=0,
            errors=0, main_reason="", rules=(), stuck_step=stuck.stuck_step, rage_clicks=0, dead_clicks=0,
            last_attempt=START - timedelta(hours=2), priority=1, signature=stuck,
        )
        for key in keys
    ]  # fmt: skip
    async with ctx.store.begin() as work:
        await work.nights.keep_tutorial(text, left)
        await work.nights.replace_struggles(NIGHT, FEATURE, struggles)
        for number, key in enumerate(keys):
            values: dict[str, Any] = {
                "id": mails[number], "night": NIGHT, "user_key": key, "feature": FEATURE,
                "account_ids": account_ids, "actor": "nightly", "tutorial_id": "text",
                "signature": stuck.key, "status": Status.SENDING, "reason": "", "detail": "",
                "decided_at": left,
            }  # fmt: skip
            await work.deliveries.keep(Delivery.model_validate(values))
            await work.deliveries.settle(values["id"], Status.SENT, "")
            for purpose in ("page", "unsubscribe"):
                await work.deliveries.add_link(f"{purpose}-{number}", values["id"], purpose, "", left)
    return mails


async def rows(ctx: ToolContext, ids: Sequence[str]) -> list[FollowUp | None]:
    async with ctx.store.read() as work:
        return [await work.follow_ups.get(each) for each in ids]


async def states(ctx: ToolContext, ids: Sequence[str]) -> list[tuple[str, str]]:
    return [(each.status, each.reason) if each else ("", "") for each in await rows(ctx, ids)]


async def test_a_day_after_the_mail_one_question_is_asked_and_never_again(
    ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    ana, ben = people_of(standins, 2)
    standins.profiles[ana]["$first_name"] = "Ana"
    async with open_with(**ON) as opened:
        await mailed(opened, [ana, ben])
        first = await schedule.questions_due(opened)
        again = await schedule.questions_due(opened)

    assert (first, again) == (Asked(decided=2, sent=2), Asked())
    assert {mail["to"] for mail in standins.mails} == {
        standins.profiles[each]["$email"] for each in (ana, ben)
    }
    mail = next(each for each in standins.mails if each["to"] == standins.profiles[ana]["$email"])
    assert mail["subject"] == "Did it work? Schedule an export"
    assert mail["headers"]["List-Unsubscribe"] == "<http://127.0.0.1:8321/u/unsubscribe-0>"
    assert mail["headers"]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    for part in (mail["text"], mail["html"]):
        assert "Hi Ana," in part
        assert "http://127.0.0.1:8321/tutorials/page-0#answer" in part
        assert "http://127.0.0.1:8321/u/unsubscribe-0" in part
        assert "success@vendor.example" in part, "who needs help reaches a person"
        assert "Vendor, 1 Example Street" in part
    assert len(mail["html"]) < 70_000


@pytest.mark.parametrize(("hours", "asked"), [(23.9, 0), (24.1, 1), (95.9, 1), (96.1, 0)])
async def test_it_is_asked_from_a_day_to_four_days_after_the_mail(
    hours: float, asked: int, ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    async with open_with(**ON) as opened:
        await mailed(opened, people_of(standins, 1), left=opened.clock.now() - timedelta(hours=hours))
        assert (await follow_up(opened)).sent == asked


@pytest.mark.parametrize("changes", [{}, {"follow_up": True, "send_mode": "off"}])
async def test_unless_it_is_switched_on_nobody_is_asked_and_nobody_is_looked_up(
    changes: dict[str, Any], ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    async with open_with(**changes) as opened:
        await mailed(opened, people_of(standins, 1))
        standins.requests.clear()
        assert await follow_up(opened) == Asked()

    assert standins.requests == []


async def test_who_completed_or_answered_is_not_asked(
    ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    people = people_of(standins, 4)
    async with open_with(**ON) as opened:
        completed, yes, no, since = await mailed(opened, people)
        async with opened.store.begin() as work:
            await work.outcomes.begin()
            [one] = [each for each in await work.outcomes.open() if each.delivery_id == completed]
            await work.outcomes.keep([one.model_copy(update={"completed_at": START})])
            await work.feedback.answer(yes, helpful=True, at=START)
            await work.feedback.answer(no, helpful=False, at=START)
        now = int(START.timestamp())
        standins.written.append(
            {
                "event": opened.kb.feature(FEATURE).events.success,
                "properties": {
                    "time": now, "distinct_id": people[3], "$insert_id": "since",
                    "mp_processing_time_ms": now * 1000,
                },
            }
        )  # fmt: skip
        done = await follow_up(opened)
        found = await states(opened, [completed, yes, no, since])

    assert (done, standins.mails) == (Asked(decided=1), [])
    assert found == [("", ""), ("", ""), ("", ""), ("withheld", "already_succeeded")]


async def test_the_same_rules_hold_save_that_the_mail_asked_about_is_no_cooldown(
    ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    people = people_of(standins, 4)
    standins.profiles[people[1]]["handrail_opt_out"] = True
    async with open_with(**ON) as opened:
        ids = await mailed(opened, people)
        async with opened.store.begin() as work:
            await work.deliveries.opt_out(opened.people.key_of(people[0]), "complained", START)
            last = await work.deliveries.get(ids[2])
            assert last is not None
            other = {
                "id": "other",
                "feature": "set-up-alerts",
                "status": Status.SENDING,
                "tutorial_id": "other",
            }
            await work.deliveries.keep(last.model_copy(update={**other, "night": date(2026, 11, 18)}))
        await follow_up(opened)
        found = await states(opened, ids)

    assert found == [
        ("withheld", "suppressed"),
        ("withheld", "unsubscribed"),
        ("withheld", "cooldown"),
        ("sent", ""),
    ]


async def test_a_pause_holds_for_questions_too(
    ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    async with open_with(**ON) as opened:
        ids = await mailed(opened, people_of(standins, 1))
        async with opened.store.begin() as work:
            await work.deliveries.pause(f"feature:{FEATURE}", START)
        await follow_up(opened)
        assert await states(opened, ids) == [("withheld", "paused")]

    assert standins.mails == []


async def test_a_question_counts_for_the_accounts_week(
    ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    async with ctx.store.read() as work:
        acme = next(each.id for each in await work.accounts.all() if each.mixpanel_id == "acct_1001")
        [active] = (await work.histories.active_users([acme], date(2026, 11, 21))).values()
    # Room for three mails a week: two tutorials left, so one question may, and the other not.
    async with open_with(**ON, account_cap=3 / active) as opened:
        ids = sorted(await mailed(opened, people_of(standins, 2), account_ids=(acme,)))
        await follow_up(opened)
        found = await states(opened, ids)

    assert found == [("sent", ""), ("withheld", "account_cap")]


async def test_outside_the_persons_hours_a_question_waits_for_them(
    ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    office = {"send_hours": (time(9), time(17)), **ON}
    async with open_with(**office) as opened:
        ids = await mailed(opened, people_of(standins, 1))
        assert (await follow_up(opened)).sent == 0
        [planned] = await rows(opened, ids)
        standins.requests.clear()
        assert await follow_up(opened) == Asked(), "nobody is looked up again before that"
        assert standins.requests == []
    standins.clock.set(MONDAY)
    async with open_with(now=MONDAY, **office) as later:
        assert (await follow_up(later)).sent == 1
        assert await states(later, ids) == [("sent", "")]

    assert planned is not None
    assert (planned.status, planned.due_at) == (Status.PLANNED, datetime(2026, 11, 23, 14, tzinfo=UTC))
    assert len(standins.mails) == 1


async def test_a_question_that_was_leaving_when_the_process_died_is_unknown_and_never_sent_again(
    ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    standins.faults.add(
        {"neighbour": "sendgrid", "route": "/mail/send", "fault": "answer_late", "seconds": 1, "times": 1}
    )
    async with open_with(**ON) as opened:
        ids = await mailed(opened, people_of(standins, 1))
        dying = asyncio.create_task(follow_up(opened))
        async with asyncio.timeout(30):
            while not standins.mails:  # noqa: ASYNC110  (nothing of ours can announce that)
                await asyncio.sleep(0.002)
        dying.cancel()
        await asyncio.gather(dying, return_exceptions=True)
        assert await states(opened, ids) == [("sending", "")], "kept before the request left"
        assert await follow_up(opened) == Asked()
    async with open_with(**ON, now=START + timedelta(minutes=20)) as later:
        assert await follow_up(later) == Asked()
        assert await states(later, ids) == [("unknown", "")]

    assert len(standins.mails) == 1


async def test_of_two_who_ask_at_the_same_time_one_does(
    ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    async with open_with(**ON) as one, open_with(**ON) as other:
        await mailed(one, people_of(standins, 3))
        await asyncio.gather(follow_up(one), follow_up(other))

    assert len(standins.mails) == len({mail["to"] for mail in standins.mails}) == 3


async def test_an_answer_counts_until_the_question_leaves(
    ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    standins.faults.add(
        {"neighbour": "mixpanel", "route": "/engage", "fault": "stall", "seconds": 1, "times": 1}
    )
    async with open_with(**ON) as opened:
        [delivery] = await mailed(opened, people_of(standins, 1))
        asking = asyncio.create_task(follow_up(opened))
        async with asyncio.timeout(30):
            while not any(each["path"].endswith("/engage") for each in standins.requests):  # noqa: ASYNC110
                await asyncio.sleep(0.002)
        async with opened.store.begin() as work:
            await work.feedback.answer(delivery, helpful=True, at=START)
        done = await asking

    assert done == Asked(decided=1)
    assert standins.mails == []


async def test_an_unclear_outcome_is_unknown_and_a_refused_key_makes_all_wait(
    ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    sending = {"neighbour": "sendgrid", "route": "/mail/send", "fault": "status", "times": 1}
    async with open_with(**ON) as opened:
        ids = sorted(await mailed(opened, people_of(standins, 3)))
        standins.faults.add({**sending, "status": 502})
        standins.faults.add({**sending, "status": 401})
        first = await follow_up(opened)
        assert await states(opened, ids) == [("unknown", ""), ("planned", "sender_down"), ("", "")]
    async with open_with(**ON, now=START + timedelta(hours=2)) as later:
        second = await follow_up(later)
        assert await states(later, ids) == [("unknown", ""), ("sent", ""), ("sent", "")]

    assert (first.sent, second.sent, len(standins.mails)) == (0, 2, 2)
    assert first.notes == ("The mail service refuses to send: the questions wait.",)


async def test_after_ten_in_a_row_that_stayed_unclear_the_other_questions_wait(
    ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    standins.faults.add(
        {"neighbour": "sendgrid", "route": "/mail/send", "fault": "status", "status": 502, "times": 10}
    )
    async with open_with(**ON) as opened:
        ids = sorted(await mailed(opened, people_of(standins, 12)))
        first = await follow_up(opened)
        before = await states(opened, ids)
        second = await follow_up(opened)

    assert before == [("unknown", "")] * 10 + [("", "")] * 2
    assert first.notes == ("10 questions in a row failed or stayed unclear: the others wait.",)
    assert (first.decided, first.sent, second.sent) == (10, 0, 2)


async def test_while_mixpanel_cannot_be_asked_a_question_waits(
    ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    async with open_with(**ON) as opened:
        ids = await mailed(opened, people_of(standins, 1))
        standins.faults.add({"neighbour": "mixpanel", "route": "/engage", "fault": "status", "status": 402})
        await follow_up(opened)
        assert await states(opened, ids) == [("planned", "not_checked")]

    assert standins.mails == []


async def test_the_clock_asks_every_half_hour_and_waits_while_a_night_runs(
    ctx: ToolContext, open_with: OpenWith, caplog: pytest.LogCaptureFixture
) -> None:
    job = schedule.clock(open_with).get_job("follow-up")
    now = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
    assert job.trigger.get_next_fire_time(now, now) == datetime(2026, 11, 23, 14, 30, tzinfo=UTC)
    caplog.set_level("INFO")

    async with one_at_a_time(ctx.settings, "night"):
        await schedule.one_follow_up(open_with)

    assert "questions wait: Another night is running" in caplog.text
    assert json.dumps(caplog.text).count("ERROR") == 0


@pytest.mark.parametrize(
    ("kind", "later", "state"),
    [
        ("processed", timedelta(seconds=-1), "sent"),
        ("dropped", timedelta(seconds=2), "failed"),
        ("processed", timedelta(hours=-25), "unknown"),
        ("delivered", timedelta(hours=1), "unknown"),
        ("clicked", timedelta(hours=1), "unknown"),
    ],
)
async def test_an_unclear_question_is_settled_by_what_is_certainly_told_of_it_and_not_of_its_mail(
    kind: str, later: timedelta, state: str, ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    standins.faults.add({"neighbour": "sendgrid", "route": "/mail/send", "fault": "answer_lost"})
    async with open_with(**ON) as opened:
        [mail] = await mailed(opened, people_of(standins, 1))
        await follow_up(opened)
        before = await states(opened, [mail])
        told = {"delivery_id": mail, "kind": kind, "at": opened.clock.now() + later}
        await take(opened, [MailEvent.model_validate({**told, "key": "k", "event_id": "e"})])
        [after] = await rows(opened, [mail])
        again = await follow_up(opened)

    assert before == [("unknown", "")]
    assert after is not None
    assert after.status == state
    assert (again, len(standins.mails)) == (Asked(), 1)
