"""Saved reports and dashboards, for chat."""

import pytest

from handrail.context import ToolContext
from handrail.errors import CallerError
from standin.state import Standin
from tests.handrail.flows.test_reports import use_up
from tools.get_saved_report import get_saved_report


async def test_without_a_name_every_report_of_the_project_is_listed(
    ctx: ToolContext, standins: Standin
) -> None:
    answer = await get_saved_report(ctx)

    assert {each.report_id for each in answer.reports} == {
        each["id"] for each in standins.world.project["reports"]
    }
    assert {each.read_at for each in answer.reports} == {None}
    assert "of 0 there is a copy" in answer.summary


async def test_a_long_report_is_read_page_by_page(ctx: ToolContext) -> None:
    answer = await get_saved_report(ctx, report="active people by company")
    (first,) = answer.reports
    (rest,) = (await get_saved_report(ctx, report="active people by company", cursor=answer.cursor)).reports

    assert answer.showing == "1 to 20 of 26"
    assert len(first.rows) == 20
    assert len({row.what for row in (*first.rows, *rest.rows)}) == 26
    assert answer.as_of == first.read_at
    assert answer.summary == "Report “Active people by company”: 1 report read, not two hours old."


async def test_a_dashboard_shows_the_first_rows_of_each_report_and_says_so(ctx: ToolContext) -> None:
    answer = await get_saved_report(ctx, report="Account health")

    assert {each.name: len(each.rows) for each in answer.reports} == {
        "Active people by company": 5,
        "Errors by reason": 5,
    }
    assert {each.left_out.split(";")[0] for each in answer.reports} == {
        "rows: showing 5 of 26",
        "rows: showing 5 of 18",
    }


async def test_a_funnel_report_tells_the_users_of_each_step(ctx: ToolContext) -> None:
    answer = await get_saved_report(ctx, report="Set up an alert")

    (report,) = answer.reports
    assert report.kind == "funnels"
    assert all(step.users is not None for row in report.rows for step in row.steps)


async def test_an_unknown_name_is_an_error_with_the_nearest_ones(ctx: ToolContext) -> None:
    with pytest.raises(CallerError, match="Errors by reason"):
        await get_saved_report(ctx, report="Errors by raison")


async def test_what_could_not_be_asked_for_is_a_caveat_and_no_empty_report(ctx: ToolContext) -> None:
    await use_up(ctx, 0)

    answer = await get_saved_report(ctx, report="Errors by reason")

    assert answer.reports == []
    assert "the next one is possible in" in answer.caveats[0]
    assert "1 could not be read anew" in answer.summary
