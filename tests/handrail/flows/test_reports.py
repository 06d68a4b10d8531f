"""Saved reports over the stand-ins: chosen by name, kept with age and history, asked within the budget."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from handrail.clock import Clock
from handrail.context import ToolContext
from handrail.domain.reports import KeptReport
from handrail.errors import CallerError, NotOffered
from handrail.flows.reports import list_reports, read_report, refresh_reports, report_history
from standin.state import Standin
from tests import databases, oracle_reading

ACTIVE, ERRORS = 52110501, 52110502
BOARD = 6120882
REPORTS_OF_BOARD = {ACTIVE, ERRORS}


def later(ctx: ToolContext, **wait: float) -> ToolContext:
    return replace(ctx, clock=Clock(ctx.clock.now() + timedelta(**wait)))


def choosing(ctx: ToolContext, *names: str) -> ToolContext:
    settings = ctx.settings.model_copy(update={"reports": names})
    return replace(ctx, project=replace(ctx.project, settings=settings))


async def copies(ctx: ToolContext) -> dict[int, KeptReport]:
    async with ctx.store.read() as work:
        return {each.report_id: each for each in await work.reports.newest()}


def asked(standins: Standin) -> int:
    """Reports that Mixpanel was asked for since the list of requests was cleared."""
    return sum(one["path"].endswith("/query/insights") for one in standins.requests)


async def use_up(ctx: ToolContext, left: int) -> None:
    assert ctx.ledger is not None
    while await ctx.ledger.left("query") > left:
        await ctx.ledger.end(await ctx.ledger.take("query", "a test"), counted=True)


async def test_the_chosen_reports_and_dashboards_are_kept_with_their_age(
    ctx: ToolContext, standins: Standin
) -> None:
    funnel = standins.world.project["funnels"][0]
    standins.requests.clear()

    done = await refresh_reports(choosing(ctx, "account health", str(ACTIVE), funnel["name"]))

    kept = await copies(ctx)
    counted = [one for one in standins.requests if one["counted"]]
    assert done.notes == ()
    assert kept.keys() == {*REPORTS_OF_BOARD, funnel["funnel_id"]}
    assert len(counted) == asked(standins) == done.asked == 3
    assert kept[ACTIVE].name == "Active people by company"
    assert [board.name for board in kept[ACTIVE].dashboards] == ["Account health"]
    assert kept[ACTIVE].fetched_at == kept[ACTIVE].first_fetched_at
    assert kept[ACTIVE].report.computed_at.startswith("2026-11-21T02:00")


async def test_a_copy_holds_the_figures_of_the_report(ctx: ToolContext, acme_folder: Path) -> None:
    await refresh_reports(choosing(ctx, "Active people by company"))

    report = (await copies(ctx))[ACTIVE].report
    figures = {row.path[-1]: row.points[0].count for row in report.rows}
    first, last = date.fromisoformat(report.from_date[:10]), date.fromisoformat(report.to_date[:10])
    users: dict[str, set[str]] = {}
    for event in oracle_reading.read(acme_folder).events:
        if first <= event.day <= last and event.user:
            for account in event.accounts:
                users.setdefault(account, set()).add(event.user)
    assert report.by == ("company_id",)
    assert report.complete
    assert len(users) >= 20
    assert {account: len(them) for account, them in users.items()}.items() <= figures.items()


async def test_names_that_fit_nothing_or_several_are_told_and_the_others_refreshed(
    ctx: ToolContext, standins: Standin, monkeypatch: pytest.MonkeyPatch
) -> None:
    twin = {**standins.world.project["reports"][-1], "id": 99, "name": "ACTIVE people by company"}
    monkeypatch.setitem(standins.world.project, "reports", [*standins.world.project["reports"], twin])

    done = await refresh_reports(
        choosing(ctx, "Active people by company", "Acount helth", "Errors by reason", "1", "Zebra")
    )

    assert (await copies(ctx)).keys() == {ERRORS}
    several, near, number, nothing = done.notes
    assert "several" in several
    assert f"report {ACTIVE}" in several
    assert "report 99" in several
    assert f"Account health (dashboard {BOARD})" in near
    assert "called '1'" in number
    assert nothing.endswith("No saved report or dashboard is called 'Zebra'.")


async def test_what_the_hour_does_not_allow_keeps_its_older_copy_and_is_told(ctx: ToolContext) -> None:
    await refresh_reports(choosing(ctx, str(ERRORS)))
    tomorrow = choosing(later(ctx, days=1), str(ERRORS), str(ACTIVE))
    await use_up(ctx, 1)

    done = await refresh_reports(tomorrow)

    kept = await copies(ctx)
    assert done.asked == 1, "the one that was never fetched goes first"
    assert kept[ACTIVE].fetched_at > ctx.clock.now() + timedelta(hours=23)
    assert kept[ERRORS].fetched_at < ctx.clock.now()
    assert len(done.notes) == 1
    assert "Errors by reason was not refreshed and keeps its older copy" in done.notes[0]
    assert "used up" in done.notes[0]


async def test_a_second_refresh_within_the_hour_asks_nothing(ctx: ToolContext, standins: Standin) -> None:
    await refresh_reports(choosing(ctx, "Account health"))
    standins.requests.clear()

    await refresh_reports(choosing(later(ctx, minutes=59), "Account health"))
    assert asked(standins) == 0

    await refresh_reports(choosing(later(ctx, minutes=61), "Account health"))
    assert asked(standins) == 2


async def test_without_chosen_reports_nothing_is_listed_or_asked(ctx: ToolContext, standins: Standin) -> None:
    standins.requests.clear()

    done = await refresh_reports(ctx)

    assert (done.asked, done.notes, standins.requests) == (0, (), [])


async def test_reading_a_report_without_a_copy_asks_mixpanel_once_and_keeps_it(
    ctx: ToolContext, standins: Standin
) -> None:
    standins.requests.clear()

    first = await read_report(ctx, "errors BY reason")
    again = await read_report(later(ctx, hours=23), str(ERRORS))

    assert asked(standins) == 1
    assert first == again
    assert [each.report_id for each in first.reports] == [ERRORS]
    assert first.unread == ()
    assert not first.dashboard

    await read_report(later(ctx, hours=25), str(ERRORS))
    assert asked(standins) == 2


async def test_a_dashboard_is_every_report_of_it(ctx: ToolContext) -> None:
    reading = await read_report(ctx, "Account health")

    assert reading.dashboard
    assert {each.report_id for each in reading.reports} == REPORTS_OF_BOARD


async def test_without_budget_the_older_copy_is_answered_and_the_rest_told(ctx: ToolContext) -> None:
    await read_report(ctx, str(ERRORS))
    await use_up(ctx, 0)

    reading = await read_report(later(ctx, days=2), "Account health")

    assert [each.report_id for each in reading.reports] == [ERRORS]
    assert {each.name for each in reading.unread} == {"Active people by company", "Errors by reason"}
    assert all("the next one is possible in" in each.because for each in reading.unread)


async def test_one_reading_does_not_use_up_the_share_of_chat(
    ctx: ToolContext, standins: Standin, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = [each["id"] for each in standins.world.project["reports"]]
    monkeypatch.setitem(
        standins.world.project, "dashboards", [{"id": 7, "title": "All", "reports": everything}]
    )
    standins.requests.clear()

    reading = await read_report(ctx, "All")

    assert len(everything) == 6
    assert asked(standins) == len(reading.reports) == 5
    assert [each.because for each in reading.unread] == [
        "One reading asks for 5 reports at most; read again for the rest."
    ]


async def test_what_cannot_be_read_is_told_with_its_reason(
    ctx: ToolContext, standins: Standin, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = {**standins.world.project["reports"][-1], "id": 99, "name": "Ways in", "type": "flows"}
    monkeypatch.setitem(standins.world.project, "reports", [flow])

    reading = await read_report(ctx, "Ways in")

    assert reading.reports == ()
    assert reading.unread[0].because == "Mixpanel does not give out reports of the kind 'flows'."
    with pytest.raises(CallerError, match="No saved report or dashboard is called 'Errors by reason'"):
        await read_report(ctx, "Errors by reason")


async def test_the_history_has_one_copy_for_each_change_and_reaches_back_90_days(
    ctx: ToolContext, standins: Standin, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = choosing(ctx, str(ERRORS))
    await refresh_reports(chosen)
    await refresh_reports(later(chosen, hours=2))
    (only,) = await report_history(ctx, ERRORS)
    assert only.fetched_at - only.first_fetched_at > timedelta(hours=1)

    changed = {**standins.world.project["reports"][-1], "id": ERRORS}
    changed["params"] = {**changed["params"], "displayOptions": {"chartType": "line", "analysis": "linear"}}
    monkeypatch.setitem(standins.world.project, "reports", [changed])
    await refresh_reports(later(chosen, hours=4))
    newest, oldest = await report_history(ctx, ERRORS)
    assert newest.report.rows != oldest.report.rows
    assert oldest == only

    await refresh_reports(later(chosen, days=90, hours=3))
    assert [copy.first_fetched_at for copy in await report_history(ctx, ERRORS)] == [newest.first_fetched_at]


async def test_while_mixpanel_does_not_list_reports_the_copies_answer(
    ctx: ToolContext, standins: Standin
) -> None:
    await refresh_reports(choosing(ctx, "Account health"))
    refused = {"neighbour": "mixpanel", "route": "/bookmarks", "fault": "status", "status": 403}
    standins.faults.add(refused)

    reading = await read_report(ctx, "Account health")

    assert {each.report_id for each in reading.reports} == REPORTS_OF_BOARD
    assert {each.report_id for each in await list_reports(ctx)} == REPORTS_OF_BOARD


async def test_where_reports_are_not_offered_and_none_is_kept_that_is_said(
    ctx: ToolContext, standins: Standin
) -> None:
    standins.faults.add({"neighbour": "mixpanel", "route": "/bookmarks", "fault": "status", "status": 403})

    with pytest.raises(NotOffered, match="does not offer saved reports"):
        await list_reports(ctx)


async def test_the_list_has_every_report_and_the_age_of_its_copy(ctx: ToolContext, standins: Standin) -> None:
    await read_report(ctx, str(ERRORS))

    listed = {each.report_id: each for each in await list_reports(ctx)}

    assert listed.keys() == {each["id"] for each in standins.world.project["reports"]}
    assert listed[ERRORS].fetched_at is not None
    assert listed[ERRORS].dashboards == ("Account health",)
    assert listed[ACTIVE].fetched_at is None


def by(standins: Standin, group: dict[str, str], name: str = "By whom") -> dict[str, Any]:
    """A report of active people by a property."""
    active = next(each for each in standins.world.project["reports"] if each["id"] == ACTIVE)
    value = {**group, "propertyType": "string", "propertyDefaultType": "string"}
    sections = {**active["params"]["sections"], "group": [value]}
    return {**active, "id": 99, "name": name, "params": {**active["params"], "sections": sections}}


@pytest.mark.parametrize(
    "group",
    [
        {"value": "$email", "propertyName": "$email", "resourceType": "people"},
        {"value": "$name", "propertyName": "$name", "resourceType": "people"},
        {"value": "$email", "propertyName": "Department", "resourceType": "people"},
    ],
    ids=["by address", "by name", "by addresses under another name"],
)
async def test_a_report_by_person_leaves_no_person_on_disk(
    ctx: ToolContext, standins: Standin, monkeypatch: pytest.MonkeyPatch, group: dict[str, str]
) -> None:
    report = by(standins, group, "For ceo.canary@vendor.example")
    monkeypatch.setitem(standins.world.project, "reports", [report])
    raw = await ctx.mixpanel.queries.saved_report(99)
    persons = {row.path[-1] for row in raw.rows} - {"$overall", "undefined"}
    assert len(persons) > 300, "the report does name people"

    reading = await read_report(ctx, "99")

    (kept,) = reading.reports
    assert not kept.report.complete
    assert "$overall" in {row.path[-1] for row in kept.report.rows}
    assert kept.name == "no. 99"
    kept_bytes = b"".join(databases.on_disk(ctx.settings.data_dir).values())
    assert b"$overall" in kept_bytes
    assert [each for each in (*persons, "ceo.canary") if each.encode() in kept_bytes] == []
