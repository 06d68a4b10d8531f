"""What a night and a sync read beside the events: users by segment, and saved reports."""

from datetime import date, timedelta

from agent import night
from handrail.context import ToolContext
from handrail.flows.refresh import planned_questions, refresh
from handrail.flows.segments import users_of
from standin.state import Standin
from tests.conftest import OpenWith
from tests.handrail.flows.test_reports import choosing

AS_OF = date(2026, 11, 19)


async def acme(ctx: ToolContext) -> str:
    async with ctx.store.read() as work:
        return next(each.id for each in await work.accounts.all() if each.mixpanel_id == "acct_1001")


async def test_a_night_counts_users_and_refreshes_reports_after_the_mails(
    ctx: ToolContext, standins: Standin
) -> None:
    report = await night.run(choosing(ctx, "Account health", "No such report"))

    users = await users_of(ctx, await acme(ctx))
    assert users is not None
    assert users.as_of == AS_OF
    assert report.profiles == len(standins.profiles)
    assert report.reports_refreshed == 2
    assert report.sent == 26
    assert [note for note in report.notes if "No such report" in note] == list(report.notes)
    paths = [one["path"] for one in standins.requests]
    mailed = [at for at, path in enumerate(paths) if path.endswith("/mail/send")]
    reported = [at for at, path in enumerate(paths) if path.endswith("/query/insights")]
    assert max(mailed) < min(reported)


async def test_a_cohort_that_cannot_be_had_is_told_once_a_night(
    ctx: ToolContext, standins: Standin, open_with: OpenWith
) -> None:
    async with open_with(mixpanel_cohorts=("No such cohort",)) as opened:
        absent = await night.run(opened)
        standins.faults.add({"neighbour": "mixpanel", "route": "/cohorts", "fault": "status", "status": 402})
        refused = await night.run(opened)

    assert [note.split(":")[0] for note in absent.notes] == ["There is no cohort 'No such cohort'"]
    assert [note.split(":")[0] for note in refused.notes] == ["The cohort 'No such cohort' was not counted"]


async def test_the_plan_counts_the_profiles_and_each_report_of_a_dashboard(ctx: ToolContext) -> None:
    assert await planned_questions(ctx) == 1
    assert await planned_questions(choosing(ctx, "Account health", "No such report")) == 3


async def test_mails_leave_although_the_budget_then_leaves_nothing_to_refresh(
    ctx: ToolContext, standins: Standin
) -> None:
    for route in ("/query/insights", "/bookmarks"):
        standins.faults.add({"neighbour": "mixpanel", "route": route, "fault": "status", "status": 402})

    report = await night.run(choosing(ctx, "Account health"))

    assert report.sent == 26
    assert report.status == "done"
    assert report.reports_refreshed == 0
    assert any(note.startswith("Saved reports were not refreshed: ") for note in report.notes)


async def test_users_that_cannot_be_counted_keep_their_older_figures(
    ctx: ToolContext, standins: Standin
) -> None:
    await refresh(ctx, AS_OF)
    before = await users_of(ctx, await acme(ctx))
    standins.faults.add({"neighbour": "mixpanel", "route": "/engage", "fault": "status", "status": 402})

    done = await refresh(ctx, AS_OF)

    assert before is not None
    assert await users_of(ctx, await acme(ctx)) == before
    assert done.profiles == 0
    assert [note[:36] for note in done.notes] == ["Users were not counted by segment: M"]


async def test_an_older_day_replaces_nothing(ctx: ToolContext, standins: Standin) -> None:
    await refresh(ctx, AS_OF)
    before = await users_of(ctx, await acme(ctx))

    done = await refresh(choosing(ctx, "Account health"), AS_OF - timedelta(days=1))

    assert await users_of(ctx, await acme(ctx)) == before
    assert (done.profiles, done.reports, done.notes) == (0, 0, ())
