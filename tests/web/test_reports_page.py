"""Saved reports as pages: listed with their age, asked for within the budget, and shown as they are."""

from html import unescape

from handrail.context import ToolContext, open_context
from handrail.flows.reports import read_report, report_history
from handrail.settings import Settings
from standin.state import Standin
from tests.handrail.flows.test_reports import ACTIVE, BOARD, ERRORS, asked, use_up
from tests.web.dashboard import visit
from tests.web.test_app import browser

STEPS = "Schedule an export"


async def test_a_report_is_read_by_its_button_and_not_again_within_the_hour(
    ctx: ToolContext, settings: Settings, standins: Standin
) -> None:
    standins.requests.clear()
    async with browser(settings) as client:
        before = await client.get("/reports")
        empty = await client.get(f"/reports/{ERRORS}")
        looked = asked(standins)
        done = await client.post("/reports/refresh", data={"report": str(ERRORS)})
        again = await client.post("/reports/refresh", data={"report": str(ERRORS)})
        after = await client.get("/reports")
        board = await client.post("/reports/refresh", data={"report": str(BOARD)})

    assert before.text.count("no copy yet") == 6
    assert "There is no copy of this report yet." in empty.text
    assert looked == 0, "looking asks Mixpanel nothing that counts"
    assert (done.status_code, done.headers["location"]) == (303, f"/reports/{ERRORS}")
    assert again.status_code == 303
    assert "2026-11-21 02:0" in after.text
    assert after.text.count("no copy yet") == 5
    assert (board.status_code, board.headers["location"]) == (303, "/reports")
    assert asked(standins) == 2, "one for the report, one for the dashboard's other"


async def test_a_report_shows_the_figures_of_its_copy(ctx: ToolContext, settings: Settings) -> None:
    await read_report(ctx, str(ACTIVE))
    await read_report(ctx, STEPS)
    [active] = await report_history(ctx, ACTIVE)
    steps = (await read_report(ctx, STEPS)).reports[0]
    async with visit(settings) as tab:
        await tab.go("/reports")
        await tab.page.get_by_role("link", name=active.name).click()
        bars = await tab.table(active.name)
        await tab.go(f"/reports/{steps.report_id}")
        [shown] = [row for row in steps.report.rows if row.steps][:1]
        reached = await tab.table(" / ".join(shown.path) or "total")

    counts = {row.path[-1]: row.points[0].count for row in active.report.rows if "$overall" not in row.path}
    assert {row[0]: float(row[1].replace(",", "")) for row in bars} == dict(
        sorted(counts.items(), key=lambda each: -each[1])[:25]
    )
    assert [row[1] for row in reached] == [f"{step.users:,}" for step in shown.steps]
    assert tab.wrong == []


async def test_a_used_up_budget_and_a_refusal_are_told_and_the_copy_stays(
    ctx: ToolContext, settings: Settings, standins: Standin
) -> None:
    async with open_context(settings, actor="web") as web:
        await use_up(web, 0)
    async with browser(settings) as client:
        refused = await client.post("/reports/refresh", data={"report": str(ERRORS)})
        unknown = await client.post("/reports/refresh", data={"report": "Zebra"})
        foreign = await client.post(
            "/reports/refresh", data={"report": str(ERRORS)}, headers={"sec-fetch-site": "cross-site"}
        )
        missing = await client.get("/reports/123456789")
    standins.faults.add({"neighbour": "mixpanel", "route": "app", "fault": "status", "status": 500})
    async with browser(settings) as client:
        failing = await client.get("/reports")

    assert (refused.status_code, unknown.status_code, foreign.status_code) == (409, 409, 403)
    assert "the next one is possible in" in unescape(refused.text)
    assert "No saved report or dashboard is called" in unknown.text
    assert (missing.status_code, "No such report" in missing.text) == (404, True)
    assert (failing.status_code, "The saved reports cannot be listed." in failing.text) == (200, True)
