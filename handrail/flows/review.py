"""Reviewing a night: what waits for a person's yes, what a yes sets going, and a person's own words."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from handrail.context import ToolContext
from handrail.domain.deliveries import Delivery, Reason, Status
from handrail.domain.reviews import Objection, Review, ReviewStatus
from handrail.domain.tutorials import Draft, Tutorial
from handrail.engine import keys
from handrail.errors import CallerError, NotYours
from handrail.flows.writing import what_is_wrong

if TYPE_CHECKING:
    from handrail.store import Work

KEPT = timedelta(hours=72)
"""A yes after that would send old news: over a weekend, not longer."""

TIMES_APPROVED = 3
"""So often must a text have been approved unchanged before it may go without review."""

_UNDECIDED = {Reason.NEEDS_APPROVAL.value, Reason.QUIET_HOURS.value}


class Pending(BaseModel):
    """One line of the review list: the text, what it rests on, and whom it is for."""

    model_config = ConfigDict(frozen=True)

    review: Review
    tutorial: Tutorial
    people: int
    accounts: int
    not_mailed: dict[str, int] = Field(description="People with the same struggle, by the policy's reason.")
    waits: dict[str, int] = Field(description="Of these people, by what the policy has them wait for.")
    stand: dict[str, int] = Field(description="Of these people, by what became of their mail so far.")
    account_ids: tuple[str, ...] = Field(description="Handrail's ids.")

    @property
    def whole(self) -> bool:
        """Whether everybody whom it goes to is among the people who were looked at."""
        return self.people == len(self.review.deliveries)


class Words(BaseModel):
    """What a person may change of a text: which steps it tells, and what each rests on, stays."""

    model_config = ConfigDict(frozen=True)

    subject: str
    intro: str
    steps: tuple[str, ...]


class Edited(BaseModel):
    """The review that took the old one's place, or what is wrong with the words; then nothing changed."""

    model_config = ConfigDict(frozen=True)

    review: Review | None = None
    wrong: tuple[str, ...] = ()


async def open_reviews(ctx: ToolContext, night: date) -> list[Review]:
    """Put every text of the night that somebody is to get on the review list."""
    now = ctx.clock.now()
    async with ctx.store.begin() as work:
        groups = _by_tutorial(await work.deliveries.of_night(night))
        found = []
        for tutorial_id, deliveries in groups.items():
            tutorial = await work.nights.tutorial(tutorial_id)
            waiting = [each for each in deliveries if _waits(each)]
            if tutorial is not None and waiting:
                found.append(_review(night, tutorial, waiting, now))
        await work.reviews.open(night, found)
        return [each for each in await work.reviews.waiting(now) if each.night == night]


async def pending(ctx: ToolContext) -> list[Pending]:
    """The review list; for who sees some accounts, the texts that all go to people of these."""
    async with ctx.whole.store.read() as work:
        waiting = await work.reviews.waiting(ctx.clock.now())
    found = []
    async with ctx.store.read() as work:
        nights = {night: await work.deliveries.of_night(night) for night in {one.night for one in waiting}}
        for review in waiting:
            tutorial = await work.nights.tutorial(review.tutorial_id)
            one = _pending(review, tutorial, nights[review.night]) if tutorial is not None else None
            if one is not None and (ctx.sees is None or one.whole):
                found.append(one)
    return found


async def lately(ctx: ToolContext) -> list[Review]:
    """What persons decided while it can still be of interest, the last first; narrowed as the list is."""
    async with ctx.whole.store.read() as work:
        decided = await work.reviews.decided(ctx.clock.now() - KEPT)
    if ctx.sees is None:
        return decided
    async with ctx.store.read() as work:
        own = await work.deliveries.among([name for each in decided for name in each.deliveries])
    return [each for each in decided if own.keys() >= set(each.deliveries)]


async def look(ctx: ToolContext, review_id: str) -> Pending:
    """One review, whether it waits or was decided. Raises `NotYours` where it also goes to people of accounts
    that the asker does not see; where it goes to nobody else, it is not there."""
    async with ctx.whole.store.read() as work:
        review = await work.reviews.get(review_id)
        tutorial = await work.nights.tutorial(review.tutorial_id) if review else None
    found = None
    if review is not None and tutorial is not None:
        async with ctx.store.read() as work:
            found = _pending(review, tutorial, await work.deliveries.of_night(review.night))
    if found is None or (ctx.sees and not found.people):
        raise CallerError(f"There is no review {review_id!r}: see what waits with the night's list.")
    if ctx.sees and not found.whole:
        raise NotYours(
            f"The text of review {review_id} also goes to people of accounts that you do not see: "
            "somebody who sees all accounts has to decide it."
        )
    return found


async def edit(ctx: ToolContext, review_id: str, words: Words) -> Edited:
    """Put a person's words in the place of a waiting text, if the gate lets them through as the model's.

    They wait for a yes of their own; a yes to the old text counts for nothing.
    """
    async with ctx.store.read() as work:
        review = await _open_one(ctx, work, review_id)
        old = await work.nights.tutorial(review.tutorial_id)
    if old is None or len(words.steps) != len(old.steps):
        raise CallerError(f"The text of review {review_id} has changed; look at it again.")
    steps = tuple(
        step.model_copy(update={"text": text}) for step, text in zip(old.steps, words.steps, strict=True)
    )
    new = old.model_copy(update={"subject": words.subject, "intro": words.intro, "steps": steps})
    text = keys.text_hash(new)
    if text == review.text_hash:
        return Edited(wrong=("nothing was changed",))
    draft = Draft(feature=new.feature, tone=new.tone, subject=new.subject, intro=new.intro, steps=steps)
    wrong = await what_is_wrong(ctx, draft, ctx.kb.feature(new.feature), new.stuck_step)
    if wrong:
        return Edited(wrong=tuple(wrong))
    new = new.model_copy(update={"id": keys.edited_id(old.id, text)})
    now = ctx.clock.now()
    instead = review.model_copy(
        update={
            "id": keys.review_id(review.night, text, review.deliveries),
            "tutorial_id": new.id,
            "text_hash": text,
            "created_at": now,
        }
    )
    async with ctx.store.begin() as work:
        await _open_one(ctx, work, review_id)
        await work.nights.keep_edited(new, now)
        await work.deliveries.tell(review.deliveries, new.id)
        await work.reviews.replace(review_id, instead)
    return Edited(review=instead)


async def approve(ctx: ToolContext, review_id: str) -> Review:
    """Let exactly this text go to exactly these people. The policy is still asked about each of them."""
    await _may_decide(ctx, review_id)
    async with ctx.whole.store.begin() as work:
        review = await _open_one(ctx, work, review_id)
        tutorial = await work.nights.tutorial(review.tutorial_id)
        if tutorial is None or keys.text_hash(tutorial) != review.text_hash:
            raise CallerError(f"The text of review {review_id} has changed; run `handrail tutorials review`.")
        await work.reviews.decide(review_id, ReviewStatus.APPROVED, ctx.clock.now())
        await work.deliveries.approve(review.deliveries, review_id, ctx.clock.now())
    return review


async def reject(ctx: ToolContext, review_id: str, objection: Objection = Objection.NONE) -> Review:
    """Say no: nobody of this audience gets this text tonight."""
    await _may_decide(ctx, review_id)
    async with ctx.whole.store.begin() as work:
        review = await _open_one(ctx, work, review_id)
        await work.reviews.decide(review_id, ReviewStatus.REJECTED, ctx.clock.now(), objection)
        await work.deliveries.reject(review.deliveries, review_id)
    return review


async def promote(ctx: ToolContext, signature: str) -> Review:
    """Let the last approved text of a signature go without review from now on."""
    async with ctx.store.begin() as work:
        last = await work.reviews.last_approved(signature)
        times = await work.reviews.approvals(signature, last.text_hash) if last else 0
        if last is None or times < TIMES_APPROVED:
            raise CallerError(
                f"The text for {signature} was approved {times} times unchanged; "
                f"it may go without review after {TIMES_APPROVED}."
            )
        await work.reviews.promote(signature, last.text_hash, ctx.clock.now())
    return last


async def _may_decide(ctx: ToolContext, review_id: str) -> None:
    """Whom a text goes to stands in its id: what is found here still holds when it is decided."""
    if ctx.sees:
        await look(ctx, review_id)


async def _open_one(ctx: ToolContext, work: "Work", review_id: str) -> Review:
    review = await work.reviews.get(review_id)
    if review is None:
        raise CallerError(f"There is no review {review_id!r}: run `handrail tutorials review`.")
    if review.status is not ReviewStatus.WAITING:
        raise CallerError(f"Review {review_id} was decided before: {review.status}.")
    if review.expires_at <= ctx.clock.now():
        raise CallerError(f"Review {review_id} expired at {review.expires_at:%Y-%m-%d %H:%M} UTC.")
    return review


def _waits(delivery: Delivery) -> bool:
    """Whether a yes is all, or one of the things, that this mail waits for."""
    undecided = delivery.status in (Status.PLANNED, Status.WITHHELD) and delivery.reason in _UNDECIDED
    return undecided and not delivery.review_id


def _by_tutorial(deliveries: Sequence[Delivery]) -> dict[str, list[Delivery]]:
    groups: dict[str, list[Delivery]] = {}
    for each in deliveries:
        if each.tutorial_id:
            groups.setdefault(each.tutorial_id, []).append(each)
    return groups


def _pending(review: Review, tutorial: Tutorial, of_night: Sequence[Delivery]) -> Pending:
    invited = set(review.deliveries)
    audience = [each for each in of_night if each.id in invited]
    original = keys.original_id(review.tutorial_id)
    others = Counter(
        each.reason
        for each in of_night
        if keys.original_id(each.tutorial_id) == original
        and each.id not in invited
        and each.status is Status.WITHHELD
    )
    accounts = sorted({account for each in audience for account in each.account_ids})
    return Pending(
        review=review,
        tutorial=tutorial,
        people=len(audience),
        accounts=len(accounts),
        not_mailed=dict(sorted(others.items())),
        waits=dict(sorted(Counter(each.reason for each in audience).items())),
        stand=dict(sorted(Counter(each.status.value for each in audience).items())),
        account_ids=tuple(accounts),
    )


def _review(night: date, tutorial: Tutorial, waiting: Sequence[Delivery], now: datetime) -> Review:
    audience = tuple(sorted(each.id for each in waiting))
    text = keys.text_hash(tutorial)
    return Review(
        id=keys.review_id(night, text, audience),
        night=night,
        signature=tutorial.signature,
        feature=tutorial.feature,
        tutorial_id=tutorial.id,
        text_hash=text,
        deliveries=audience,
        status=ReviewStatus.WAITING,
        created_at=now,
        expires_at=now + KEPT,
    )
