"""A person's yes or no to one waiting tutorial, from the page that shows it."""

import hmac
from typing import Annotated, Literal

from pydantic import Field

from handrail.context import ToolContext
from handrail.engine import keys
from handrail.errors import CallerError
from handrail.flows import review as reviews
from tools._answers import Answer
from tools._tool import View, tool


class DecidedReview(Answer):
    review: str
    decision: str


@tool(title="Decide a review", effect="write", view=View("review", only=True), reach="accounts")
async def decide_review(
    ctx: ToolContext,
    review: Annotated[str, Field(description="Its id.", max_length=64)],
    decision: Annotated[Literal["approve", "reject"], Field(description="The person's word.")],
    proof: Annotated[str, Field(description="From the page.", max_length=64)],
) -> DecidedReview:
    """Carry out what a person decided on the page of waiting tutorials. No model calls it.

    Use it from that page; the page comes with get_night_report.
    """
    if not hmac.compare_digest(proof.encode(), keys.review_proof(ctx.secret, review).encode()):
        raise CallerError("A review is decided on its page, or with `handrail tutorials approve`.")
    decided = await (reviews.approve if decision == "approve" else reviews.reject)(ctx, review)
    people = len(decided.deliveries)
    summary = (
        f"Approved for {people} people: the mails leave within ten minutes, in each person's working hours."
        if decision == "approve"
        else f"Rejected: none of {people} people gets it."
    )
    return DecidedReview(summary=summary, as_of=ctx.clock.now(), review=review, decision=decision)
