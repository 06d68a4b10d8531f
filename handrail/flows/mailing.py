"""Mailing many: in blocks that are looked up seconds before their mails leave, tonight or later."""

from collections.abc import Sequence
from datetime import date

from pydantic import BaseModel, ConfigDict

from handrail.context import ToolContext
from handrail.domain.deliveries import Delivery, Status
from handrail.domain.tutorials import Tutorial
from handrail.engine import keys
from handrail.flows.deliver import deliver
from handrail.flows.look import BLOCK, STALE, Case, Now, look_now, needs_no_look

MOST_AT_ONCE = 500


class Released(BaseModel):
    """What became of the mails whose time had come."""

    model_config = ConfigDict(frozen=True)

    asked: int
    sent: int
    notes: tuple[str, ...] = ()


async def mail_all(ctx: ToolContext, cases: Sequence[Case]) -> tuple[list[Delivery], list[str]]:
    """Decide on every case in its order and send what may be sent; answers notes for the report too."""
    ctx.people.expect(case.struggle.user_key for case in cases)
    now = Now(checked=True, at=ctx.clock.now())
    made: list[Delivery] = []
    notes: list[str] = []
    for index, case in enumerate(cases):
        look = not (needs_no_look(ctx) or now.sender_down)
        if look and (index % BLOCK == 0 or ctx.clock.now() - now.at > STALE):
            now = await look_now(ctx, cases[index : index + BLOCK - index % BLOCK])
            if not now.checked:
                notes.append(f"People could not be asked about just before sending, and wait: {now.missing}")
        done = await deliver(ctx, case, now)
        made.append(done.delivery)
        if done.stop:
            notes.append(
                f"The mail service refuses to send ({done.delivery.detail}): "
                "check SENDGRID_API_KEY and HANDRAIL_MAIL_FROM. Nobody after that was mailed."
            )
            now.sender_down = True
    return made, notes


async def release(ctx: ToolContext) -> Released:
    """Ask the policy again about the planned mails whose hours have begun."""
    async with ctx.store.read() as work:
        due = await work.deliveries.due(ctx.clock.now(), MOST_AT_ONCE)
    if not due:
        return Released(asked=0, sent=0)
    cases = [
        case for night in sorted({each.night for each in due}) for case in await cases_again(ctx, night, due)
    ]
    made, notes = await mail_all(ctx, cases)
    gone = {each.id for each in due} - {each.id for each in made}
    async with ctx.store.begin() as work:
        for delivery_id in sorted(gone):
            await work.deliveries.settle(delivery_id, Status.WITHHELD, "no longer struggling")
    return Released(
        asked=len(made), sent=sum(each.status is Status.SENT for each in made), notes=tuple(notes)
    )


async def cases_again(ctx: ToolContext, night: date, due: Sequence[Delivery]) -> list[Case]:
    """The cases of these decisions again, from what their night kept; an outdated text is none."""
    waiting = {(each.user_key, each.feature): each for each in due if each.night == night}
    async with ctx.store.read() as work:
        struggles = await work.nights.struggles(night)
        tutorials = {each.tutorial_id: await work.nights.tutorial(each.tutorial_id) for each in due}
    return [
        Case(
            struggle=one,
            feature=ctx.kb.find(one.feature),
            tutorial=_still_true(ctx, tutorials[waiting[one.user_key, one.feature].tutorial_id]),
            night=night,
        )
        for one in sorted(struggles, key=lambda one: (-one.priority, one.user_key))
        if (one.user_key, one.feature) in waiting
    ]


def _still_true(ctx: ToolContext, tutorial: Tutorial | None) -> Tutorial | None:
    document = ctx.kb.find(tutorial.feature) if tutorial else None
    if tutorial is None or document is None:
        return None
    same = keys.tutorial_id(tutorial.signature, tutorial.style, document.version) == tutorial.id
    return tutorial if same else None
