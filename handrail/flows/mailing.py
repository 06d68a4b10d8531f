"""Mailing many: in blocks that are looked up seconds before their mails leave, tonight or later."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date

from pydantic import BaseModel, ConfigDict

from handrail.context import ToolContext
from handrail.domain.deliveries import MAY_HAVE_ARRIVED, Delivery, Status
from handrail.domain.tutorials import Style, Tutorial
from handrail.ending import ENDING
from handrail.engine import keys
from handrail.engine.blocks import blocks, wave_size
from handrail.engine.learning import PLAIN
from handrail.engine.preflight import troubled
from handrail.flows import brakes
from handrail.flows.deliver import Claimed, Delivered, claim, dispatch, withhold
from handrail.flows.look import BLOCK, STALE, Case, Now, look_now, needs_no_look

MOST_AT_ONCE = 500
"""Planned mails that are asked about in one go."""

MOST_WITHHELD = 5000
"""People in one block of whom none may be mailed."""

SENDS = 4
"""Mails on their way at the same time. Few: a process that dies leaves so many unclear at most."""

PATIENCE = 3
"""After so many mails in a row that the mail service did not take, the others wait without being tried."""

WAIT = "People could not be asked about just before sending, and wait"
"""Begins the note of a look that failed."""

_SETTLED = (Status.SENT, Status.UNKNOWN)


class Block(BaseModel):
    """Mails that one worker decides on in their order. Ids only: it can be built again from the database."""

    model_config = ConfigDict(frozen=True)

    night: date
    texts: dict[str, str]
    """Tutorial id by delivery id, most urgent first."""
    sender_down: bool = False
    none_may_leave: bool = False
    """The night has had its mails, or mails nobody: then nobody is looked up."""


class Wave(BaseModel):
    """Blocks that may be worked on side by side, and how far down the night's list they reach."""

    model_config = ConfigDict(frozen=True)

    blocks: tuple[Block, ...]
    reached: int


class Mailed(BaseModel):
    """What a block leaves beside its rows."""

    model_config = ConfigDict(frozen=True)

    sender_down: bool
    notes: tuple[str, ...]


class Released(BaseModel):
    """What became of the mails whose time had come."""

    model_config = ConfigDict(frozen=True)

    asked: int
    sent: int
    notes: tuple[str, ...] = ()


@dataclass
class _Made:
    """What has become of the cases so far, and what is still on its way."""

    now: Now
    deliveries: dict[str, Delivery] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    ways: set[asyncio.Task[None]] = field(default_factory=set)
    sends: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(SENDS))
    proven: bool = False
    """Whether the mail service took one: until then one at a time is tried."""
    not_taken: int = 0
    """Mails in a row that the mail service certainly did not take."""


def text_of(signature: str, style: Style) -> str:
    """The name of a text: people with the same signature key who are told in the same style share it."""
    return f"{signature}:{style}"


async def next_wave(
    ctx: ToolContext, night: date, texts: Mapping[str, str], reached: int, *, sender_down: bool = False
) -> Wave:
    """The next of the night's cases, most urgent first, without who was mailed by an earlier run.

    `texts` are tutorial ids by `text_of` signature and style; an empty wave says that all were asked about.
    """
    async with ctx.store.read() as work:
        # One that is still called on its way belongs to a block, which finds out that its sender is gone.
        left = await work.deliveries.with_status(night, _SETTLED)
        room = ctx.settings.run_cap - await work.histories.mails_of(night)
        chosen = await work.learning.styles(night)
    cases: list[tuple[str, tuple[str, ...]]] = []
    text: dict[str, str] = {}
    none_may_leave = room <= 0 or needs_no_look(ctx)
    most = MOST_WITHHELD if none_may_leave else BLOCK
    size = wave_size(room, most)
    while len(cases) < size:
        async with ctx.store.read() as work:
            found = await work.nights.struggles(night, after=reached, limit=size - len(cases))
        for one in found:
            delivery_id = keys.delivery_id(night, one.user_key, one.feature)
            if delivery_id not in left:
                cases.append((delivery_id, (*one.account_ids, one.user_key)))
                style = chosen.get(delivery_id, PLAIN)
                text[delivery_id] = texts.get(text_of(one.signature.key, style), "")
        reached += len(found)
        if not found:
            break
    made = (
        Block(
            night=night,
            texts={each: text[each] for each in block},
            sender_down=sender_down,
            none_may_leave=none_may_leave,
        )
        for block in blocks(cases, most)
    )
    return Wave(blocks=tuple(made), reached=reached)


async def mail_block(ctx: ToolContext, block: Block) -> Mailed:
    """Decide on a block's mails and send what may be sent. Safe to repeat, also after a death in the middle.

    What was on its way when another process had the block may have arrived: unknown, and not sent again.
    """
    async with ctx.store.begin() as work:
        interrupted = await work.deliveries.interrupted(list(block.texts))
        gone = await work.deliveries.with_status(block.night, MAY_HAVE_ARRIVED)
        none_may_leave = block.none_may_leave or await brakes.braked(work, block.night)
        problems = await work.guards.problems(block.night)
    cases = await cases_again(ctx, block.night, {k: v for k, v in block.texts.items() if k not in gone})
    # Whom the rules refuse in any case is not looked up: no address is fetched, no question is spent.
    refused = [each for each in cases if none_may_leave or troubled(problems, each.struggle.feature)]
    await withhold(ctx, refused, Now(checked=False, at=ctx.clock.now(), sender_down=block.sender_down))
    asked = [each for each in cases if not (none_may_leave or troubled(problems, each.struggle.feature))]
    made = await _mail(ctx, asked, Now(checked=True, at=ctx.clock.now(), sender_down=block.sender_down))
    notes = [f"Mails that were being sent when a process stopped, and stay unknown: {interrupted}."]
    return Mailed(sender_down=made.now.sender_down, notes=tuple((notes if interrupted else []) + made.notes))


async def cases_again(ctx: ToolContext, night: date, texts: Mapping[str, str]) -> list[Case]:
    """The cases of these deliveries, most urgent first, from what their night kept.

    `texts` are tutorial ids by delivery id; an outdated text is none.
    """
    async with ctx.store.read() as work:
        struggles = await work.nights.struggles_of(list(texts))
        tutorials = {each: await work.nights.tutorial(each) for each in sorted(set(texts.values()))}
    return [
        Case(
            struggle=one,
            feature=ctx.kb.find(one.feature),
            tutorial=_still_true(ctx, tutorials[texts[delivery_id]]),
            night=night,
        )
        for delivery_id, one in struggles.items()
    ]


def _still_true(ctx: ToolContext, tutorial: Tutorial | None) -> Tutorial | None:
    document = ctx.kb.find(tutorial.feature) if tutorial else None
    if tutorial is None or document is None:
        return None
    now = keys.tutorial_id(tutorial.signature, tutorial.style, document.version)
    return tutorial if keys.original_id(tutorial.id) in (now, keys.stopgap_id(now)) else None


async def _mail(ctx: ToolContext, cases: Sequence[Case], now: Now) -> _Made:
    """Decide on every case in its order; a few mails are on their way while the next is decided on."""
    ctx.people.expect(case.struggle.user_key for case in cases)
    made = _Made(now)
    try:
        for index, case in enumerate(cases):
            if _needs_look(ctx, made.now, index):
                await _look(ctx, made, cases[index : index + BLOCK])
            await _one(ctx, made, case)
    finally:
        # What is on its way is let arrive: cut off here, nobody would know whether it did.
        ended = await asyncio.gather(*made.ways, return_exceptions=True)
    for failed in ended:
        if isinstance(failed, BaseException):
            raise failed
    return made


def _needs_look(ctx: ToolContext, now: Now, index: int) -> bool:
    if needs_no_look(ctx) or now.sender_down:
        return False
    return index % BLOCK == 0 or ctx.clock.now() - now.at > STALE


async def _look(ctx: ToolContext, made: _Made, cases: Sequence[Case]) -> None:
    looked = await look_now(ctx, cases)
    made.now = replace(looked, sender_down=made.now.sender_down, sender_busy_until=made.now.sender_busy_until)
    if not looked.checked:
        made.notes.append(f"{WAIT}: {looked.missing}")


async def _one(ctx: ToolContext, made: _Made, case: Case) -> None:
    await made.sends.acquire()
    await ENDING.pass_by()
    with ENDING.leaving():
        way = await _begun(ctx, made, case)
    if way is not None and not made.proven:
        with suppress(Exception):  # raised where all of them end
            await asyncio.shield(way)


async def _begun(ctx: ToolContext, made: _Made, case: Case) -> "asyncio.Task[None] | None":
    """The mail on its way, if it may leave; one that is claimed is on its way at once."""
    try:
        claimed = await claim(ctx, case, made.now)
    except BaseException:
        made.sends.release()
        raise
    made.deliveries[claimed.delivery.id] = claimed.delivery
    if not claimed.won:
        made.sends.release()
        return None
    way = asyncio.create_task(_send(ctx, made, case, claimed))
    made.ways.add(way)
    ENDING.wait_for(way)
    return way


async def _send(ctx: ToolContext, made: _Made, case: Case, claimed: Claimed) -> None:
    try:
        done = await dispatch(ctx, case, claimed)
    finally:
        made.sends.release()
    made.deliveries[done.delivery.id] = done.delivery
    made.proven = made.proven or done.delivery.status is Status.SENT
    _learn(made, done)


def _learn(made: _Made, done: Delivered) -> None:
    """What this answer says of the mails that come after it."""
    made.not_taken = made.not_taken + 1 if done.busy_until is not None else 0
    if made.not_taken >= PATIENCE:
        made.now.sender_busy_until = done.busy_until
    if done.stop and not made.now.sender_down:
        made.notes.append(
            f"The mail service refuses to send ({done.delivery.detail}): "
            "check SENDGRID_API_KEY and HANDRAIL_MAIL_FROM. Nobody after that was mailed."
        )
        made.now.sender_down = True


async def release(ctx: ToolContext) -> Released:
    """Ask the policy again about the planned mails whose hours have begun."""
    async with ctx.store.read() as work:
        due = await work.deliveries.due(ctx.clock.now(), MOST_AT_ONCE)
    if not due:
        return Released(asked=0, sent=0)
    cases = []
    for night in sorted({each.night for each in due}):
        cases += await cases_again(
            ctx, night, {each.id: each.tutorial_id for each in due if each.night == night}
        )
    made = await _mail(ctx, cases, Now(checked=True, at=ctx.clock.now()))
    async with ctx.store.begin() as work:
        for delivery_id in sorted({each.id for each in due} - made.deliveries.keys()):
            await work.deliveries.settle(delivery_id, Status.WITHHELD, "no longer struggling")
    return Released(
        asked=len(made.deliveries),
        sent=sum(each.status is Status.SENT for each in made.deliveries.values()),
        notes=tuple(made.notes),
    )
