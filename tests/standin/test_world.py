"""What a world of somebody else may leave out, and what it is told to add."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from standin.world import load
from standin.world_files import WorldError
from tests.standin.conftest import PROJECT, Serve, event, write_world

EVENTS = [event("Opened", "u1", "2026-11-20T10:00")]
LISTS = ("funnels", "cohorts", "reports", "dashboards", "annotations", "schemas")


def test_a_project_that_saved_nothing_answers_empty_lists(serve: Serve) -> None:
    mixpanel = serve(EVENTS)
    for name in LISTS:
        mixpanel.project.pop(name, None)

    app = f"/api/app/projects/{PROJECT['project_id']}"
    for each in ("bookmarks", "cohorts", "dashboards"):
        assert mixpanel.get(f"{app}/{each}").json()["results"] == []
    assert mixpanel.ask("funnels/list") == mixpanel.ask("cohorts/list") == []
    unknown = mixpanel.get("/api/query/funnels", funnel_id=7, from_date="2026-11-20", to_date="2026-11-20")
    assert unknown.status_code == 404


@pytest.mark.parametrize(
    ("listed", "says"),
    [
        ({"cohorts": [{"id": 1}, {"name": "Admins"}]}, "number 2 of cohorts has no id"),
        ({"reports": [{"id": 1, "name": "Errors"}]}, "number 1 of reports has no type"),
        ({"dashboards": [{"title": "All"}]}, "number 1 of dashboards has no id"),
        ({"annotations": [{"id": 1}]}, "number 1 of annotations has no date"),
        ({"schemas": [{}]}, "number 1 of schemas has no entityType"),
    ],
)
def test_what_a_list_is_asked_by_is_told_where_it_is_missing(
    tmp_path: Path, listed: dict[str, Any], says: str
) -> None:
    folder = tmp_path / "world"
    write_world(folder, EVENTS)
    (folder / "project.json").write_text(json.dumps(PROJECT | listed), "utf-8")

    with pytest.raises(WorldError, match=f"project.json: {says}"):
        load(folder)
