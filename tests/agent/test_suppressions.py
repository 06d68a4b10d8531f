"""SendGrid's own lists: heard before a mail leaves, in pages, under keys; and no mail while they are not."""

from datetime import timedelta

from agent import night
from handrail.context import ToolContext
from handrail.engine.keys import address_key
from handrail.flows.suppressions import keep_up
from standin.state import Standin
from tests import databases
from tests.agent.test_outcomes import addresses
from tests.conftest import OpenWith

SECRET = b"s" * 32


def listed(standins: Standin, name: str, *addresses: str) -> None:
    at = int(standins.clock.now().timestamp())
    standins.suppressed.setdefault(name, []).extend(
        {"email": address, "created": at, "reason": f"550 <{address}> rejected", "status": "5.1.1"}
        for address in addresses
    )


async def mailed(ctx: ToolContext, standins: Standin) -> list[str]:
    await night.run(ctx, dry_run=False)
    found = [mail["to"] for mail in standins.mails]
    standins.reset()
    async with ctx.store.begin() as work:
        (last,) = {each.night for each in await work.deliveries.of_night((await work.nights.report()).night)}  # type: ignore[union-attr]
        await work.deliveries.forget(last)
    return found


async def test_who_is_on_a_list_of_the_mail_service_is_not_mailed(
    ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    first, second, third, *_ = await mailed(ctx, standins)
    listed(standins, "bounces", first.upper(), *(f"nobody-{number}@example.com" for number in range(1200)))
    listed(standins, "unsubscribes", f" {second}")
    listed(standins, "spam_reports", third)

    async with open_with(now=ctx.clock.now() + timedelta(hours=1)) as later:
        report = await night.run(later)
        async with later.store.read() as work:
            decided = await work.deliveries.of_night(report.night)

    known = addresses(ctx, standins)
    assert not {first, second, third} & {mail["to"] for mail in standins.mails}
    of_both = [each.id for each in decided if known.get(each.user_key) in {first, third}]
    assert report.withheld["suppressed"] == len(of_both) >= 2
    assert report.withheld["unsubscribed"] >= 2, "one of them by Mixpanel's profile"


async def test_while_the_lists_cannot_be_read_nobody_is_mailed_and_it_is_said(
    ctx: ToolContext, standins: Standin
) -> None:
    standins.faults.add({"neighbour": "sendgrid", "route": "/suppression", "fault": "status", "status": 503})

    report = await night.run(ctx)

    assert standins.mails == []
    assert report.withheld["not_checked"] > 20
    assert any("SendGrid did not give its suppression lists (status 503)" in note for note in report.notes)


async def test_the_lists_are_not_read_again_for_every_block(ctx: ToolContext, standins: Standin) -> None:
    await night.run(ctx)
    await night.run(ctx)

    asked = [one for one in standins.requests if "/suppression/" in one["path"]]
    assert len(asked) == 4, "four lists, once"


async def test_no_address_of_a_list_reaches_the_disk(ctx: ToolContext, standins: Standin) -> None:
    listed(standins, "bounces", "ana.secret@example.com")

    await keep_up(ctx)

    async with ctx.store.read() as work:
        assert await work.feedback.suppressed(address_key(ctx.secret, "ana.secret@example.com")) == "bounced"
    assert b"ana.secret" not in b"".join(databases.on_disk(ctx.settings.data_dir).values())


def test_one_address_has_one_key_however_it_is_written() -> None:
    same = {
        address_key(SECRET, spelling)
        for spelling in (
            "Ana@Bücher.example",
            " ana@bücher.example",
            "ana@xn--bcher-kva.example",
            "ANA@BÜCHER.EXAMPLE",
        )
    }
    assert len(same) == 1


def test_tags_and_dots_are_other_people() -> None:
    spellings = ("ana@example.com", "ana+x@example.com", "a.na@example.com", "ana@example.org")
    assert len({address_key(SECRET, one) for one in spellings}) == 4
