"""The brakes of a run: asked before every mail, told in the report, released by an operator."""

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from handrail.context import ToolContext
from handrail.domain.feedback import FeedbackKind
from handrail.domain.guards import LASTING, Brake, BrakeKind
from handrail.engine import brakes

if TYPE_CHECKING:
    from handrail.store import Work

_NEVER = datetime.min.replace(tzinfo=UTC)


async def braked(work: "Work", night: date) -> bool:
    """Whether a brake holds."""
    return any(each.holds(night) for each in await work.guards.brakes())


async def pulls(work: "Work", night: date, now: datetime) -> bool:
    """Whether a brake has to be pulled before one more mail leaves; if so, it is kept."""
    released = {each.kind: each for each in await work.guards.brakes() if each.released_at}
    found = brakes.pulled(await _counts(work, night, now, released))
    if found is None:
        return False
    kind, words = found
    await work.guards.pull(Brake(kind=kind, night=night, at=now, words=words))
    return True


async def _counts(
    work: "Work", night: date, now: datetime, released: dict[BrakeKind, Brake]
) -> brakes.Counts:
    def since(kind: BrakeKind, earliest: datetime) -> datetime:
        """What an operator has seen does not count again."""
        brake = released.get(kind)
        return max(earliest, brake.released_at or earliest) if brake else earliest

    start = since(BrakeKind.COMPLAINTS, since(BrakeKind.BOUNCES, now - brakes.WINDOW))
    volume = released.get(BrakeKind.VOLUME)
    seen = volume is not None and volume.night == night
    return brakes.Counts(
        mails=await work.guards.mails_since(start),
        bounced=await work.guards.told_since(start, FeedbackKind.BOUNCED),
        complained=await work.guards.told_since(start, FeedbackKind.COMPLAINED),
        tonight=await work.histories.mails_of(night),
        nights=() if seen else await work.guards.volumes(night, brakes.NIGHTS),
        streak=await work.guards.streak(night, since(BrakeKind.ERRORS, _NEVER), brakes.STREAK),
    )


async def told(ctx: ToolContext, night: date) -> list[str]:
    """A note for the report of each brake that holds."""
    async with ctx.store.read() as work:
        held = [each for each in await work.guards.brakes() if each.holds(night)]
    return [f"A brake stopped the mails: {each.words}. {_ends(each)}" for each in held]


def _ends(brake: Brake) -> str:
    if brake.kind in LASTING:
        return "Nobody is mailed until `handrail resume`."
    return "The next night begins anew; `handrail resume` lets this one go on."
