"""The review list as a page shows it: each text in full, what it rests on, and the right to decide it."""

from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel

from handrail.context import ToolContext
from handrail.domain.tutorials import told
from handrail.engine import keys
from handrail.flows.deliver import reason_words
from handrail.flows.review import Pending

MOST = 50
"""Texts on one page; the others come up when these are decided."""


class WaitingStep(BaseModel):
    title: str
    text: str
    quote: str
    stuck: bool


class WaitingText(BaseModel):
    review: str
    proof: str
    feature: str
    subject: str
    intro: str
    steps: list[WaitingStep]
    whose_words: str
    people: int
    accounts: int
    until: datetime
    not_mailed: list[str]


class ReviewPage(BaseModel):
    title: str = "Tutorials that wait for a yes"
    about: str
    waiting: list[WaitingText]


def line(pending: Pending) -> str:
    """One review in one sentence."""
    review = pending.review
    return (
        f"{review.id}: {review.feature}, {pending.people} people of {pending.accounts} accounts, "
        f"decide until {review.expires_at:%Y-%m-%d %H:%M} UTC"
    )


def page(ctx: ToolContext, waiting: Sequence[Pending]) -> ReviewPage:
    shown = waiting[:MOST]
    cut = f"showing {len(shown)} of {len(waiting)}" if len(shown) < len(waiting) else f"{len(waiting)} texts"
    return ReviewPage(about=f"{cut}, {_people(waiting)} people", waiting=[_text(ctx, each) for each in shown])


def _people(waiting: Sequence[Pending]) -> int:
    return sum(each.people for each in waiting)


def _text(ctx: ToolContext, pending: Pending) -> WaitingText:
    tutorial, review = pending.tutorial, pending.review
    feature = next((each for each in ctx.kb.features() if each.slug == tutorial.feature), None)
    steps = zip(told(tutorial, feature), tutorial.steps, strict=True)
    return WaitingText(
        review=review.id,
        proof=keys.review_proof(ctx.secret, review.id),
        feature=feature.title if feature else tutorial.feature,
        subject=tutorial.subject,
        intro=tutorial.intro,
        steps=[
            WaitingStep(title=each.title, text=each.text, quote=step.quote, stuck=each.stuck)
            for each, step in steps
        ],
        whose_words="The model's words, checked"
        if tutorial.source == "model"
        else "The document's own words",
        people=pending.people,
        accounts=pending.accounts,
        until=review.expires_at,
        not_mailed=[f"{people} ({reason_words(reason)})" for reason, people in pending.not_mailed.items()],
    )
