"""Who completed a feature after their mail, with the clock moved on night by night."""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from agent import night
from handrail.cli import printing
from handrail.context import ToolContext
from handrail.domain.deliveries import Delivery, Status
from handrail.domain.feedback import FeedbackKind, MailEvent
from handrail.domain.outcomes import OutcomeCount
from handrail.domain.periods import Period
from handrail.engine.holdout import VOLUME
from handrail.flows.feedback import take
from handrail.flows.outcomes import follow_outcomes
from standin.acts import act
from standin.state import Standin
from tests.agent.test_holdout import mailed_before
from tests.conftest import OpenWith

AS_OF = date(2026, 11, 19)
START = datetime(2026, 11, 21, 2, tzinfo=UTC)
"""When the mails of the night left, give or take a minute of the clock."""

FEATURE, SUCCESS = "schedule-export", "Export Scheduled"
EVERYTHING = Period(from_date=date(2026, 10, 1), to_date=date(2026, 12, 31), zone="UTC")


def after(days: float) -> datetime:
    return START + timedelta(days=days)


async def decided(ctx: ToolContext, status: Status) -> list[Delivery]:
    """Of the feature, by person."""
    async with ctx.store.read() as work:
        made = await work.deliveries.of_night(AS_OF)
    mine = [each for each in made if each.feature == FEATURE and each.status is status]
    return sorted(mine, key=lambda each: each.user_key)


def addresses(ctx: ToolContext, standins: Standin) -> dict[str, str]:
    return {
        hmac.new(ctx.secret, user.encode(), hashlib.sha256).hexdigest(): profile["$email"]
        for user, profile in standins.profiles.items()
        if "$email" in profile
    }


async def succeed(standins: Standin, address: str, at: datetime) -> None:
    """The stand-in's act, for anybody: it chooses among the kept mails."""
    standins.clock.set(at)
    kept = list(standins.mails)
    standins.mails[:] = [{"to": address, "at": at.isoformat()}]
    done = await act(standins, {"act": "succeed", "to": [address], "events": [SUCCESS]})
    standins.mails[:] = kept
    assert done == {"acted": 1}


async def delivered(ctx: ToolContext, delivery: Delivery, at: datetime) -> None:
    event = MailEvent(
        delivery_id=delivery.id, kind=FeedbackKind.DELIVERED, at=at, key=delivery.id, event_id=""
    )
    assert await take(ctx, [event]) == 1


async def look(open_with: OpenWith, standins: Standin, at: datetime) -> tuple[int, list[OutcomeCount]]:
    """(settled by this look, how all outcomes stand)."""
    standins.clock.set(at)
    async with open_with(now=at) as later:
        settled = await follow_outcomes(later)
        async with later.store.read() as work:
            return settled, await work.outcomes.counts(EVERYTHING)


def number(counts: Sequence[OutcomeCount], **wanted: Any) -> int:
    return sum(
        each.outcomes
        for each in counts
        if all(getattr(each, name) == value for name, value in wanted.items())
    )


async def test_a_success_counts_within_seven_days_after_delivery_and_never_for_who_had_succeeded_before(
    ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    await night.run(ctx)
    async with ctx.store.read() as work:
        struggles = await work.nights.struggles(AS_OF, FEATURE)
    before = {one.user_key for one in struggles if one.successes > 0}
    sent = await decided(ctx, Status.SENT)
    quick, slow, delayed, too_early, twice, told_late = [each for each in sent if each.user_key not in before]
    [knew] = [each for each in sent if each.user_key in before]
    book = addresses(ctx, standins)
    for who, day in ((quick, 2.0), (too_early, 2), (twice, 4), (twice, 1), (knew, 2), (slow, 7.5)):
        await succeed(standins, book[who.user_key], after(day))
    await succeed(standins, book[delayed.user_key], after(7.6))
    await delivered(ctx, delayed, after(1))
    await delivered(ctx, too_early, after(3))

    first = await look(open_with, standins, after(8))
    await succeed(standins, book[told_late.user_key], after(6))  # written when the look was over
    almost = await look(open_with, standins, after(11.9))
    over = await look(open_with, standins, after(12.1))
    end = await look(open_with, standins, after(15.1))
    again = await look(open_with, standins, after(16))

    mine = {"feature": FEATURE, "arm": "treated"}
    assert (first[0], number(first[1]), number(first[1], settled=True)) == (0, 26, 0)
    assert number(first[1], **mine, completed=True) == len({"quick", "delayed", "twice"})
    assert number(almost[1], **mine, completed=True) == 4, "and the one that was told late"
    assert (almost[0], over[0], end[0], again[0]) == (0, 24, 2, 0), "two were delivered days later"
    assert number(end[1], **mine, settled=True, succeeded_before=False, completed=True) == 4
    assert number(end[1], **mine, settled=True, succeeded_before=False, completed=False) == 2
    assert number(end[1], **mine, succeeded_before=True, completed=False) == 1
    assert number(end[1], succeeded_before=True) == 4
    assert number(end[1], completed=True) == 4
    assert end[1] == again[1]


async def test_who_is_held_out_is_followed_from_the_first_such_decision_alone(
    ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    await mailed_before(ctx, FEATURE, VOLUME)
    async with open_with(holdout=0.5) as half:
        await night.run(half)
    held = [each for each in await decided(ctx, Status.WITHHELD) if each.reason == "holdout"]
    book = addresses(ctx, standins)
    early, other = held[0], held[1]
    nights_later = [
        each.model_copy(
            update={
                "id": f"later-{each.id}",
                "night": AS_OF + timedelta(days=3),
                "decided_at": each.decided_at + timedelta(days=3),
            }
        )
        for each in held
    ]
    await look(open_with, standins, after(1))
    async with ctx.store.begin() as work:
        for each in nights_later:
            await work.deliveries.keep(each)
    await succeed(standins, book[early.user_key], after(6))
    await succeed(standins, book[other.user_key], after(8))  # in time only for the later decision

    _, counts = await look(open_with, standins, after(13))

    assert number(counts, arm="holdout") == number(counts, arm="holdout", feature=FEATURE) == len(held)
    assert number(counts, arm="holdout", completed=True) == 1
    assert number(counts, arm="holdout", night=AS_OF, settled=True) == len(held)
    assert not number(counts, arm="treated", night=AS_OF, feature=FEATURE, completed=True)


async def test_the_nights_report_counts_the_outcomes_it_settled(
    ctx: ToolContext, capsys: pytest.CaptureFixture[str]
) -> None:
    await mailed_before(ctx, FEATURE, 3)

    report = await night.run(ctx)
    printing.report(report, as_json=False)
    again = await night.run(ctx)

    assert (report.outcomes_settled, again.outcomes_settled) == (3, 0)
    assert "3 outcomes of earlier mails and hold-outs are settled." in capsys.readouterr().out


async def test_where_there_is_nobody_to_follow_mixpanel_is_not_asked(
    ctx: ToolContext, standins: Standin
) -> None:
    standins.requests.clear()

    assert await follow_outcomes(ctx) == 0
    assert standins.requests == []


async def test_windows_of_a_feature_whose_document_is_gone_stay_open(
    ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    await mailed_before(ctx, "no-such-feature", 2)

    settled, counts = await look(open_with, standins, after(1))

    assert settled == 0
    assert number(counts, feature="no-such-feature", settled=False) == 2
