"""What became of tutorials, over rows whose figures are added up by hand."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from handrail.context import ToolContext
from handrail.domain.deliveries import Delivery, Reason, Status
from handrail.domain.feedback import FeedbackKind, MailEvent
from handrail.engine.keys import click_key
from handrail.errors import CallerError
from handrail.flows.outcomes import follow_outcomes
from tools.get_tutorial_results import get_tutorial_results

FEATURE = "schedule-export"
NIGHT = date(2026, 10, 26)
AT = datetime(2026, 10, 28, 2, tzinfo=UTC)
NEVER = "schedule-export/pick-time/no-error/never"


async def kept(
    ctx: ToolContext, name: str, status: Status, reason: str = "", count: int = 1, **changes: Any
) -> list[str]:
    """Decisions about people who are nobody in this world; answers their ids."""
    values = {
        "night": NIGHT,
        "feature": FEATURE,
        "account_ids": (),
        "actor": "nightly",
        "tutorial_id": "text",
        "signature": NEVER,
        "detail": "",
        "decided_at": AT,
        **changes,
    }
    ids = [f"{name}-{number}" for number in range(count)]
    async with ctx.store.begin() as work:
        for each in ids:
            await work.deliveries.keep(
                Delivery.model_validate(
                    {**values, "id": each, "user_key": f"of {each}", "status": status, "reason": reason}
                )
            )
    return ids


async def told(ctx: ToolContext, delivery_id: str, kind: FeedbackKind, **changes: Any) -> None:
    values = {
        "delivery_id": delivery_id,
        "kind": kind,
        "at": AT,
        "key": f"{delivery_id} {kind}",
        "event_id": "",
        **changes,
    }
    async with ctx.store.begin() as work:
        assert await work.feedback.keep([MailEvent.model_validate(values)])


async def completed(ctx: ToolContext, ids: list[str]) -> None:
    """As if a look had found these: nobody of this world can succeed for people who are nobody."""
    async with ctx.store.begin() as work:
        await work.outcomes.begin()
        open_ones = [each for each in await work.outcomes.open() if each.delivery_id in ids]
        await work.outcomes.keep(
            [
                each.model_copy(update={"completed_at": AT + timedelta(days=1), "settled": True})
                for each in open_ones
            ]
        )


async def test_decisions_and_what_was_told_of_the_mails_are_added_up(ctx: ToolContext) -> None:
    mails = await kept(ctx, "sent", Status.SENT, count=6)
    await kept(ctx, "unclear", Status.UNKNOWN)
    await kept(ctx, "waits", Status.PLANNED, "quiet_hours", count=2)
    await kept(ctx, "capped", Status.WITHHELD, "account_cap", count=3)
    await kept(ctx, "paused", Status.WITHHELD, "paused")
    await kept(ctx, "refused", Status.FAILED)
    for one in mails[:4]:
        await told(ctx, one, FeedbackKind.DELIVERED)
    await told(ctx, mails[3], FeedbackKind.BOUNCED)
    await told(ctx, mails[4], FeedbackKind.DROPPED)
    await told(ctx, mails[0], FeedbackKind.CLICKED, key=click_key(mails[0], by_machine=False))
    await told(ctx, mails[0], FeedbackKind.CLICKED, key=click_key(mails[0], by_machine=True), by_machine=True)
    await told(ctx, mails[1], FeedbackKind.CLICKED, key=click_key(mails[1], by_machine=True), by_machine=True)
    await told(ctx, mails[2], FeedbackKind.CLICKED, key="the mail service's own count of clicks")
    await told(ctx, mails[2], FeedbackKind.OPENED)

    answer = await get_tutorial_results(ctx, feature=FEATURE)

    [found] = answer.features
    assert (found.sent, found.unknown, found.planned, found.failed) == (6, 1, 2, 1)
    assert list(found.withheld.items()) == [("paused", 1), ("account_cap", 3)]
    assert (found.delivered, found.bounced, found.clicked) == (3, 2, 1)
    assert "6 sent, 4 withheld, 1 clicked; nobody's 7 days" in answer.summary


@pytest.mark.parametrize(("reasons", "listed"), [(50, 50), (51, 50)])
async def test_a_list_of_kinds_of_struggle_that_is_cut_says_so(
    reasons: int, listed: int, ctx: ToolContext
) -> None:
    for number in range(reasons):
        await kept(ctx, f"n{number}", Status.SENT, signature=f"{FEATURE}/pick-time/r{number}/never")
    await follow_outcomes(ctx)

    answer = await get_tutorial_results(ctx, feature=FEATURE)

    cut = "There are 51 kinds of struggle, and 50 of them are listed."
    assert len(answer.signatures) == listed
    assert (cut in answer.caveats) == (reasons > listed)


async def test_readers_are_counted_by_what_they_said_on_the_page(ctx: ToolContext) -> None:
    mails = await kept(ctx, "sent", Status.SENT, count=6)
    [older] = await kept(ctx, "older", Status.SENT, night=NIGHT - timedelta(days=1))
    [other] = await kept(ctx, "other", Status.SENT, feature="set-up-alerts")
    async with ctx.store.begin() as work:
        for one in (*mails[:3], older):
            await work.feedback.answer(one, helpful=True, at=AT)
        await work.feedback.answer(mails[2], helpful=False, at=AT)
        await work.feedback.answer(mails[3], helpful=False, at=AT)
        for one in (mails[3], mails[4], mails[4], older):
            await work.feedback.needs_help(one, AT)
        await work.feedback.read_for(mails[5], 30, AT)
        await work.feedback.read_for(other, 30, AT)

    answer = await get_tutorial_results(ctx, from_date=str(NIGHT), to_date=str(NIGHT))

    said = {each.feature: each.answers.model_dump() for each in answer.features}
    assert said == {
        FEATURE: {"yes": 2, "no": 2, "needs_help": 2},
        "set-up-alerts": {"yes": 0, "no": 0, "needs_help": 0},
    }


async def test_the_lift_compares_nights_since_somebody_was_held_out(ctx: ToolContext) -> None:
    old = await kept(ctx, "old", Status.SENT, count=30, night=NIGHT - timedelta(days=5))
    mailed = await kept(ctx, "mailed", Status.SENT, count=70)
    held = await kept(ctx, "held", Status.WITHHELD, Reason.HOLDOUT, count=80)
    await kept(ctx, "knew", Status.SENT, count=4, signature=NEVER.replace("never", "sometimes"))
    await completed(ctx, [*old, *mailed[:56], *held[:48]])
    await follow_outcomes(ctx)

    answer = await get_tutorial_results(ctx)

    [found] = answer.features
    assert found.after.model_dump() == {"people": 100, "completed": 86, "open": 0, "succeeded_before": 4}
    compared = found.comparison
    assert (compared.treated.people, compared.treated.completed) == (70, 56)
    assert (compared.holdout.people, compared.holdout.completed) == (80, 48)
    assert compared.lift is not None
    # 56/70 against 48/80 is the first example of Newcombe's paper.
    assert round(compared.lift.difference, 4) == 0.2
    assert (round(compared.lift.low, 4), round(compared.lift.high, 4)) == (0.0524, 0.3339)
    assert "of 100 people followed to the end 86 completed the feature" in answer.summary
    assert "+20 percentage points (95 % interval +5 to +33)" in answer.summary


async def test_few_people_and_open_windows_say_nothing_of_the_lift(ctx: ToolContext) -> None:
    mailed = await kept(ctx, "mailed", Status.SENT, count=40)
    held = await kept(ctx, "held", Status.WITHHELD, Reason.HOLDOUT, count=19)
    await kept(ctx, "young", Status.WITHHELD, Reason.HOLDOUT, count=30, decided_at=ctx.clock.now())
    await completed(ctx, [*mailed, *held])
    await follow_outcomes(ctx)

    [found] = (await get_tutorial_results(ctx)).features

    assert found.comparison.lift is None
    assert found.comparison.holdout.open == 30
    assert "too few to say: 40 mailed and 19 held out" in found.comparison.words


async def test_a_period_takes_the_decisions_of_its_nights(ctx: ToolContext) -> None:
    await kept(ctx, "in", Status.SENT, count=2)
    await kept(ctx, "out", Status.SENT, count=3, night=NIGHT - timedelta(days=1))
    await kept(ctx, "other", Status.SENT, count=4, feature="set-up-alerts")

    day = NIGHT.isoformat()
    answer = await get_tutorial_results(ctx, from_date=day, to_date=day)
    one = await get_tutorial_results(ctx, feature=FEATURE, from_date=day, to_date=day)

    assert {each.feature: each.sent for each in answer.features} == {FEATURE: 2, "set-up-alerts": 4}
    assert [each.sent for each in one.features] == [2]


async def test_where_nothing_was_decided_there_is_no_figure_at_all(ctx: ToolContext) -> None:
    answer = await get_tutorial_results(ctx, feature=FEATURE)

    assert answer.features == []
    assert "No tutorial was decided on for schedule-export" in answer.summary
    with pytest.raises(CallerError):
        await get_tutorial_results(ctx, feature="no-such-feature")
