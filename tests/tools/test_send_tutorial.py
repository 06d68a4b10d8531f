"""Sending by hand: the same rules as at night."""

import json
from datetime import timedelta

import pytest

from handrail.context import ToolContext
from handrail.errors import CallerError
from handrail.settings import SendMode
from standin.state import Standin
from tests import databases
from tests.conftest import OpenWith
from tools.draft_tutorial import draft_tutorial
from tools.find_struggling_users import find_struggling_users
from tools.send_tutorial import SentTutorial, send_tutorial

FEATURE = "connect-data-source"


async def confirmed(ctx: ToolContext, who: str) -> SentTutorial:
    """Sent with the code that the first answer gives."""
    shown = await send_tutorial(ctx, user_key=who, feature=FEATURE)
    return await send_tutorial(ctx, user_key=who, feature=FEATURE, confirm=shown.confirm)


def change_texts(ctx: ToolContext) -> None:
    """As if every text had been written anew since."""
    with databases.tables(ctx.settings.data_dir) as database:
        for id_, document in database.execute("select id, document from tutorials").fetchall():
            changed = json.dumps({**json.loads(document), "intro": "Another text."})
            database.execute("update tutorials set document = ? where id = ?", (changed, id_))


async def stuck_person(ctx: ToolContext) -> str:
    answer = await find_struggling_users(ctx, feature=FEATURE, account="Acme")
    return answer.cards[0].user_key


async def test_a_confirmed_mail_is_sent_once(ctx: ToolContext, standins: Standin) -> None:
    who = await stuck_person(ctx)

    first = await confirmed(ctx, who)
    second = await confirmed(ctx, who)

    assert first.status == second.status == "sent"
    assert first.delivery_id == second.delivery_id
    assert len(standins.mails) == 1
    assert standins.mails[0]["custom_args"] == {"handrail_delivery": first.delivery_id}


async def test_without_a_yes_nothing_is_sent_and_the_whole_mail_is_shown(
    ctx: ToolContext, standins: Standin
) -> None:
    who = await stuck_person(ctx)

    answer = await send_tutorial(ctx, user_key=who, feature=FEATURE)
    tutorial = (await draft_tutorial(ctx, feature=FEATURE, stuck_step="credentials")).tutorial
    sent = await send_tutorial(ctx, user_key=who, feature=FEATURE, confirm=answer.confirm)

    assert answer.status is None
    assert "Nothing was sent" in answer.summary
    assert (who[:12] in answer.mail, "Acme" in answer.mail) == (True, True)
    assert tutorial.subject
    assert sent.status == "sent"
    [mail] = standins.mails
    assert f"Subject: {mail['subject']}" in answer.mail
    steps = [line.partition(". ")[2] for line in answer.mail.splitlines() if line[:1].isdigit()]
    assert steps
    flat = " ".join(mail["text"].split())
    assert all(" ".join(step.split())[:40] in flat for step in steps)


async def test_a_yes_is_good_for_one_person_and_one_text_and_a_quarter_of_an_hour(
    ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    cards = (await find_struggling_users(ctx, feature=FEATURE)).cards
    one, other = cards[0].user_key, cards[1].user_key
    code = (await send_tutorial(ctx, user_key=one, feature=FEATURE)).confirm
    until, _, mark = code.partition("-")

    for who, given in [
        (other, code),
        (one, "true"),
        (one, "yes"),
        (one, f"{int(until) + 3600}-{mark}"),
        (one, f"{until}-{'0' * len(mark)}"),
        (one, f"{until}-é"),
    ]:
        with pytest.raises(CallerError, match="Nothing was sent"):
            await send_tutorial(ctx, user_key=who, feature=FEATURE, confirm=given)
    # The clock of a process runs on from where it starts: a margin of a minute on either side.
    for minutes, good in ((16, False), (14, True)):
        async with open_with(now=ctx.clock.now() + timedelta(minutes=minutes)) as later:
            if not good:
                with pytest.raises(CallerError, match="too old"):
                    await send_tutorial(later, user_key=one, feature=FEATURE, confirm=code)
                assert standins.mails == []
            else:
                sent = await send_tutorial(later, user_key=one, feature=FEATURE, confirm=code)
                assert sent.status == "sent"


async def test_a_text_that_changed_since_voids_the_yes(ctx: ToolContext, standins: Standin) -> None:
    who = await stuck_person(ctx)
    shown = await send_tutorial(ctx, user_key=who, feature=FEATURE)
    change_texts(ctx)

    with pytest.raises(CallerError, match="another text"):
        await send_tutorial(ctx, user_key=who, feature=FEATURE, confirm=shown.confirm)

    assert standins.mails == []
    again = await send_tutorial(ctx, user_key=who, feature=FEATURE)
    assert "Another text." in again.mail


async def test_someone_who_does_not_struggle_cannot_be_mailed(ctx: ToolContext, standins: Standin) -> None:
    await stuck_person(ctx)

    with pytest.raises(CallerError, match="Nobody with that key"):
        await send_tutorial(ctx, user_key="0" * 64, feature=FEATURE)

    assert standins.mails == []


async def test_with_sending_off_the_reason_is_told(
    ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    who = await stuck_person(ctx)
    async with open_with(send_mode=SendMode.OFF) as off:
        answer = await confirmed(off, who)

    assert (answer.status, answer.reason) == ("withheld", "mode_off")
    assert standins.mails == []


async def test_the_mail_carries_the_way_out_and_nothing_that_names_the_account(
    ctx: ToolContext, standins: Standin
) -> None:
    who = await stuck_person(ctx)
    await confirmed(ctx, who)

    (mail,) = standins.mails
    assert mail["headers"]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    unsubscribe = mail["headers"]["List-Unsubscribe"].strip("<>")
    assert unsubscribe in mail["text"]
    assert unsubscribe in mail["html"]
    assert who not in mail["text"] + mail["html"] + str(mail["headers"])
    assert "acct_1001" not in mail["text"] + mail["html"]
