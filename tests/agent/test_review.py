"""Review mode: one list a night, a yes to exactly one text for exactly these people, used once."""

from datetime import date, timedelta

import pytest

from agent import night, schedule
from handrail.context import ToolContext
from handrail.domain.deliveries import Delivery, Status
from handrail.domain.reviews import ReviewStatus
from handrail.errors import CallerError
from handrail.flows import review
from handrail.flows.review import Pending
from handrail.settings import SendMode
from standin.state import Standin
from tests.agent.test_send_hours import MONDAY, NIGHT, open_at
from tests.conftest import OpenWith

AS_OF = date(2026, 11, 19)
REVIEW = {"send_mode": SendMode.REVIEW}


async def decisions(ctx: ToolContext) -> list[Delivery]:
    async with ctx.store.read() as work:
        return await work.deliveries.of_night(AS_OF)


async def reviewed_night(ctx: ToolContext) -> list[Pending]:
    report = await night.run(ctx, night=AS_OF)
    found = await review.pending(ctx)
    assert report.reviews == len(found) > 1
    return found


async def test_a_night_in_review_sends_nothing_and_leaves_one_list(
    ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    async with open_with(**REVIEW) as opened:
        found = await reviewed_night(opened)
        made = await decisions(opened)

    assert standins.mails == []
    waiting = [each for each in made if each.reason == "needs_approval"]
    assert sum(each.people for each in found) == len(waiting) > 20
    assert len({each.review.tutorial_id for each in found}) == len(found), "one line a text"
    assert all(step.quote for each in found for step in each.tutorial.steps), "with what it rests on"


async def test_a_yes_sends_that_text_to_those_people_once(
    ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    async with open_with(**REVIEW) as opened:
        first, *others = await reviewed_night(opened)
        await review.approve(opened, first.review.id)
        done = await schedule.mails_due(opened)
        again = await schedule.mails_due(opened)
        made = {each.id: each for each in await decisions(opened)}
        with pytest.raises(CallerError, match="was decided before: approved"):
            await review.approve(opened, first.review.id)

    audience = [made[each] for each in first.review.deliveries]
    sent = [each for each in made.values() if each.status is Status.SENT]
    assert done.sent == len(standins.mails) == len(sent) > 0
    assert again.asked == 0
    assert {each.id for each in sent} <= {each.id for each in audience}
    assert {mail["subject"] for mail in standins.mails} == {first.tutorial.subject}
    assert all(made[each].status is Status.WITHHELD for other in others for each in other.review.deliveries)


async def test_the_rules_are_asked_again_after_the_yes(
    ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    async with open_with(**REVIEW) as opened:
        first, *_ = await reviewed_night(opened)
        async with opened.store.begin() as work:
            for each in await work.deliveries.of_night(AS_OF):
                await work.deliveries.opt_out(each.user_key, "unsubscribed", opened.clock.now())
        await review.approve(opened, first.review.id)
        done = await schedule.mails_due(opened)

    assert (done.asked, done.sent) == (first.people, 0)
    assert standins.mails == []


async def test_a_no_is_final_for_the_night(ctx: ToolContext, open_with: OpenWith, standins: Standin) -> None:
    async with open_with(**REVIEW) as opened:
        first, *others = await reviewed_night(opened)
        await review.reject(opened, first.review.id)
        with pytest.raises(CallerError, match="was decided before: rejected"):
            await review.approve(opened, first.review.id)
        await night.run(opened, night=AS_OF)
        left = await review.pending(opened)

    assert {each.review.id for each in left} == {each.review.id for each in others}
    assert standins.mails == []


async def test_a_yes_comes_too_late_after_three_days(
    ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    async with await open_at(open_with, standins, NIGHT, **REVIEW) as opened:
        first, *_ = await reviewed_night(opened)
    async with await open_at(open_with, standins, NIGHT + timedelta(hours=73), **REVIEW) as later:
        assert await review.pending(later) == []
        with pytest.raises(CallerError, match="expired"):
            await review.approve(later, first.review.id)


async def test_another_audience_is_another_review_and_the_old_one_is_void(
    ctx: ToolContext, open_with: OpenWith
) -> None:
    async with open_with(**REVIEW) as opened:
        before = await reviewed_night(opened)
        largest = before[0]
        async with opened.store.begin() as work:
            someone = next(
                each for each in await work.deliveries.of_night(AS_OF) if each.id in largest.review.deliveries
            )
            await work.deliveries.opt_out(someone.user_key, "unsubscribed", opened.clock.now())
        after = await reviewed_night(opened)
        with pytest.raises(CallerError, match="was decided before: void"):
            await review.approve(opened, largest.review.id)

    same = next(each for each in after if each.review.tutorial_id == largest.review.tutorial_id)
    assert same.people == largest.people - 1
    assert same.review.id != largest.review.id
    assert same.not_mailed["unsubscribed"] >= 1


async def test_outside_working_hours_the_list_is_there_and_a_yes_waits_for_the_hours(
    ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    async with await open_at(open_with, standins, NIGHT, **REVIEW) as opened:
        found = await reviewed_night(opened)
        for each in found:
            await review.approve(opened, each.review.id)
        await schedule.mails_due(opened)
        assert standins.mails == [], "it is Friday evening"
    async with await open_at(open_with, standins, MONDAY, **REVIEW) as later:
        done = await schedule.mails_due(later)

    assert done.sent == len(standins.mails) > 0


async def test_without_a_yes_the_hours_alone_send_nothing(
    ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    async with await open_at(open_with, standins, NIGHT, **REVIEW) as opened:
        await reviewed_night(opened)
    async with await open_at(open_with, standins, MONDAY, **REVIEW) as later:
        done = await schedule.mails_due(later)

    assert done.asked > 0
    assert (done.sent, standins.mails) == (0, [])


async def test_a_text_may_go_for_good_after_three_yeses_to_the_same_words(
    ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    async with open_with(**REVIEW) as opened:
        first, *_ = await reviewed_night(opened)
        signature = first.review.signature
        await review.approve(opened, first.review.id)
        with pytest.raises(CallerError, match="approved 1 times unchanged"):
            await review.promote(opened, signature)
        async with opened.store.begin() as work:
            for number in (2, 3):
                once_more = first.review.model_copy(
                    update={"id": f"night-{number}", "night": AS_OF - timedelta(number)}
                )
                await work.reviews.open(once_more.night, [once_more])
                await work.reviews.decide(once_more.id, ReviewStatus.APPROVED, opened.clock.now())
        await review.promote(opened, signature)
        async with opened.store.read() as work:
            text = first.review.text_hash
            assert await work.reviews.may_go("", signature, text)
            assert not await work.reviews.may_go("", signature, "another text")


async def test_an_unknown_review_is_told_with_the_next_step(ctx: ToolContext) -> None:
    with pytest.raises(CallerError, match="no review 'nothing': run `handrail tutorials review`"):
        await review.approve(ctx, "nothing")


async def test_edited_words_are_told_by_a_later_run_and_stay_the_same_tutorial_to_a_person(
    ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    async with open_with(**REVIEW) as opened:
        first, *_ = await reviewed_night(opened)
        text = first.tutorial
        words = review.Words(
            subject="In our own words", intro=text.intro, steps=tuple(step.text for step in text.steps)
        )
        unchanged = await review.edit(
            opened, first.review.id, words.model_copy(update={"subject": text.subject})
        )
        done = await review.edit(opened, first.review.id, words)
        assert done.review is not None
        await night.run(opened, night=AS_OF)
        listed = {each.review.id for each in await review.pending(opened)}
        await review.approve(opened, done.review.id)
        await schedule.mails_due(opened)
        mailed = next(each for each in await decisions(opened) if each.status is Status.SENT)
        later = mailed.model_copy(
            update={"id": "later", "night": AS_OF + timedelta(days=60), "tutorial_id": text.id}
        )
        async with opened.store.read() as work:
            known = await work.histories.of(
                [later],
                now=opened.clock.now() + timedelta(days=60),
                cooldown=timedelta(days=14),
                feature_cooldown=timedelta(days=30),
            )

    assert (unchanged.review, unchanged.wrong) == (None, ("nothing was changed",))
    assert done.review.id in listed
    assert first.review.id not in listed
    assert {mail["subject"] for mail in standins.mails} == {"In our own words"}
    assert mailed.tutorial_id == done.review.tutorial_id != text.id
    assert known["later"].already_sent
