"""What periods come to for every account: counted once at a sync's end, and never older than their days."""

from datetime import date, timedelta
from pathlib import Path

from sqlalchemy import func
from sqlmodel import select

from handrail.context import ToolContext
from handrail.domain.metrics import Totals
from handrail.domain.periods import Period
from handrail.flows.sync import sync
from handrail.store.tables import AccountTotals, MixpanelMetric, UserDay
from tests.handrail.test_account_file import take_over, written

LAST = date(2026, 11, 19)


async def by_hand(ctx: ToolContext, period: Period) -> dict[str, Totals]:
    """Summed here, day by day, from the tables of days."""
    async with ctx.store.read() as work:
        session = work.metrics._session
        days = (await session.exec(select(MixpanelMetric))).all()
        users = (await session.exec(select(UserDay))).all()
    found = {}
    for account in {row.customer_id for row in days}:
        mine = [
            row
            for row in days
            if row.customer_id == account and period.from_date <= row.metric_date <= period.to_date
        ]
        seen = {
            row.user_key
            for row in users
            if row.customer_id == account and period.from_date <= row.metric_date <= period.to_date
        }
        if mine:
            found[account] = Totals(
                total_events=sum(row.total_events for row in mine),
                unique_users=len(seen),
                sessions=sum(row.sessions for row in mine),
                active_days=len(mine),
            )
    return found


async def kept(ctx: ToolContext, period: Period) -> int:
    async with ctx.store.read() as work:
        rows = await work.metrics._session.exec(
            select(func.count()).where(
                AccountTotals.from_date == period.from_date, AccountTotals.to_date == period.to_date
            )
        )
        return rows.one()


async def test_kept_totals_equal_the_sum_of_their_days(ctx: ToolContext) -> None:
    zone = await ctx.zone()
    for length in (7, 30, 90):
        for period in (Period.of_days(length, LAST, zone), Period.of_days(length, LAST, zone).before()):
            expected = await by_hand(ctx, period)
            assert await kept(ctx, period) == len(expected)
            async with ctx.store.read() as work:
                assert await work.metrics.totals(period) == expected
                one = next(iter(expected), "nobody")
                assert await work.metrics.totals_of(one, period) == expected.get(one)


async def test_totals_of_other_days_are_counted_when_they_are_asked_for(ctx: ToolContext) -> None:
    odd = Period.of_days(11, LAST, await ctx.zone())
    async with ctx.store.read() as work:
        found = await work.metrics.totals(odd)

    assert found == await by_hand(ctx, odd)
    assert await kept(ctx, odd) == 0


async def test_totals_do_not_outlive_a_day_that_is_read_again(ctx: ToolContext) -> None:
    zone = await ctx.zone()
    yesterday = LAST - timedelta(days=1)
    weeks = Period.of_days(7, yesterday, zone), Period.of_days(7, yesterday, zone).before()
    async with ctx.store.begin() as work:
        for week in weeks:
            await work.metrics.keep_totals(week)
    expected = [await kept(ctx, week) for week in weeks]

    await sync(ctx, from_day=yesterday, to_day=yesterday)

    assert expected[0] > 0
    assert [await kept(ctx, week) for week in weeks] == [0, expected[1]]


async def test_accounts_that_become_one_are_summed_as_one(ctx: ToolContext, tmp_path: Path) -> None:
    month = Period.of_days(30, LAST, await ctx.zone())
    await take_over(ctx, written(tmp_path, "mixpanel_ids\nacct_1001;acct_1002\n"))

    async with ctx.store.read() as work:
        found = await work.metrics.totals(month)
    assert found == await by_hand(ctx, month)
