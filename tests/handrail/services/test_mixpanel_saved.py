"""Saved reports and dashboards of the app API, in the shapes in which they come."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from handrail.domain.reports import Dashboard, ListedReport
from handrail.errors import UpstreamError
from handrail.services.mixpanel.client import Mixpanel
from handrail.services.mixpanel.saved import Saved
from standin.state import Standin
from tests.conftest import settings_for


@pytest.fixture
async def saved(standins: Standin, tmp_path: Path) -> AsyncIterator[Saved]:
    async with httpx2.AsyncClient(verify=False) as http:
        yield Mixpanel(http, settings_for(standins, tmp_path)).saved


def answer(standins: Standin, route: str, body: Any, status: int = 200) -> None:
    standins.faults.add(
        {"neighbour": "mixpanel", "route": route, "fault": "status", "status": status, "body": body}
    )


async def test_the_listing_is_free_and_has_every_report_and_dashboard(
    saved: Saved, standins: Standin
) -> None:
    listing = await saved.listing()

    project = standins.world.project
    assert {(each.report_id, each.name, each.kind) for each in listing.reports} == {
        (each["id"], each["name"], each["type"]) for each in project["reports"]
    }
    assert {(each.dashboard_id, each.name, each.report_ids) for each in listing.dashboards} == {
        (each["id"], each["title"], tuple(each["reports"])) for each in project["dashboards"]
    }
    assert [one["counted"] for one in standins.requests] == [False, False]


async def test_results_that_are_wrapped_twice_are_read(saved: Saved, standins: Standin) -> None:
    report = {"id": 1, "name": "Weekly", "type": "insights", "params": {}, "new_field": {"a": 1}}
    answer(standins, "/bookmarks", {"status": "ok", "results": {"results": [report]}})

    assert (await saved.listing()).reports == (ListedReport(report_id=1, name="Weekly", kind="insights"),)


async def test_a_report_tells_its_dashboard_where_the_dashboard_does_not(
    saved: Saved, standins: Standin
) -> None:
    reports = [
        {"id": 1, "name": "Weekly", "type": "insights", "dashboard_id": 5},
        {"id": 2, "name": "Daily", "type": "insights", "dashboard_id": None},
    ]
    answer(standins, "/bookmarks", {"results": reports})
    answer(standins, "/dashboards", {"results": [{"id": 5, "title": "Board"}]})

    assert (await saved.listing()).dashboards == (Dashboard(dashboard_id=5, name="Board", report_ids=(1,)),)


async def test_reports_are_listed_where_dashboards_are_not_offered(saved: Saved, standins: Standin) -> None:
    answer(standins, "/dashboards", {"status": "error"}, status=403)

    listing = await saved.listing()

    assert len(listing.reports) == 6
    assert listing.dashboards == ()


async def test_names_are_one_line_and_hold_no_address(saved: Saved, standins: Standin) -> None:
    names = ["Two\nlines\u202e", "For ana@acme.example", None]
    reports = [{"id": at, "name": name, "type": "insights"} for at, name in enumerate(names)]
    answer(standins, "/bookmarks", {"results": reports})

    assert [each.name for each in (await saved.listing()).reports] == ["Two lines", "no. 1", "no. 2"]


@pytest.mark.parametrize("body", [{"results": [{"name": "without an id"}]}, {"results": "none"}, []])
async def test_an_unknown_shape_is_named_without_its_text(saved: Saved, standins: Standin, body: Any) -> None:
    answer(standins, "/bookmarks", body)

    with pytest.raises(UpstreamError, match="answered saved reports in a shape Handrail does not know"):
        await saved.listing()
