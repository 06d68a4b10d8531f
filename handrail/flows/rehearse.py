"""What the rules would decide, and nothing more: no mail, no row, no link."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from handrail.context import ToolContext
from handrail.domain.deliveries import MAY_HAVE_ARRIVED, Delivery, Status
from handrail.domain.tutorials import Style
from handrail.engine import keys
from handrail.errors import CallerError
from handrail.flows.deliver import planned
from handrail.flows.judge import Ask, judge
from handrail.flows.look import BLOCK, Case, Now, look_now, needs_no_look
from handrail.flows.mailing import cases_again, text_of

if TYPE_CHECKING:
    from handrail.store import Work


class Change(BaseModel):
    """One person and feature on which the rules decide otherwise today."""

    model_config = ConfigDict(frozen=True)

    user_key: str
    feature: str
    then: str
    now: str


class Replay(BaseModel):
    """A past night under today's rules: what was decided, what would be, and for whom it differs."""

    model_config = ConfigDict(frozen=True)

    night: date
    decided: int
    mailed_then: int
    mailed_now: int
    changes: tuple[Change, ...]


async def rehearse(ctx: ToolContext, cases: Sequence[Case], *, anew: bool = False) -> list[Delivery]:
    """Every case's decision, in order, in one transaction that is thrown away at the end.

    What was mailed before stays as it is; `anew` forgets the night's own decisions first.
    """
    looks: list[Now] = []
    for at in range(0, len(cases), BLOCK):
        block = cases[at : at + BLOCK]
        now = Now(checked=True, at=ctx.clock.now(), zone=await ctx.zone())
        looks.append(now if needs_no_look(ctx) else await look_now(ctx, block))
    made = []
    async with ctx.store.pretend() as work:
        yeses = await _forget(work, cases) if anew else {}
        for index, case in enumerate(cases):
            row = planned(ctx, case)
            row = row.model_copy(update={"review_id": yeses.get(row.id, "")})
            earlier = await work.deliveries.get(row.id)
            if earlier is None or earlier.status not in MAY_HAVE_ARRIVED:
                row = await judge(ctx, work, Ask(case, row, earlier), looks[index // BLOCK])
                await work.deliveries.keep(row)
            made.append(earlier if earlier and earlier.status in MAY_HAVE_ARRIVED else row)
    return made


async def _forget(work: "Work", cases: Sequence[Case]) -> dict[str, str]:
    """Drop what the nights of these cases decided; answers which review each mail had."""
    reviews: dict[str, str] = {}
    for night in {case.night for case in cases}:
        reviews |= {each.id: each.review_id for each in await work.deliveries.of_night(night)}
        await work.deliveries.forget(night)
    return reviews


async def rehearse_night(
    ctx: ToolContext, night: date, texts: Mapping[str, str], styles: Mapping[str, Style]
) -> list[Delivery]:
    """What the rules would decide tonight. Who was mailed by an earlier run of this night is not asked about
    again: each question counts.

    `texts` are tutorial ids by `text_of` signature and style, `styles` those of the deliveries by their ids.
    """
    async with ctx.store.read() as work:
        found = await work.nights.strugglers(night)
        left = await work.deliveries.with_status(night, MAY_HAVE_ARRIVED)
    told = {}
    for one in found:
        delivery_id = keys.delivery_id(night, one.user_key, one.feature)
        if delivery_id not in left:
            style = styles.get(delivery_id)
            told[delivery_id] = texts.get(text_of(one.signature.key, style), "") if style else ""
    return await rehearse(ctx, await cases_again(ctx, night, told))


async def replay(ctx: ToolContext, night: date | None = None) -> Replay:
    """Last night, or a past one, under today's rules and facts. Raises `CallerError` if it kept nothing."""
    async with ctx.store.read() as work:
        night = night or await work.nights.last_struggle_night()
        then = await work.deliveries.of_night(night) if night else []
    if night is None or not then:
        raise CallerError(f"No decisions are kept of {night or 'any night'}: run `handrail agent run`.")
    cases = await cases_again(ctx, night, {each.id: each.tutorial_id for each in then})
    now = {each.id: each for each in await rehearse(ctx, cases, anew=True)}
    before = {each.id: each for each in then if each.id in now}
    return Replay(
        night=night,
        decided=len(before),
        mailed_then=sum(_mailed(each) for each in before.values()),
        mailed_now=sum(_mailed(each) for each in now.values()),
        changes=tuple(
            Change(user_key=each.user_key, feature=each.feature, then=_words(each), now=_words(now[each.id]))
            for each in before.values()
            if _words(each) != _words(now[each.id])
        ),
    )


def _mailed(delivery: Delivery) -> bool:
    return delivery.status in MAY_HAVE_ARRIVED


def _words(delivery: Delivery) -> str:
    """`mailed`, or the status with its reason."""
    if _mailed(delivery):
        return "mailed"
    return f"{delivery.status}: {delivery.reason}" if delivery.reason else Status(delivery.status).value
