"""What Mixpanel is told of mails: once, by id, without a word of them."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from handrail.context import ToolContext
from handrail.domain.deliveries import Delivery, Status
from handrail.domain.periods import Period
from handrail.domain.tutorials import Tutorial
from handrail.errors import ConfigError, UpstreamError
from handrail.flows.doctor import check
from handrail.flows.sync import read_events
from handrail.flows.write_back import Told, write_back
from standin.state import Standin
from tests import databases
from tests.conftest import OpenWith

NIGHT = date(2026, 11, 19)
SENT = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
EXPORT, ALERTS = "schedule-export", "set-up-alerts"
NOTE = "Handrail mailed tutorials: night of 2026-11-19"
OWN = ("handrail_tutorial_sent", "handrail_tutorial_completed")


def writing(open_with: OpenWith, standins: Standin, **changes: Any) -> Any:
    token = SecretStr(standins.world.project["token"])
    ingest = {"mixpanel_token": token, "mixpanel_ingest_url": f"{standins.base_url}/mixpanel"}
    return open_with(**{**ingest, **changes})


async def mailed(
    ctx: ToolContext,
    people: Sequence[str],
    feature: str = EXPORT,
    status: Status = Status.SENT,
    **changes: Any,
) -> list[str]:
    """Mails to people of the world, by distinct_id; answers delivery ids."""
    async with ctx.store.read() as work:
        acme = next(each for each in await work.accounts.all() if each.mixpanel_id == "acct_1001")
    text = Tutorial(
        id="t-story", signature="s", feature=feature, stuck_step="x", style="story", source="model",
        subject="Quick help with exports", intro="You were close.", steps=(),
    )  # fmt: skip
    async with ctx.store.begin() as work:
        await work.nights.keep_tutorial(text, SENT)
        for each in people:
            values = {
                "id": f"{feature}-{each}"[:32],
                "night": NIGHT,
                "user_key": ctx.people.key_of(each),
                "feature": feature,
                "account_ids": (acme.id,),
                "actor": "nightly",
                "tutorial_id": text.id,
                "signature": f"{feature}/x/no-error/never",
                "status": Status.SENDING,
                "reason": "",
                "detail": "",
                "decided_at": SENT,
                **changes,
            }
            await work.deliveries.keep(Delivery.model_validate(values))
            await work.deliveries.settle(str(values["id"]), status, "")
    return [f"{feature}-{each}"[:32] for each in people]


async def complete(ctx: ToolContext, delivery_id: str, *, settled: bool) -> None:
    async with ctx.store.begin() as work:
        await work.outcomes.begin()
        [one] = [each for each in await work.outcomes.open() if each.delivery_id == delivery_id]
        done = {"completed_at": SENT + timedelta(hours=3), "settled": settled}
        await work.outcomes.keep([one.model_copy(update=done)])


async def counted(ctx: ToolContext, event: str) -> dict[str, float]:
    """By person, as Mixpanel counts: repeats of one event are one."""
    day = Period(from_date=date(2026, 11, 20), to_date=date(2026, 11, 20), zone=await ctx.zone())
    found = await ctx.mixpanel.queries.segmentation(event, day, by="distinct_id")
    return {each.name: each.total for each in found.series if each.total}


def people_of(standins: Standin, count: int) -> list[str]:
    return [each for each, properties in standins.profiles.items() if "$email" in properties][:count]


async def test_a_mail_that_left_is_told_once_with_ids_alone(
    ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    ana, ben, eve = people_of(standins, 3)
    before = {key: dict(each) for key, each in standins.profiles.items()}
    async with writing(open_with, standins) as opened:
        await mailed(opened, [ana, ben])
        await mailed(opened, [eve], status=Status.UNKNOWN)

        first = await write_back(opened)
        again = await write_back(opened)

        assert await counted(opened, OWN[0]) == {ana: 1, ben: 1}

    assert (first, again) == (Told(events=2), Told())
    assert len(standins.written) == 2
    [of_ana] = [each["properties"] for each in standins.written if each["properties"]["distinct_id"] == ana]
    told = {key: value for key, value in of_ana.items() if not key.startswith(("$", "mp_"))}
    assert told == {
        "distinct_id": ana,
        "time": int(SENT.timestamp()),
        "ip": 0,
        "feature": EXPORT,
        "tutorial_id": "t-story",
        "style": "story",
        "night": "2026-11-19",
        "company_id": "acct_1001",
    }
    assert len(of_ana["$insert_id"]) <= 36
    assert of_ana["$insert_id"].isalnum()
    assert standins.profiles[ana] == {
        **before[ana],
        "handrail_last_tutorial": EXPORT,
        "handrail_last_tutorial_at": "2026-11-20T14:30:00",
        "handrail_tutorials": [EXPORT],
    }, "and $last_seen is what it was"
    assert standins.profiles[eve] == before[eve]


async def test_a_completion_is_told_once_it_is_settled(
    ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    [ana] = people_of(standins, 1)
    async with writing(open_with, standins) as opened:
        [delivery] = await mailed(opened, [ana])
        await complete(opened, delivery, settled=False)
        await write_back(opened)
        open_still = await counted(opened, OWN[1])
        await complete(opened, delivery, settled=True)
        told = await write_back(opened)

        assert open_still == {}
        assert told.events == 1
        assert await counted(opened, OWN[1]) == {ana: 1}

    times = [each["properties"]["time"] for each in standins.written if each["event"] == OWN[1]]
    assert times == [int(SENT.timestamp()) + 3 * 3600]
    assert standins.profiles[ana]["handrail_completed"] == [EXPORT]
    assert standins.profiles[ana]["handrail_tutorials"] == [EXPORT]


@pytest.mark.parametrize("route", ["/import", "/engage"])
async def test_a_write_back_that_dies_in_the_middle_and_is_repeated_leaves_no_doubles(
    route: str, ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    people = people_of(standins, 4)
    async with writing(open_with, standins) as opened:
        await mailed(opened, people)
        await opened.people.ids([opened.people.key_of(each) for each in people])  # also asked of /engage
        standins.faults.add({"neighbour": "mixpanel", "route": route, "fault": "answer_lost"})
        with pytest.raises(UpstreamError):
            await write_back(opened)
        standins.faults.clear()
        written = len(standins.written)
        assert (await write_back(opened)).events == 4

        assert await counted(opened, OWN[0]) == dict.fromkeys(people, 1)
        notes = await opened.mixpanel.annotations.of(
            Period(from_date=date(2026, 11, 20), to_date=date(2026, 11, 20), zone=await opened.zone())
        )
    assert len(standins.written) == written + 4 >= 8, "they came twice"
    assert [each.text for each in notes] == [NOTE]
    assert all(standins.profiles[each]["handrail_tutorials"] == [EXPORT] for each in people)


async def test_without_the_token_nothing_is_written_and_the_doctor_says_so(
    ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    await mailed(ctx, people_of(standins, 2))
    standins.requests.clear()

    assert await write_back(ctx) == Told()
    assert standins.requests == []
    [unset] = [each for each in await check(ctx) if each.name == "write-back"]
    assert "HANDRAIL_MIXPANEL_TOKEN is not set: nothing is written" in unset.detail
    async with writing(open_with, standins) as opened:
        [given] = [each for each in await check(opened) if each.name == "write-back"]
    assert "are written to Mixpanel" in given.detail


async def test_a_token_that_is_refused_is_told_in_our_words_and_the_mails_are_told_later(
    ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    [ana] = people_of(standins, 1)
    async with writing(open_with, standins, mixpanel_token=SecretStr("0" * 32)) as wrong:
        await mailed(wrong, [ana])
        with pytest.raises(ConfigError, match="HANDRAIL_MIXPANEL_TOKEN"):
            await write_back(wrong)
    async with writing(open_with, standins) as opened:
        assert (await write_back(opened)).events == 1


async def test_where_notes_are_not_to_be_had_the_events_are_told_all_the_same(
    ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    standins.faults.add({"neighbour": "mixpanel", "route": "/annotations", "fault": "status", "status": 403})
    async with writing(open_with, standins) as opened:
        await mailed(opened, people_of(standins, 1))
        told = await write_back(opened)

    assert told.events == 1
    assert [note.split(":")[0] for note in told.notes] == ["The night of 2026-11-19 has no note in Mixpanel"]


async def test_who_has_no_profile_any_more_and_what_is_a_month_old_is_not_told(
    ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    ana, ben = people_of(standins, 2)
    async with writing(open_with, standins) as opened:
        await mailed(opened, [ana], decided_at=SENT - timedelta(days=40))
        await mailed(opened, [ben])
        del standins.profiles[ben]
        told = await write_back(opened)

    assert told.events == 0
    assert standins.written == []


async def test_our_own_events_are_left_out_of_every_count(
    ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    people = people_of(standins, 5)
    first = last = date(2026, 11, 20)

    async def events(opened: ToolContext) -> int:
        table = await read_events(opened, await opened.zone(), first, last)
        try:
            return sum(len(list(seen)) for _, seen in table.by_user([*OWN, "Export Scheduled"]))
        finally:
            table.close()

    async with writing(open_with, standins) as opened:
        before = await events(opened)
        await mailed(opened, people)
        await write_back(opened)
        assert len(standins.written) == 5
        assert await events(opened) == before


async def test_what_was_told_long_ago_is_forgotten_and_not_told_again(
    ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    async with writing(open_with, standins) as opened:
        await mailed(opened, people_of(standins, 1))
        await write_back(opened)
        async with opened.store.begin() as work:
            await work.write_backs.told(["sent/old"], opened.clock.now() - timedelta(days=61))
            await work.write_backs.told(["sent/young"], opened.clock.now() - timedelta(days=59))
        again = await write_back(opened)
        with databases.tables(opened.settings.data_dir) as database:
            left = {key for (key,) in database.execute("select key from written_back")}

    assert again.events == 0
    assert "sent/young" in left
    assert "sent/old" not in left
