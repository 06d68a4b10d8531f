"""A dry run and a replay decide as the night does, and leave nothing behind."""

from collections import Counter
from datetime import date
from typing import Any

import pytest

from agent import night
from handrail.context import ToolContext
from handrail.domain.deliveries import Status
from handrail.errors import CallerError
from handrail.flows import review
from handrail.flows.mailing import release
from handrail.flows.rehearse import replay
from handrail.settings import SendMode
from standin.state import Standin
from tests.conftest import OpenWith

AS_OF = date(2026, 11, 19)


async def test_a_dry_run_foretells_the_night_and_keeps_nothing(ctx: ToolContext, standins: Standin) -> None:
    foretold = await night.run(ctx, dry_run=True)
    async with ctx.store.read() as work:
        assert await work.deliveries.of_night(AS_OF) == []
        assert await work.nights.report() is None
    assert standins.mails == []

    real = await night.run(ctx)

    assert foretold.dry_run
    assert not real.dry_run
    assert (foretold.sent, foretold.withheld) == (real.sent, real.withheld)
    assert real.sent == len(standins.mails) == 26


async def test_a_replay_under_the_same_rules_changes_nothing(ctx: ToolContext, standins: Standin) -> None:
    real = await night.run(ctx)
    mailed = len(standins.mails)

    again = await replay(ctx)

    assert again.changes == ()
    assert (again.mailed_now, again.mailed_then) == (real.sent, real.sent)
    assert again.decided == 42
    assert len(standins.mails) == mailed


@pytest.mark.parametrize(
    ("changes", "now"),
    [
        ({"send_mode": SendMode.OFF}, {"withheld: mode_off": 26}),
        ({"run_cap": 20}, {"withheld: run_cap": 6}),
        ({"internal_domains": ("meridian-analytics.example",)}, None),
    ],
)
async def test_a_replay_shows_for_whom_todays_rules_decide_otherwise(
    ctx: ToolContext, open_with: OpenWith, changes: dict[str, Any], now: dict[str, int] | None
) -> None:
    await night.run(ctx)
    async with open_with(**changes) as today:
        found = await replay(today, AS_OF)

    told = Counter(one.now for one in found.changes if one.then == "mailed")
    if now is not None:
        assert dict(told) == now
    assert found.mailed_then - found.mailed_now == sum(told.values())


async def test_a_mail_that_somebody_approved_stays_approved_in_a_replay(
    ctx: ToolContext, open_with: OpenWith
) -> None:
    async with open_with(send_mode=SendMode.REVIEW) as opened:
        await night.run(opened)
        first, *_ = await review.pending(opened)
        await review.approve(opened, first.review.id)
        await release(opened)
        async with opened.store.read() as work:
            sent = [each for each in await work.deliveries.of_night(AS_OF) if each.status is Status.SENT]
        found = await replay(opened)

    assert found.mailed_now == found.mailed_then == len(sent) > 0


async def test_a_night_that_decided_nothing_cannot_be_replayed(ctx: ToolContext) -> None:
    with pytest.raises(CallerError, match="No decisions are kept of any night"):
        await replay(ctx)
