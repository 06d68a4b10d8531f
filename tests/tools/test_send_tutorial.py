"""Sending by hand: the same rules as at night."""

import pytest

from handrail.context import ToolContext
from handrail.errors import CallerError
from handrail.settings import SendMode
from standin.state import Standin
from tests.conftest import OpenWith
from tools.find_struggling_users import find_struggling_users
from tools.send_tutorial import send_tutorial

FEATURE = "connect-data-source"


async def stuck_person(ctx: ToolContext) -> str:
    answer = await find_struggling_users(ctx, feature=FEATURE, account="Acme")
    return answer.cards[0].user_key


async def test_a_confirmed_mail_is_sent_once(ctx: ToolContext, standins: Standin) -> None:
    who = await stuck_person(ctx)

    first = await send_tutorial(ctx, user_key=who, feature=FEATURE, confirm=True)
    second = await send_tutorial(ctx, user_key=who, feature=FEATURE, confirm=True)

    assert first.status == second.status == "sent"
    assert first.delivery_id == second.delivery_id
    assert len(standins.mails) == 1
    assert standins.mails[0]["custom_args"] == {"handrail_delivery": first.delivery_id}


async def test_without_a_yes_nothing_is_sent(ctx: ToolContext, standins: Standin) -> None:
    with pytest.raises(CallerError, match="confirm=true"):
        await send_tutorial(ctx, user_key=await stuck_person(ctx), feature=FEATURE)

    assert standins.mails == []


async def test_someone_who_does_not_struggle_cannot_be_mailed(ctx: ToolContext, standins: Standin) -> None:
    await stuck_person(ctx)

    with pytest.raises(CallerError, match="Nobody with that key"):
        await send_tutorial(ctx, user_key="0" * 64, feature=FEATURE, confirm=True)

    assert standins.mails == []


async def test_with_sending_off_the_reason_is_told(
    ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    who = await stuck_person(ctx)
    async with open_with(send_mode=SendMode.OFF) as off:
        answer = await send_tutorial(off, user_key=who, feature=FEATURE, confirm=True)

    assert (answer.status, answer.reason) == ("withheld", "mode_off")
    assert standins.mails == []


async def test_the_mail_carries_the_way_out_and_nothing_that_names_the_account(
    ctx: ToolContext, standins: Standin
) -> None:
    who = await stuck_person(ctx)
    await send_tutorial(ctx, user_key=who, feature=FEATURE, confirm=True)

    (mail,) = standins.mails
    assert mail["headers"]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    unsubscribe = mail["headers"]["List-Unsubscribe"].strip("<>")
    assert unsubscribe in mail["text"]
    assert unsubscribe in mail["html"]
    assert who not in mail["text"] + mail["html"] + str(mail["headers"])
    assert "acct_1001" not in mail["text"] + mail["html"]
