"""Reviews in the store: what waits for a person's yes, and what got it."""

import json
from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import func
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from handrail.domain.reviews import Objection, Review, ReviewStatus
from handrail.store.mail_tables import Promotion, ReviewRow


class Reviews:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def open(self, night: date, reviews: Sequence[Review]) -> None:
        """Put the night's reviews on the list; those that nobody decided on and that changed are void."""
        ids = {each.id for each in reviews}
        undecided = await self._session.exec(
            select(ReviewRow).where(ReviewRow.status == ReviewStatus.WAITING.value)
        )
        for row in undecided.all():
            if row.night <= night and row.id not in ids:
                row.status = ReviewStatus.VOID.value
                self._session.add(row)
        for each in reviews:
            known = await self._session.get(ReviewRow, each.id)
            if known is None:
                self._session.add(_row(each))
            elif known.status == ReviewStatus.VOID.value:
                known.status, known.expires_at = ReviewStatus.WAITING.value, each.expires_at
                self._session.add(known)

    async def waiting(self, now: datetime) -> list[Review]:
        """What a person may still decide on, the most people first."""
        rows = await self._session.exec(
            select(ReviewRow).where(
                ReviewRow.status == ReviewStatus.WAITING.value, col(ReviewRow.expires_at) > now
            )
        )
        found = [_review(row) for row in rows.all()]
        return sorted(found, key=lambda each: (-len(each.deliveries), each.id))

    async def get(self, review_id: str) -> Review | None:
        row = await self._session.get(ReviewRow, review_id)
        return _review(row) if row else None

    async def decided(self, since: datetime) -> list[Review]:
        """What persons decided since then, the last first."""
        rows = await self._session.exec(
            select(ReviewRow)
            .where(
                col(ReviewRow.status).in_([ReviewStatus.APPROVED.value, ReviewStatus.REJECTED.value]),
                col(ReviewRow.decided_at) >= since,
            )
            .order_by(col(ReviewRow.decided_at).desc(), ReviewRow.id)
        )
        return [_review(row) for row in rows.all()]

    async def decide(
        self, review_id: str, status: ReviewStatus, now: datetime, objection: Objection = Objection.NONE
    ) -> None:
        row = (await self._session.exec(select(ReviewRow).where(ReviewRow.id == review_id))).one()
        row.status, row.decided_at, row.objection = status.value, now, objection.value
        self._session.add(row)

    async def replace(self, old: str, new: Review) -> None:
        """Another text takes a waiting one's place on the list. One that was void waits again."""
        row = (await self._session.exec(select(ReviewRow).where(ReviewRow.id == old))).one()
        row.status = ReviewStatus.VOID.value
        self._session.add(row)
        await self._session.merge(_row(new))

    async def approvals(self, signature: str, text_hash: str) -> int:
        """How often exactly this text was approved for this signature."""
        return int(
            (
                await self._session.exec(
                    select(func.count())
                    .select_from(ReviewRow)
                    .where(
                        ReviewRow.signature == signature,
                        ReviewRow.text_hash == text_hash,
                        ReviewRow.status == ReviewStatus.APPROVED.value,
                    )
                )
            ).one()
        )

    async def last_approved(self, signature: str) -> Review | None:
        rows = await self._session.exec(
            select(ReviewRow)
            .where(ReviewRow.signature == signature, ReviewRow.status == ReviewStatus.APPROVED.value)
            .order_by(col(ReviewRow.decided_at).desc())
            .limit(1)
        )
        row = rows.first()
        return _review(row) if row else None

    async def promote(self, signature: str, text_hash: str, now: datetime) -> None:
        """From now on this text needs no review; another text of the signature takes its place."""
        await self._session.merge(Promotion(signature=signature, text_hash=text_hash, at=now))

    async def may_go(self, review_id: str, signature: str, text_hash: str) -> bool:
        """Whether a person has said yes to exactly this text: for this mail, or for good."""
        promoted = await self._session.get(Promotion, signature)
        if promoted is not None and promoted.text_hash == text_hash:
            return True
        review = await self.get(review_id) if review_id else None
        return review is not None and review.status is ReviewStatus.APPROVED and review.text_hash == text_hash


def _row(review: Review) -> ReviewRow:
    values = review.model_dump(exclude={"deliveries", "status", "objection"})
    return ReviewRow(
        **values,
        deliveries=json.dumps(review.deliveries),
        status=review.status.value,
        objection=review.objection.value,
    )


def _review(row: ReviewRow) -> Review:
    return Review.model_validate({**row.model_dump(), "deliveries": tuple(json.loads(row.deliveries))})
