"""What becomes of a mail after it left: events taken in, unclear mails settled, people let go."""

from collections.abc import Container, Sequence
from datetime import timedelta
from typing import TypedDict

from handrail.context import ToolContext
from handrail.domain.deliveries import Delivery, FollowUp, Status
from handrail.domain.feedback import FeedbackKind, MailEvent
from handrail.engine import keys
from handrail.engine.clicks import by_machine
from handrail.engine.feedback import PROVES_ACCEPTANCE

CLOCKS_DIFFER = timedelta(hours=1)
"""The mail service's clock and ours; a question leaves a day after its mail at the earliest."""

DROPPED = "told_dropped"


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
    async with ctx.store.begin() as work:
        deliveries = await work.deliveries.among(sorted({each.delivery_id for each in events}))
        new = await work.feedback.keep([each for each in events if each.delivery_id in deliveries])
        questions = await work.follow_ups.among(sorted({each.delivery_id for each in new}))
        for event in new:
            delivery = deliveries[event.delivery_id]
            if told := _settles(delivery, event, PROVES_ACCEPTANCE):
                await work.deliveries.settle(delivery.id, told["status"], told["detail"])
                deliveries[delivery.id] = delivery.model_copy(update=told)
            question = questions.get(delivery.id)
            # It goes under its mail's id: only what is told at once, on being taken, is its own.
            if (
                question
                and event.at > question.decided_at - CLOCKS_DIFFER
                and (told := _settles(question, event, {FeedbackKind.PROCESSED}))
            ):
                questions[delivery.id] = question.model_copy(update=told)
                await work.follow_ups.keep(questions[delivery.id])
            if event.opts_out:
                await work.deliveries.opt_out(delivery.user_key, event.opts_out, event.at)
    return len(new)


class Told(TypedDict):
    """How a message stands after an event."""

    status: Status
    detail: str


def _settles(
    message: Delivery | FollowUp, event: MailEvent, accepted: Container[FeedbackKind]
) -> Told | None:
    """What is known of a message after this event that was not known before.

    If it was told to be dropped and to be taken on, in whichever order, it was taken on: it may have arrived.
    """
    unclear = message.status in (Status.SENDING, Status.UNKNOWN)
    if event.kind in accepted and (unclear or message.detail == DROPPED):
        return Told(status=Status.SENT, detail="told_accepted")
    if event.kind is FeedbackKind.DROPPED and unclear:
        return Told(status=Status.FAILED, detail=DROPPED)
    return None
