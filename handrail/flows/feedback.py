"""What becomes of a mail after it left: events taken in, unclear mails settled, people let go."""

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from handrail.context import ToolContext
from handrail.domain.deliveries import Status
from handrail.domain.feedback import FeedbackKind, MailEvent
from handrail.engine import keys
from handrail.engine.clicks import by_machine
from handrail.engine.feedback import PROVES_ACCEPTANCE

if TYPE_CHECKING:
    from handrail.store import Work

CLOCKS_DIFFER = timedelta(hours=1)
"""The mail service's clock and ours; a question leaves a day after its mail at the earliest."""


async def clicked(ctx: ToolContext, delivery_id: str, method: str, user_agent: str) -> None:
    """Keep that a mail's own link was followed: once by its reader, once by machines."""
    now = ctx.clock.now()
    async with ctx.store.read() as work:
        delivery = await work.deliveries.get(delivery_id)
    if delivery is None:
        return
    machine = by_machine(method, user_agent, now - delivery.decided_at)
    key = keys.click_key(delivery_id, by_machine=machine)
    event = MailEvent(
        delivery_id=delivery_id,
        kind=FeedbackKind.CLICKED,
        at=now,
        key=key,
        event_id="",
        by_machine=machine,
    )
    await take(ctx, [event])


async def take(ctx: ToolContext, events: Sequence[MailEvent]) -> int:
    """Keep what is new of mails that we sent, in one transaction; answers how many that were.

    A mail whose outcome is not known, or not yet, is settled by the first event of it, and so is the
    question that followed it.
    Who bounced, complained or unsubscribed is never mailed again, whichever mail told it.
    """
    new = 0
    async with ctx.store.begin() as work:
        for event in events:
            delivery = await work.deliveries.get(event.delivery_id)
            if delivery is None or not await work.feedback.keep(event):
                continue
            new += 1
            if delivery.status in (Status.SENDING, Status.UNKNOWN):
                accepted = event.kind in PROVES_ACCEPTANCE
                await work.deliveries.settle(
                    delivery.id, Status.SENT if accepted else Status.FAILED, f"told_{event.kind.value}"
                )
            await _settle_question(work, event)
            if event.opts_out:
                await work.deliveries.opt_out(delivery.user_key, event.opts_out, event.at)
    return new


async def _settle_question(work: "Work", event: MailEvent) -> None:
    """The question goes under its mail's id: only what is told at once, on being taken, is its own."""
    question = await work.follow_ups.get(event.delivery_id)
    if question is None or question.status not in (Status.SENDING, Status.UNKNOWN):
        return
    settled = {FeedbackKind.PROCESSED: Status.SENT, FeedbackKind.DROPPED: Status.FAILED}.get(event.kind)
    if settled and event.at > question.decided_at - CLOCKS_DIFFER:
        told = {"status": settled, "detail": f"told_{event.kind.value}"}
        await work.follow_ups.keep(question.model_copy(update=told))
