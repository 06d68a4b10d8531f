"""The page behind a mail: the tutorial that was mailed, and what its reader tells us there."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from handrail.context import ToolContext
from handrail.domain.deliveries import Delivery
from handrail.domain.tutorials import ToldStep, Tutorial, told
from handrail.services.mail.picture import Picture, picture_of

if TYPE_CHECKING:
    from handrail.store import Work

MOST_SECONDS = 30 * 60
"""A page left open is not read for longer than this."""


@dataclass(frozen=True)
class TutorialPage:
    """What the page shows; nothing of it says whose it is. `guide` is the token of the documentation."""

    subject: str
    intro: str
    feature: str
    steps: tuple[ToldStep, ...]
    picture: Picture | None
    guide: str | None
    helpful: bool | None
    needs_help: bool


async def tutorial_page(ctx: ToolContext, token: str) -> TutorialPage | None:
    """The tutorial of the mail that this token was made for, as it was mailed."""
    async with ctx.store.read() as work:
        delivery, tutorial = await _mailed(work, token)
        if delivery is None or tutorial is None:
            return None
        guide = await work.deliveries.link(delivery.id, "guide")
        answer = (await work.feedback.answers([delivery.id])).get(delivery.id)
    feature = ctx.kb.find(tutorial.feature)
    return TutorialPage(
        subject=tutorial.subject,
        intro=tutorial.intro,
        feature=feature.title if feature else tutorial.feature,
        steps=told(tutorial, feature),
        picture=picture_of(ctx.kb, feature, tutorial.stuck_step) if feature else None,
        guide=guide,
        helpful=answer.helpful if answer else None,
        needs_help=answer.needs_help if answer else False,
    )


async def page_picture(ctx: ToolContext, token: str) -> Picture | None:
    """The picture of that page: of the document as it is today, as the titles of the steps are."""
    async with ctx.store.read() as work:
        _, tutorial = await _mailed(work, token)
    feature = ctx.kb.find(tutorial.feature) if tutorial else None
    return picture_of(ctx.kb, feature, tutorial.stuck_step) if tutorial and feature else None


async def _mailed(work: "Work", token: str) -> tuple[Delivery | None, Tutorial | None]:
    found = await work.deliveries.link_target(token, "page")
    delivery = await work.deliveries.get(found[0]) if found else None
    return delivery, await work.nights.tutorial(delivery.tutorial_id) if delivery else None


async def answered(ctx: ToolContext, token: str, *, helpful: bool) -> bool:
    """Keep a reader's yes or no; False if no mail has this token. Safe to repeat, the last one counts."""
    async with ctx.store.begin() as work:
        found = await work.deliveries.link_target(token, "page")
        if found:
            await work.feedback.answer(found[0], helpful=helpful, at=ctx.clock.now())
    return found is not None


async def needs_help(ctx: ToolContext, token: str) -> bool:
    """Keep that a reader asked for more help; False if no mail has this token. Safe to repeat."""
    async with ctx.store.begin() as work:
        found = await work.deliveries.link_target(token, "page")
        if found:
            await work.feedback.needs_help(found[0], ctx.clock.now())
    return found is not None


async def was_read(ctx: ToolContext, token: str, seconds: int) -> bool:
    """Keep how long a reader saw the page; False if no mail has this token. Safe to repeat."""
    async with ctx.store.begin() as work:
        found = await work.deliveries.link_target(token, "page")
        if found:
            await work.feedback.read_for(found[0], min(seconds, MOST_SECONDS), ctx.clock.now())
    return found is not None
