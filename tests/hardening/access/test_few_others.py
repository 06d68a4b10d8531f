"""Figures over all accounts are told where enough accounts stand behind them that the reader does not see."""

from datetime import date

import pytest

from handrail.context import ToolContext, open_context
from handrail.domain.access import Sees
from handrail.domain.churn import TrackRecord
from handrail.flows.health import look_up
from handrail.settings import Settings
from tests.hardening.access.divided import divided
from tools.get_account_health import get_account_health
from tools.query_funnel import query_funnel


async def all_but(ctx: ToolContext, hidden: int) -> ToolContext:
    """A reader of all accounts that have a rate in the main funnel but so many, Acme among what is seen."""
    async with ctx.store.read() as work:
        book = sorted(each.mixpanel_id for each in await work.accounts.all())
    return ctx.seeing(Sees(by="account", values=tuple(book[: len(book) - hidden])))


@pytest.mark.parametrize("hidden", [1, 4])
async def test_a_median_that_few_others_stand_behind_is_not_told(hidden: int, settings: Settings) -> None:
    async with open_context(settings) as ctx:
        whole = await query_funnel(ctx, account="Acme")
        narrow = await query_funnel(await all_but(ctx, hidden), account="Acme")

    assert any(each.fleet_median is not None for each in whole.funnels)
    assert all(each.fleet_median is None for each in narrow.funnels)
    assert [each.conversion for each in narrow.funnels] == [each.conversion for each in whole.funnels]


async def test_the_scores_track_record_is_told_with_enough_others(settings: Settings) -> None:
    world = await divided(settings)
    seen = tuple(world.own)
    async with open_context(settings) as ctx:
        async with ctx.store.read() as work:
            acme = (await work.accounts.named("Acme"))[0]
        standing = await look_up(ctx, acme, weeks=4)
        assert standing
        for kept, told in ((len(seen) + 1, False), (len(seen) + 2, True)):
            record = TrackRecord(
                as_of=date(2026, 11, 19),
                version=standing.health.score.version,
                from_date=None,
                churned=3,
                kept=kept,
                words="words of all",
            )
            async with ctx.store.begin() as work:
                await work.churn.keep_record(record)
            narrow = ctx.seeing(Sees(by="account", values=seen))
            answer = await get_account_health(narrow, account="Acme")
            assert (answer.track_record is not None) is told
            assert ("fewer than 5 accounts" in answer.no_track_record_because) is not told
            assert (await get_account_health(ctx, account="Acme")).track_record is not None
