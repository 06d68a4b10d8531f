"""Reviewing a night: what waits for a person's yes, and what a yes sets going."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from handrail.context import ToolContext
from handrail.domain.deliveries import Delivery, Reason, Status
from handrail.domain.reviews import Review, ReviewStatus
from handrail.domain.tutorials import Tutorial
from handrail.engine import keys
from handrail.errors import CallerError

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
    """The review list."""
    found = []
    async with ctx.store.read() as work:
        for review in await work.reviews.waiting(ctx.clock.now()):
            tutorial = await work.nights.tutorial(review.tutorial_id)
            if tutorial is not None:
                of_night = await work.deliveries.of_night(review.night)
                found.append(_pending(review, tutorial, of_night))
    return found


async def approve(ctx: ToolContext, review_id: str) -> Review:
    """Let exactly this text go to exactly these people. The policy is still asked about each of them."""
    async with ctx.store.begin() as work:
        review = await _open_one(ctx, work, review_id)
        tutorial = await work.nights.tutorial(review.tutorial_id)
        if tutorial is None or keys.text_hash(tutorial) != review.text_hash:
            raise CallerError(f"The text of review {review_id} has changed; run `handrail tutorials review`.")
        await work.reviews.decide(review_id, ReviewStatus.APPROVED, ctx.clock.now())
        await work.deliveries.approve(review.deliveries, review_id, ctx.clock.now())
    return review


async def reject(ctx: ToolContext, review_id: str) -> Review:
    """Say no: nobody of this audience gets this text tonight."""
    async with ctx.store.begin() as work:
        review = await _open_one(ctx, work, review_id)
        await work.reviews.decide(review_id, ReviewStatus.REJECTED, ctx.clock.now())
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
    audience = [each for each in of_night if each.id in review.deliveries]
    others = Counter(
        each.reason
        for each in of_night
        if each.tutorial_id == review.tutorial_id
        and each.id not in review.deliveries
        and each.status is Status.WITHHELD
    )
    return Pending(
        review=review,
        tutorial=tutorial,
        people=len(audience),
        accounts=len({account for each in audience for account in each.account_ids}),
        not_mailed=dict(sorted(others.items())),
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
