"""SendGrid's webhook over HTTP, as the stand-in posts it: signed, repeated, shuffled, late."""

from datetime import date
from typing import Any

import pytest

from agent import night
from handrail.context import ToolContext
from handrail.domain.deliveries import Delivery, Status
from handrail.settings import Settings
from standin.acts import act
from standin.sendgrid import events
from standin.state import Standin
from tests import databases
from tests.conftest import settings_for
from tests.web.dashboard import served
from tests.web.test_app import browser

AS_OF = date(2026, 11, 19)
HOOK = "/hooks/sendgrid"


@pytest.fixture
def listening(standins: Standin, settings: Settings) -> Settings:
    """Settings that know the stand-in's verification key."""
    return settings_for(standins, settings.data_dir, sendgrid_webhook_key=(events.public_key(),))


async def deliveries(ctx: ToolContext) -> dict[str, Delivery]:
    async with ctx.store.read() as work:
        return {each.id: each for each in await work.deliveries.of_night(AS_OF)}


async def test_events_are_kept_once_however_often_and_in_whatever_order_they_come(
    ctx: ToolContext, standins: Standin, listening: Settings
) -> None:
    await night.run(ctx)
    mails = len(standins.mails)
    async with served(listening) as base:
        for name in ("open", "deliver"):
            done = await act(
                standins,
                {"act": name, "webhook_url": base + HOOK, "copies": 3, "new_ids": True, "shuffled": True},
            )
            assert done == {"acted": mails}

    sent = [each.id for each in (await deliveries(ctx)).values() if each.status is Status.SENT]
    async with ctx.store.read() as work:
        told = await work.feedback.of(sent)
    assert len(told) == mails
    assert all(sorted(kind for kind, _ in each) == ["delivered", "opened"] for each in told.values())


@pytest.mark.parametrize("name", ["bounce", "complain"])
async def test_who_bounces_or_complains_is_never_mailed_again(
    ctx: ToolContext, standins: Standin, listening: Settings, name: str
) -> None:
    await night.run(ctx)
    async with served(listening) as base:
        await act(standins, {"act": name, "webhook_url": base + HOOK})
    async with ctx.store.begin() as work:
        await work.deliveries.forget(AS_OF)
    first = {mail["to"] for mail in standins.mails}
    standins.mails.clear()

    report = await night.run(ctx)

    assert report.withheld["suppressed"] >= 26
    assert not first & {mail["to"] for mail in standins.mails}, "only people who had no room before"


async def test_a_mail_whose_outcome_was_unclear_is_settled_by_the_first_event(
    ctx: ToolContext, standins: Standin, listening: Settings
) -> None:
    standins.faults.add({"neighbour": "sendgrid", "fault": "answer_lost", "route": "/mail/send", "times": 1})
    report = await night.run(ctx)
    assert (report.sent, report.unknown) == (25, 1)

    async with served(listening) as base:
        await act(standins, {"act": "deliver", "webhook_url": base + HOOK})

    found = (await deliveries(ctx)).values()
    assert sum(each.status is Status.SENT for each in found) == 26
    assert not [each for each in found if each.status is Status.UNKNOWN]


async def test_a_post_that_is_not_genuine_keeps_nothing(
    ctx: ToolContext, standins: Standin, listening: Settings
) -> None:
    await night.run(ctx)
    body = b'[{"handrail_delivery":"x"}]'
    stamp = str(int(standins.clock.now().timestamp()))
    headers: list[dict[str, Any]] = [{}, {**events.sign(b"[]", stamp)}, {**events.sign(body, "1600000000")}]
    async with browser(listening) as client:
        answers = [await client.post(HOOK, content=body, headers=each) for each in headers]
        large = await client.post(HOOK, content=b"[" + b" " * (3 << 20))
        good = await client.post(HOOK, content=b"[]", headers=events.sign(b"[]", stamp))

    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert large.status_code == 413
    assert (good.status_code, good.json()) == (200, {"kept": 0})


async def test_without_a_key_the_door_is_shut(ctx: ToolContext, settings: Settings) -> None:
    async with browser(settings) as client:
        answer = await client.post(HOOK, content=b"[]")

    assert answer.status_code == 503
    assert "HANDRAIL_SENDGRID_WEBHOOK_KEY" in answer.json()["detail"]


async def test_no_address_of_an_event_reaches_the_disk(
    ctx: ToolContext, standins: Standin, listening: Settings
) -> None:
    await night.run(ctx)
    addresses = [mail["to"].encode() for mail in standins.mails]
    async with served(listening) as base:
        for name in ("deliver", "open", "bounce"):
            await act(standins, {"act": name, "webhook_url": base + HOOK})

    held = b"".join(databases.on_disk(listening.data_dir).values())
    assert len(held) > 100_000
    assert not [address for address in addresses if address in held]
