"""A person's yes or no from the page of waiting tutorials."""

import pytest

from agent import night
from handrail.context import ToolContext
from handrail.domain.deliveries import Status
from handrail.engine import keys
from handrail.errors import CallerError
from handrail.flows import review
from handrail.flows.review import Pending
from handrail.settings import SendMode
from tests.conftest import OpenWith
from tools._reviews import ReviewPage
from tools.decide_review import decide_review
from tools.get_night_report import get_night_report


async def reviewed_night(ctx: ToolContext) -> list[Pending]:
    """What waits after a night in review mode."""
    await night.run(ctx)
    waiting = await review.pending(ctx)
    assert len(waiting) > 1
    return waiting


async def test_what_waits_comes_with_the_report_in_words_and_in_full_on_its_page(
    ctx: ToolContext, open_with: OpenWith
) -> None:
    async with open_with(send_mode=SendMode.REVIEW) as opened:
        waiting = await reviewed_night(opened)
        report = await get_night_report(opened)

    page = report.page
    assert isinstance(page, ReviewPage)
    assert [each.review for each in page.waiting] == [each.review.id for each in waiting]
    assert len(report.waiting) == len(waiting)
    assert report.waiting[0].startswith(f"{waiting[0].review.id}: {waiting[0].review.feature}, ")
    first = page.waiting[0]
    assert [step.text for step in first.steps] == [step.text for step in waiting[0].tutorial.steps]
    assert first.people == len(waiting[0].review.deliveries)
    assert first.proof not in report.model_dump_json(), "a model never gets the right to decide"


async def test_yes_and_no_are_carried_out_once(ctx: ToolContext, open_with: OpenWith) -> None:
    async with open_with(send_mode=SendMode.REVIEW) as opened:
        yes, no, *_ = [each.review for each in await reviewed_night(opened)]
        proofs = [keys.review_proof(opened.secret, each.id) for each in (yes, no)]
        told = await decide_review(opened, yes.id, "approve", proofs[0])
        refused = await decide_review(opened, no.id, "reject", proofs[1])
        with pytest.raises(CallerError, match="decided before"):
            await decide_review(opened, yes.id, "reject", proofs[0])
        async with opened.store.read() as work:
            mails = {each.id: each for each in await work.deliveries.of_night(yes.night)}

    assert told.summary.startswith(f"Approved for {len(yes.deliveries)} people")
    assert refused.summary.startswith("Rejected")
    assert {mails[each].review_id for each in yes.deliveries} == {yes.id}
    assert {mails[each].status for each in no.deliveries} == {Status.WITHHELD}


@pytest.mark.parametrize("proof", ["", "of another", "é"])
async def test_without_the_pages_own_proof_nothing_is_decided(
    proof: str, ctx: ToolContext, open_with: OpenWith
) -> None:
    async with open_with(send_mode=SendMode.REVIEW) as opened:
        first, second, *_ = [each.review for each in await reviewed_night(opened)]
        given = keys.review_proof(opened.secret, second.id) if proof == "of another" else proof
        with pytest.raises(CallerError, match="handrail tutorials approve"):
            await decide_review(opened, first.id, "approve", given)
        assert first.id in {each.review.id for each in await review.pending(opened)}
