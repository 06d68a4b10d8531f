"""Learning in nights: plain at first, then by what readers completed, and never what draws complaints."""

import json
from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pytest

from agent import night
from handrail.context import ToolContext
from handrail.domain.deliveries import Delivery, Status
from handrail.domain.feedback import FeedbackKind, MailEvent
from handrail.domain.learning import Choice
from handrail.domain.struggles import Signature, Struggle, Struggler
from handrail.domain.tutorials import DraftStep, Style, Tutorial
from handrail.engine.learning import FLOOR, LEAST, STYLES, VERSION
from handrail.errors import CallerError
from handrail.flows import learn, review
from handrail.flows.feedback import take
from handrail.flows.learn import choose_styles, what_worked
from handrail.settings import SendMode
from standin.state import Standin
from tests.conftest import OpenWith
from tools.draft_tutorial import draft_tutorial
from tools.get_tutorial_results import get_tutorial_results

AS_OF = date(2026, 11, 19)
FEATURE = "schedule-export"
STUCK = Signature(feature=FEATURE, stuck_step="recipients", reason="", band="never")
LONG_AGO = timedelta(days=30)


def told(style: Style, signature: Signature = STUCK) -> Tutorial:
    step = DraftStep(step="recipients", text=f"Told as {style}.", quote="Add recipients")
    return Tutorial(
        id=f"{signature.key}/{style}", signature=signature.key, feature=signature.feature,
        stuck_step=signature.stuck_step, style=style, subject="Quick help", intro="You were close.",
        steps=(step,), source="model",
    )  # fmt: skip


async def followed(
    ctx: ToolContext,
    style: Style,
    people: int,
    completed: int,
    *,
    signature: Signature = STUCK,
    settled: bool = True,
) -> list[str]:
    """Mails of a month ago to people who are nobody in this world, followed to the end; answers their ids."""
    text = told(style, signature)
    left = ctx.clock.now() - LONG_AGO
    made = [
        Delivery(
            id=f"{text.id}/{number}", night=AS_OF - LONG_AGO, user_key=f"of {text.id} {number}",
            feature=signature.feature, account_ids=(), actor="nightly", tutorial_id=text.id,
            signature=signature.key, status=Status.SENDING, reason="", detail="", decided_at=left,
        )
        for number in range(people)
    ]  # fmt: skip
    async with ctx.store.begin() as work:
        await work.nights.keep_tutorial(text, left)
        for each in made:
            await work.deliveries.keep(each)
            await work.deliveries.settle(each.id, Status.SENT, "")
        await work.outcomes.begin()
        mine = {each.id for each in made}
        open_ones = [each for each in await work.outcomes.open() if each.delivery_id in mine]
        done = [
            {"settled": settled, "completed_at": left + timedelta(days=1) if at < completed else None}
            for at in range(people)
        ]
        await work.outcomes.keep(
            [each.model_copy(update=how) for each, how in zip(open_ones, done, strict=True)]
        )
    return [each.id for each in made]


def struggling(people: int, signature: Signature = STUCK) -> list[Struggler]:
    return [Struggler(f"user-{number}", signature.feature, signature) for number in range(people)]


async def chosen(ctx: ToolContext, people: int = 300) -> Counter[Style]:
    return Counter((await choose_styles(ctx, AS_OF, struggling(people))).styles.values())


async def kept(ctx: ToolContext) -> dict[str, Choice]:
    async with ctx.store.read() as work:
        return await work.learning.chosen(AS_OF)


async def complain(ctx: ToolContext, ids: Sequence[str]) -> None:
    for each in ids:
        event = MailEvent(
            delivery_id=each,
            kind=FeedbackKind.COMPLAINED,
            at=ctx.clock.now(),
            key=f"said {each}",
            event_id="",
        )
        assert await take(ctx, [event]) == 1


async def test_the_first_night_tells_everybody_plainly_and_logs_that_it_was_certain(ctx: ToolContext) -> None:
    report = await night.run(ctx)

    made = await kept(ctx)
    async with ctx.store.read() as work:
        decided = await work.deliveries.of_night(AS_OF)
    assert made.keys() == {each.id for each in decided}
    assert {(each.style, each.probability, each.version) for each in made.values()} == {
        ("plain", 1.0, VERSION)
    }
    assert (report.sent, report.tutorials) == (26, len({each.signature for each in decided}))


async def test_what_readers_completed_decides_what_the_next_get(ctx: ToolContext) -> None:
    await followed(ctx, "plain", 100, 10)
    await followed(ctx, "checklist", 100, 50)
    await followed(ctx, "story", 100, 10)

    styles = await chosen(ctx)

    assert styles["checklist"] > 200
    assert min(styles.values()) > 300 * FLOOR / 2
    made = await kept(ctx)
    sure = {each.style: each.probability for each in made.values()}
    assert sum(sure.values()) == pytest.approx(1)
    assert sure["checklist"] > 0.75


async def test_opens_clicks_and_open_windows_teach_nothing(ctx: ToolContext) -> None:
    for style in STYLES:
        ids = await followed(ctx, style, 30, 6)
        if style == "story":
            for each in ids:
                for kind in (FeedbackKind.OPENED, FeedbackKind.CLICKED):
                    event = MailEvent(
                        delivery_id=each, kind=kind, at=ctx.clock.now(), key=f"{kind}/{each}", event_id=""
                    )
                    await take(ctx, [event])

    other = Signature(**{**STUCK.model_dump(), "stuck_step": "format"})
    await followed(ctx, "story", 60, 60, signature=other, settled=False)

    await chosen(ctx)

    made = {each.style: each.probability for each in (await kept(ctx)).values()}
    assert len(made) == 3
    assert all(each == pytest.approx(1 / 3) for each in made.values())


async def test_a_restart_chooses_the_same_whatever_was_settled_in_between(ctx: ToolContext) -> None:
    for style in STYLES:
        await followed(ctx, style, LEAST, 6)
    first = (await choose_styles(ctx, AS_OF, struggling(200))).styles
    once_more = Signature(**{**STUCK.model_dump(), "stuck_step": "format"})
    await followed(ctx, "story", 200, 190, signature=once_more)

    again = (await choose_styles(ctx, AS_OF, struggling(200))).styles
    rehearsed = (await choose_styles(ctx, AS_OF + timedelta(days=1), struggling(200), keep=False)).styles

    assert again == first
    assert len(set(first.values())) == 3
    assert Counter(rehearsed.values())["story"] > Counter(first.values())["story"] + 30
    async with ctx.store.read() as work:
        assert await work.learning.chosen(AS_OF + timedelta(days=1)) == {}, "a rehearsal keeps no choice"


async def test_without_a_model_there_is_one_style(ctx: ToolContext, open_with: OpenWith) -> None:
    for style in STYLES:
        await followed(ctx, style, 100, 20)
    async with open_with(anthropic_api_key=None) as mute:
        assert await chosen(mute) == {"plain": 300}


async def test_a_style_that_draws_complaints_is_not_chosen_until_it_is_lifted(ctx: ToolContext) -> None:
    ids = {style: await followed(ctx, style, 100, 20) for style in STYLES}
    await complain(ctx, ids["story"][:1])
    assert (await chosen(ctx))["story"] > 50, "one person alone freezes nothing"
    await complain(ctx, ids["story"][1:2])

    frozen = await choose_styles(ctx, AS_OF, struggling(300))
    [note] = frozen.notes
    [results] = (await get_tutorial_results(ctx, feature=FEATURE)).features
    later = await choose_styles(ctx, AS_OF + timedelta(days=1), struggling(300))
    await learn.lift(ctx, FEATURE, "story")
    lifted = await choose_styles(ctx, AS_OF + timedelta(days=2), struggling(300))

    assert set(frozen.styles.values()) == set(later.styles.values()) == {"plain", "checklist"}
    assert len(await kept(ctx)) == 300, "a choice takes the place of the one that is frozen"
    assert "2 of 100 mails" in note
    assert f"handrail tutorials lift {FEATURE} story" in note
    assert [(each.style, each.people, each.completed, each.frozen) for each in results.styles] == [
        ("checklist", 100, 20, False),
        ("plain", 100, 20, False),
        ("story", 100, 20, True),
    ]
    assert later.notes == lifted.notes == ()
    assert "story" in lifted.styles.values(), "what was said before the lift counts no more"
    with pytest.raises(CallerError, match="not frozen"):
        await learn.lift(ctx, FEATURE, "story")
    with pytest.raises(CallerError, match="There is no style 'rhyme'"):
        await learn.lift(ctx, FEATURE, "rhyme")


async def test_the_log_keeps_the_style_of_a_mail_that_left_before_its_style_was_frozen(
    ctx: ToolContext,
) -> None:
    ids = {style: await followed(ctx, style, 60, 12) for style in STYLES}
    before = (await choose_styles(ctx, AS_OF, struggling(60))).styles
    told_as_story = next(each for each, style in before.items() if style == "story")
    async with ctx.store.begin() as work:
        some = await work.deliveries.get(ids["story"][0])
        assert some is not None
        left = {"id": told_as_story, "night": AS_OF, "user_key": "user", "status": Status.SENDING}
        await work.deliveries.keep(some.model_copy(update=left))
    await complain(ctx, ids["story"][:2])

    after = (await choose_styles(ctx, AS_OF, struggling(60))).styles

    assert [each for each, style in after.items() if style == "story"] == [told_as_story]
    assert (await kept(ctx))[told_as_story].style == "story"


async def test_what_waits_in_a_style_that_is_frozen_meanwhile_does_not_leave(ctx: ToolContext) -> None:
    ids = {style: await followed(ctx, style, 60, 12) for style in STYLES}
    waiting: dict[str, Any] = {"status": Status.PLANNED, "reason": "quiet_hours", "due_at": ctx.clock.now()}
    for_a_yes: dict[str, Any] = {"status": Status.WITHHELD, "reason": "needs_approval"}
    async with ctx.store.begin() as work:
        for style in ("plain", "story"):
            some = await work.deliveries.get(ids[style][0])
            assert some is not None
            for name, how in {"hours": waiting, "yes": for_a_yes, "rejected": for_a_yes}.items():
                one = {"id": f"{style} {name}", "user_key": f"{style} {name}"}
                detail = "rejected" if name == "rejected" else ""
                await work.deliveries.keep(some.model_copy(update={**one, **how, "detail": detail}))
    await complain(ctx, ids["story"][:2])

    await choose_styles(ctx, AS_OF, struggling(3))

    async with ctx.store.read() as work:
        kept = {each.id: each for each in await work.deliveries.of_night(AS_OF - LONG_AGO)}
    assert {name: (kept[name].status.value, kept[name].reason) for name in kept if " " in name} == {
        "plain hours": ("planned", "quiet_hours"),
        "plain yes": ("withheld", "needs_approval"),
        "plain rejected": ("withheld", "needs_approval"),
        "story hours": ("withheld", "braked"),
        "story yes": ("withheld", "braked"),
        "story rejected": ("withheld", "needs_approval"),
    }
    assert kept[ids["story"][5]].status is Status.SENT


async def test_choices_of_half_a_year_ago_are_forgotten(ctx: ToolContext) -> None:
    for style in STYLES:
        await followed(ctx, style, LEAST, 6)
    nights = [AS_OF - timedelta(days=200), AS_OF - timedelta(days=179), AS_OF]
    for each in nights:
        await choose_styles(ctx, each, struggling(2))

    async with ctx.store.read() as work:
        assert [len(await work.learning.chosen(each)) for each in nights] == [0, 2, 2]


async def test_a_feature_whose_every_style_draws_complaints_is_paused(ctx: ToolContext) -> None:
    for style in STYLES:
        await complain(ctx, (await followed(ctx, style, 40, 5))[:2])

    done = await choose_styles(ctx, AS_OF, struggling(5))

    async with ctx.store.read() as work:
        assert await work.deliveries.pauses() == [f"feature:{FEATURE}"]
    assert "is paused" in done.notes[-1]


async def test_the_example_is_the_text_that_did_best_with_the_same_struggle(ctx: ToolContext) -> None:
    other = Signature(**{**STUCK.model_dump(), "stuck_step": "format"})
    assert await what_worked(ctx, STUCK) is None
    await followed(ctx, "story", 100, 90, signature=other)
    elsewhere = await what_worked(ctx, STUCK)
    await followed(ctx, "plain", 100, 30)
    await followed(ctx, "checklist", 19, 19)
    own = await what_worked(ctx, STUCK)

    assert elsewhere is not None
    assert elsewhere.tutorial.id == told("story", other).id
    assert own is not None
    assert (own.tutorial.style, own.tried.people, own.tried.completed) == ("plain", 100, 30)


async def test_in_review_each_style_is_a_line_of_its_own(
    ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    for feature in ctx.kb.features():
        for style in STYLES:
            stuck = Signature(**{**STUCK.model_dump(), "feature": feature.slug})
            await followed(ctx, style, 60, 12, signature=stuck)
    async with open_with(send_mode=SendMode.REVIEW) as opened:
        report = await night.run(opened)
        lines = await review.pending(opened)

    signatures = Counter(each.review.signature for each in lines)
    assert standins.mails == []
    assert report.tutorials > len({one.signature for one in (await kept_struggles(ctx))})
    assert max(signatures.values()) in (2, 3), "people of one struggle get different styles"
    assert len({each.tutorial.id for each in lines}) == len(lines)
    assert len({each.tutorial.style for each in lines}) == 3
    assert all("needs_approval" not in each.not_mailed for each in lines), "those are on another line"


async def kept_struggles(ctx: ToolContext) -> list[Struggle]:
    async with ctx.store.read() as work:
        return await work.nights.struggles(AS_OF)


async def test_the_text_that_helped_is_shown_to_the_model_for_the_next_one(
    ctx: ToolContext, standins: Standin
) -> None:
    def asked() -> dict[str, Any]:
        task: dict[str, Any] = json.loads(standins.prompts[-1]["body"]["messages"][0]["content"][0]["text"])
        return task

    await draft_tutorial(ctx, feature=FEATURE, stuck_step="destination")
    assert "helped_before" not in asked()
    await followed(ctx, "checklist", people=30, completed=20)

    await draft_tutorial(ctx, feature=FEATURE, stuck_step="destination", style="story")

    assert asked()["helped_before"] == {
        "style": "checklist",
        "intro": "You were close.",
        "steps": [{"step": "recipients", "text": "Told as checklist."}],
    }
