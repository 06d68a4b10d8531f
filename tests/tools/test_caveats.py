"""What every answer out of the tables says of its figures, in one place for all of them."""

from collections.abc import Awaitable, Callable
from datetime import date, timedelta

import pytest

from handrail.context import ToolContext
from handrail.domain.metrics import Agreement, Coverage
from handrail.domain.runs import Report
from tests.conftest import OpenWith
from tools import catalogue
from tools._answers import Figures
from tools.find_accounts import find_accounts
from tools.find_struggling_users import find_struggling_users
from tools.get_account_health import get_account_health
from tools.get_night_report import get_night_report
from tools.get_tutorial_results import get_tutorial_results
from tools.get_user_segments import get_user_segments
from tools.list_alerts import list_alerts
from tools.query_events import query_events
from tools.query_funnel import query_funnel


async def a_night(ctx: ToolContext) -> Figures:
    """The report of the newest night; of an empty one where none was run."""
    async with ctx.store.begin() as work:
        if await work.nights.report() is None:
            now = ctx.clock.now()
            await work.nights.keep_report(
                Report(night=date(2026, 11, 1), status="done", started_at=now, finished_at=now)
            )
    return await get_night_report(ctx)


WITH_FIGURES: dict[str, Callable[[ToolContext], Awaitable[Figures]]] = {
    "find_accounts": lambda ctx: find_accounts(ctx, period="last_7_days"),
    "get_night_report": a_night,
    "find_struggling_users": lambda ctx: find_struggling_users(ctx, account="Acme"),
    "query_events": lambda ctx: query_events(ctx, account="Acme", period="last_7_days"),
    "get_tutorial_results": get_tutorial_results,
    "query_funnel": lambda ctx: query_funnel(ctx, account="Acme", period="last_7_days"),
    "get_account_health": lambda ctx: get_account_health(ctx, account="Acme"),
    "list_alerts": list_alerts,
    "get_user_segments": lambda ctx: get_user_segments(ctx, account="Acme"),
}


OF_OUR_OWN = {"analyze_churn", "control_sending", "get_saved_report"}
"""Our own decisions, what Mixpanel counted, and what has caveats of its own, told by their own tests."""


async def told(ctx: ToolContext, name: str) -> list[str]:
    return (await WITH_FIGURES[name](ctx)).caveats


def test_every_tool_that_answers_figures_is_asked_here() -> None:
    with_figures = {
        tool.name for tool in catalogue() if issubclass(tool.function.__annotations__["return"], Figures)
    }
    assert with_figures - OF_OUR_OWN == WITH_FIGURES.keys()


@pytest.mark.parametrize("name", WITH_FIGURES)
async def test_fresh_whole_and_exact_figures_carry_no_caveat(name: str, ctx: ToolContext) -> None:
    assert await told(ctx, name) == []


@pytest.mark.parametrize("name", WITH_FIGURES)
async def test_figures_of_a_sync_more_than_a_day_ago_say_so(
    name: str, ctx: ToolContext, open_with: OpenWith
) -> None:
    later = ctx.clock.now() + timedelta(hours=25, minutes=30)
    async with open_with(now=later) as next_day:
        found = await told(next_day, name)

    assert any("25 hours ago" in caveat for caveat in found)


@pytest.mark.parametrize("name", WITH_FIGURES)
async def test_counts_that_disagree_with_mixpanels_say_so(name: str, ctx: ToolContext) -> None:
    await compared(ctx, 0.9712)

    assert any("agree with Mixpanel's to 97.1% only" in caveat for caveat in await told(ctx, name))


@pytest.mark.parametrize(("accuracy", "caveats"), [(0.99, 0), (0.9899, 1), (None, 0)])
async def test_the_bound_of_accuracy_is_99_percent(
    accuracy: float | None, caveats: int, ctx: ToolContext
) -> None:
    await compared(ctx, accuracy)

    assert len(await told(ctx, "query_events")) == caveats


async def test_a_night_that_compared_nothing_leaves_the_last_comparison_standing(ctx: ToolContext) -> None:
    await compared(ctx, 0.5)
    now = ctx.clock.now()
    async with ctx.store.begin() as work:
        await work.nights.keep_report(Report(night=date(2026, 11, 20), status="running", started_at=now))

    assert len(await told(ctx, "query_events")) == 1


async def compared(ctx: ToolContext, accuracy: float | None) -> None:
    """A night whose comparison came out so."""
    night, now = date(2026, 11, 19), ctx.clock.now()
    agreement = Agreement(event="Login", from_date=night, to_date=night, ours=1, theirs=1, accuracy=accuracy)
    async with ctx.store.begin() as work:
        await work.nights.keep_report(
            Report(night=night, status="done", started_at=now, finished_at=now, agreement=agreement)
        )


@pytest.mark.parametrize("name", WITH_FIGURES)
async def test_events_without_an_account_say_so_under_the_bound(name: str, ctx: ToolContext) -> None:
    day, now = date(2026, 11, 19), ctx.clock.now() + timedelta(hours=1)
    async with ctx.store.begin() as work:
        sync_id = await work.syncs.start((day, day), "America/New_York", now, days_total=1)
        counts = Coverage(events=1000, events_with_account=899, users=0, users_with_account=0)
        await work.syncs.advance(sync_id, (day, day), counts=counts, shape="a test", now=now)
        await work.syncs.end(sync_id, "done", now)

    assert any("Only 89.9% of the events name an account" in caveat for caveat in await told(ctx, name))
