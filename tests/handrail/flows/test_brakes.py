"""The brakes over the books: what they count, how long they hold, and who releases them."""

from datetime import date, datetime, timedelta

import pytest

from handrail.context import ToolContext
from handrail.domain.deliveries import Status
from handrail.domain.feedback import FeedbackKind, MailEvent
from handrail.domain.runs import Report
from handrail.flows import brakes
from handrail.store import Work
from tests.mailed import delivery
from tools.control_sending import control_sending

NIGHT = date(2026, 11, 19)


async def mail(work: Work, number: int, at: datetime, *, night: date = NIGHT, **values: str) -> str:
    """One mail that left at `at`, sent unless `values` say otherwise."""
    name = f"{night}-{number}"
    row = delivery(
        name, f"k{name}", night=night, at=at, tutorial_id="t", signature="s", status=Status.SENDING
    )
    await work.deliveries.keep(row)
    await work.deliveries.settle(name, Status(values.get("status", "sent")), values.get("detail", ""))
    return name


async def told(work: Work, delivery_id: str, kind: FeedbackKind, at: datetime) -> None:
    """Told twice under other ids, as the mail service does."""
    for copy in "ab":
        key = f"{delivery_id}{kind}{copy}"
        await work.feedback.keep(
            [MailEvent(delivery_id=delivery_id, kind=kind, at=at, key=key, event_id=key)]
        )


async def stopped(ctx: ToolContext, night: date = NIGHT, *, later: timedelta = timedelta(0)) -> bool:
    async with ctx.store.begin() as work:
        held = await brakes.braked(work, night)
        return held or await brakes.pulls(work, night, ctx.clock.now() + later)


async def mailed(ctx: ToolContext, count: int, kind: FeedbackKind, of: int, *, ago: timedelta) -> None:
    """So many mails left so long ago, and of the first this was told."""
    at = ctx.clock.now() - ago
    async with ctx.store.begin() as work:
        for number in range(count):
            name = await mail(work, number, at)
            if number < of:
                await told(work, name, kind, at)


@pytest.mark.parametrize("kind", [FeedbackKind.BOUNCED, FeedbackKind.COMPLAINED])
async def test_bounces_and_complaints_of_seven_days_hold_until_an_operator_resumes(
    empty_ctx: ToolContext, kind: FeedbackKind
) -> None:
    await mailed(empty_ctx, 60, kind, 2, ago=timedelta(days=6))

    assert await stopped(empty_ctx)
    assert await stopped(empty_ctx, NIGHT + timedelta(days=9), later=timedelta(days=9))
    [note] = await brakes.told(empty_ctx, NIGHT)
    assert "2 " in note
    assert "until `handrail resume`" in note

    await control_sending(empty_ctx, action="resume")

    assert not await stopped(empty_ctx)
    assert await brakes.told(empty_ctx, NIGHT) == []


async def test_a_mail_that_bounced_counts_once_and_older_ones_no_more(empty_ctx: ToolContext) -> None:
    await mailed(empty_ctx, 60, FeedbackKind.BOUNCED, 1, ago=timedelta(days=6))
    assert not await stopped(empty_ctx), "one of sixty, told twice"

    await mailed(empty_ctx, 60, FeedbackKind.BOUNCED, 30, ago=timedelta(days=8))
    assert not await stopped(empty_ctx)


async def test_resuming_one_account_releases_no_brake(ctx: ToolContext) -> None:
    await mailed(ctx, 60, FeedbackKind.BOUNCED, 2, ago=timedelta(days=1))
    assert await stopped(ctx)

    await control_sending(ctx, action="resume", account="Acme")

    assert await stopped(ctx)


async def test_three_times_the_usual_stops_this_night_alone(empty_ctx: ToolContext) -> None:
    now = empty_ctx.clock.now()
    async with empty_ctx.store.begin() as work:
        for ago in range(1, 6):
            night = NIGHT - timedelta(days=ago)
            await work.nights.keep_report(Report(night=night, status="done", started_at=now))
            for number in range(12):
                await mail(work, number, now - timedelta(days=ago), night=night)
        for number in range(35):
            await mail(work, number, now)
    assert not await stopped(empty_ctx)
    async with empty_ctx.store.begin() as work:
        await mail(work, 35, now)

    assert await stopped(empty_ctx)
    assert not await stopped(empty_ctx, NIGHT + timedelta(days=1))
    await control_sending(empty_ctx, action="resume")
    assert not await stopped(empty_ctx)


@pytest.mark.parametrize("status", ["failed", "unknown"])
async def test_ten_in_a_row_that_were_not_taken_stop_this_night(empty_ctx: ToolContext, status: str) -> None:
    now = empty_ctx.clock.now()
    async with empty_ctx.store.begin() as work:
        await mail(work, 0, now - timedelta(hours=1))
        for number in range(1, 10):
            await mail(work, number, now + timedelta(seconds=number), status=status)
        await mail(work, 10, now + timedelta(seconds=10), status="unknown", detail="interrupted")
    assert not await stopped(empty_ctx), "our own process that died says nothing of the service"

    async with empty_ctx.store.begin() as work:
        await mail(work, 11, now + timedelta(seconds=11), status=status)
    assert await stopped(empty_ctx)
    assert "The next night begins anew" in (await brakes.told(empty_ctx, NIGHT))[0]


async def test_one_that_was_taken_ends_a_row(empty_ctx: ToolContext) -> None:
    now = empty_ctx.clock.now()
    async with empty_ctx.store.begin() as work:
        for number in range(12):
            taken = "sent" if number == 6 else "failed"
            await mail(work, number, now + timedelta(seconds=number), status=taken)

    assert not await stopped(empty_ctx)
