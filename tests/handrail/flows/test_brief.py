"""The morning brief over the default world: written after the night, told to the team once a night."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from agent import night
from handrail.context import DEFAULT_KB, ToolContext
from handrail.domain.briefs import Cause
from handrail.domain.periods import Period
from handrail.domain.runs import Report
from handrail.engine import brief_words
from handrail.errors import CallerError, ConfigError
from handrail.flows.brief import kept, morning, write
from handrail.settings import Settings
from standin.state import Standin
from tests import oracle
from tests.conftest import OpenWith, settings_for
from tests.handrail.services.test_sendgrid import answering

AS_OF = date(2026, 11, 19)
PATH = "/services/T0/B0/very-secret"


def report(**more: Any) -> Report:
    at = datetime(2026, 11, 21, 2, tzinfo=UTC)
    given = {
        "night": AS_OF,
        "status": "done",
        "started_at": at,
        "finished_at": at,
        "zone": "America/New_York",
        "mode": "auto",
    }
    return Report.model_validate({**given, **more})


def texts(seen: list[dict[str, Any]]) -> list[str]:
    return [json.loads(one["body"])["text"] for one in seen if one["method"] == "POST"]


async def test_a_night_leaves_a_brief_whose_figures_are_those_that_the_oracle_counts(
    ctx: ToolContext, acme_folder: Path
) -> None:
    await night.run(ctx)

    told = await kept(ctx)

    week = oracle.count(acme_folder, date(2026, 11, 13), AS_OF)["accounts"]
    stuck = oracle.struggling(acme_folder, AS_OF, DEFAULT_KB)["features"]["connect-data-source"]
    acme, tanager = week["acct_1001"]["period"], week["acct_1005"]["period"]
    people = sum("acct_1001" in row["accounts"] for row in stuck)
    assert told.headline == "26 mailed, 4 accounts worth a look."
    assert [(look.name, look.findings[0].cause) for look in told.accounts] == [
        ("Tanager Insurance", Cause.DROP),
        ("Old Mill Outfitters", Cause.ALERT),
        ("Acme", Cause.STRUGGLES),
        ("Harbor & Pine Legal", Cause.ALERT),
    ]
    assert told.accounts[2].findings[0].evidence == (
        f"{people} of {acme['unique_users']} active users (22%) struggle with Connect a data source, "
        "2026-11-13 to 2026-11-19."
    )
    assert (
        told.accounts[0]
        .findings[0]
        .evidence.startswith(f"{tanager['unique_users']} active users and {tanager['total_events']} events, ")
    )
    assert told.not_done[0].startswith("16 mails withheld: the account had its mails for this week (4), ")


async def test_no_person_stands_in_a_brief(ctx: ToolContext, standins: Standin) -> None:
    await night.run(ctx)
    async with ctx.store.read() as work:
        keys = {one.user_key for one in await work.nights.struggles(AS_OF)}

    document = (await kept(ctx)).model_dump_json()

    people = [value for one in standins.profiles.values() for value in (one.get("$email"), one.get("$name"))]
    assert len(keys) == 41
    assert [each for each in [*keys, *filter(None, people)] if each in document] == []


async def test_the_team_gets_each_nights_brief_once_by_mail_and_by_webhook_however_often_the_night_runs(
    ctx: ToolContext, open_with: OpenWith, standins: Standin, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    with answering(200) as (address, seen):
        async with open_with(
            brief_to="cs@vendor.example,lead@vendor.example",
            brief_webhook=SecretStr(address + PATH),
            heartbeat_url=SecretStr(address + "/ping"),
        ) as told:
            await morning(told, report(sent=1))
            await morning(told, report(sent=1))
            brief = await kept(told)

    assert [(mail["to"], mail["subject"]) for mail in standins.mails] == [
        ("cs@vendor.example", brief_words.subject(brief)),
        ("lead@vendor.example", brief_words.subject(brief)),
    ]
    assert brief.accounts[0].name == "Tanager Insurance"
    assert "Tanager Insurance" in standins.mails[0]["html"]
    assert standins.mails[0]["text"] == brief_words.text(brief)
    assert texts(seen) == [brief_words.mrkdwn(brief)]
    assert [(one["method"], one["path"]) for one in seen] == [
        ("POST", PATH),
        ("GET", "/ping"),
        ("GET", "/ping"),
    ]
    assert "very-secret" not in caplog.text
    assert "vendor.example" not in caplog.text


async def test_a_webhook_that_fails_gets_the_brief_with_the_next_run_and_fails_no_night(
    ctx: ToolContext, open_with: OpenWith, caplog: pytest.LogCaptureFixture
) -> None:
    with answering(500) as (address, failing):
        async with open_with(brief_webhook=SecretStr(address + PATH)) as told:
            await morning(told, report())
    with answering(204) as (address, working):
        async with open_with(brief_webhook=SecretStr(address + PATH)) as told:
            await morning(told, report())

    assert (len(failing), len(working)) == (1, 1)
    assert "The address in HANDRAIL_BRIEF_WEBHOOK answered 500" in caplog.text
    assert "very-secret" not in caplog.text


async def test_a_mail_that_was_refused_is_told_again_and_one_that_may_have_arrived_is_not(
    ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    async with open_with(brief_to="cs@vendor.example") as told:
        standins.faults.add(
            {"neighbour": "sendgrid", "route": "/mail/send", "fault": "status", "status": 401}
        )
        await morning(told, report())
        standins.faults.clear()
        standins.faults.add(
            {"neighbour": "sendgrid", "route": "/mail/send", "fault": "status", "status": 502}
        )
        await morning(told, report())
        standins.faults.clear()
        await morning(told, report())

    asked = [one["status"] for one in standins.requests if one["path"].endswith("/mail/send")]
    assert asked == [401, 502]


async def test_an_older_night_that_runs_again_is_kept_and_not_told(
    ctx: ToolContext, open_with: OpenWith
) -> None:
    with answering(200) as (address, seen):
        async with open_with(brief_webhook=SecretStr(address)) as told:
            await morning(told, report())
            await morning(told, report(night=date(2026, 11, 2)))
            older = await kept(told, date(2026, 11, 2))
            newest = await kept(told)

    assert len(texts(seen)) == 1
    assert (older.night, newest.night) == (date(2026, 11, 2), AS_OF)


async def test_a_dry_run_writes_and_tells_nothing(ctx: ToolContext, open_with: OpenWith) -> None:
    with answering(200) as (address, seen):
        async with open_with(
            brief_webhook=SecretStr(address), heartbeat_url=SecretStr(address + "/ping")
        ) as told:
            await morning(told, report(dry_run=True))

    assert seen == []
    with pytest.raises(CallerError, match="handrail agent run"):
        await kept(ctx)


async def test_the_next_nights_do_not_repeat_an_account_that_is_no_worse(ctx: ToolContext) -> None:
    first = await write(ctx, report())
    again = await write(ctx, report())
    next_night = await write(ctx, report(night=date(2026, 11, 20)))

    assert [look.name for look in again.accounts] == [look.name for look in first.accounts]
    assert [look.name for look in first.accounts] == ["Tanager Insurance", "Old Mill Outfitters"]
    assert next_night.accounts == ()
    assert next_night.headline.startswith("Nothing tonight")


async def test_figures_that_do_not_reach_back_five_weeks_tell_no_drop(ctx: ToolContext) -> None:
    async with ctx.store.read() as work:
        first = await work.metrics.first_day()
    assert first == date(2026, 10, 7)

    told = await write(ctx, report(night=date(2026, 11, 10)))
    too_short = await write(ctx, report(night=date(2026, 11, 9)))

    assert any(look.findings[0].cause is Cause.DROP for look in told.accounts)
    assert too_short.accounts == ()


async def test_what_readers_answered_and_what_came_of_mails_are_told_by_account(
    ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    await night.run(ctx)
    async with ctx.store.begin() as work:
        book = {each.name: each.id for each in await work.accounts.all()}
        sent = [each for each in await work.deliveries.of_night(AS_OF) if each.status == "sent"]
        acmes = [each for each in sent if book["Acme"] in each.account_ids]
        await work.outcomes.begin()
        at = datetime(2026, 11, 25, 12, tzinfo=UTC)
        await work.feedback.answer(acmes[0].id, helpful=False, at=at)
        await work.feedback.answer(sent[-1].id, helpful=True, at=at)
        opened = await work.outcomes.open()
        await work.outcomes.keep(
            [
                one.model_copy(
                    update={"settled": True, "completed_at": at if one.delivery_id == sent[0].id else None}
                )
                for one in opened
            ]
        )
    async with ctx.store.read() as work:
        unhelped = await work.briefs.unhelped(at, datetime(2026, 11, 26, tzinfo=UTC))
        too_late = await work.briefs.unhelped(
            datetime(2026, 11, 26, tzinfo=UTC), datetime(2026, 11, 27, tzinfo=UTC)
        )
        followed = await work.briefs.followed(Period.of_days(1, AS_OF, "UTC"))
        completed = await work.briefs.completed(at, datetime(2026, 11, 26, tzinfo=UTC))

    assert acmes
    assert (unhelped, too_late) == (dict.fromkeys(acmes[0].account_ids, 1), {})
    assert completed == 1
    fresh = [one for one in opened if not one.succeeded_before]
    accounts_of = {each.id: each.account_ids for each in sent}
    assert sum(people for people, _ in followed.values()) == sum(
        len(accounts_of[one.delivery_id]) for one in fresh
    )
    assert sum(done for _, done in followed.values()) == len(sent[0].account_ids) * any(
        one.delivery_id == sent[0].id for one in fresh
    )


@pytest.mark.parametrize(
    "address",
    [
        "http://hooks.example/x",
        "ftp://127.0.0.1/x",
        "hooks.example",
        "https://",
        "http://127.0.0.1.evil.example/",
    ],
)
@pytest.mark.parametrize("name", ["brief_webhook", "alarm_webhook", "heartbeat_url"])
def test_a_secret_address_goes_over_https_or_stays_on_this_machine(
    name: str, address: str, standins: Standin, settings: Settings
) -> None:
    with pytest.raises(ConfigError) as refused:
        settings_for(standins, settings.data_dir, **{name: SecretStr(address)})

    assert name in str(refused.value).lower()
    assert "https://" in str(refused.value)
    assert "hooks.example" not in str(refused.value)


def test_a_brief_goes_to_addresses_only(standins: Standin, settings: Settings) -> None:
    with pytest.raises(ConfigError, match="mail address"):
        settings_for(standins, settings.data_dir, brief_to="cs@vendor.example, the team")
