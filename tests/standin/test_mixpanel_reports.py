"""Saved and ad-hoc reports, and the app API that lists them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.dungeon import needs_dungeon
from tests.standin.conftest import Mixpanel, Serve, client, event

EVENTS = [
    event("Opened", "u1", "2026-11-19T10:00:00", company_id="acme", size=4),
    event("Opened", "u1", "2026-11-20T10:00:00", company_id="acme", size=6),
    event("Opened", "u2", "2026-11-20T10:00:00", company_id=["acme", "globex"]),
    event("Closed", "u1", "2026-11-20T10:20:00", company_id="acme"),
    event("$identify", "u1", "2026-11-20T10:20:01"),
    event("Closed", "u2", "2026-11-21T01:00:00"),
]
BETWEEN = [{"dateRangeType": "between", "unit": "day", "value": ["2026-11-19", "2026-11-20"]}]
COMPANY = [{"value": "company_id", "propertyName": "company_id", "resourceType": "events"}]


def metric(name: str, math: str = "total", **behavior: Any) -> dict[str, Any]:
    return {
        "type": "metric",
        "behavior": {"type": "event", "name": name, "resourceType": "events"} | behavior,
        "measurement": {"math": math},
    }


def funnel(*names: str, **behavior: Any) -> dict[str, Any]:
    steps = [{"type": "event", "name": name, "filters": []} for name in names]
    window = {"conversionWindowDuration": 1, "conversionWindowUnit": "day"}
    return {
        "type": "metric",
        "behavior": {"type": "funnel", "behaviors": steps} | window | behavior,
        "measurement": {"math": "conversion_rate_unique", "stepIndex": None},
    }


def body(chart: str, *show: dict[str, Any], **sections: Any) -> dict[str, Any]:
    return {
        "sections": {"show": list(show), "time": BETWEEN, "filter": [], "group": []} | sections,
        "displayOptions": {"chartType": chart},
    }


def adhoc(mixpanel: Mixpanel, bookmark: dict[str, Any], **envelope: Any) -> Any:
    asked = {"project_id": 12345, "bookmark": bookmark} | envelope
    answer = mixpanel.post("/api/query/insights", json=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_table_holds_one_number_a_segment(serve: Serve) -> None:
    mixpanel = serve(EVENTS)

    answer = adhoc(mixpanel, body("table", metric("Opened", "unique"), group=COMPANY))

    assert answer["headers"] == ["$metric", "company_id"]
    assert answer["series"] == {
        "Opened [Unique Users]": {"$overall": {"all": 2}, "acme": {"all": 2}, "globex": {"all": 1}}
    }
    assert answer["meta"]["is_segmentation_limit_hit"] is False


def test_a_line_holds_a_number_a_day_with_the_days_offset(serve: Serve) -> None:
    mixpanel = serve(EVENTS, timezone="Europe/Berlin")

    answer = adhoc(mixpanel, body("line", metric("$all_events"), metric("$all_events", "sessions")))

    first, second = "2026-11-19T00:00:00+01:00", "2026-11-20T00:00:00+01:00"
    assert answer["date_range"] == {"from_date": first, "to_date": "2026-11-20T23:59:59.999+01:00"}
    assert answer["series"] == {
        "All Events [Total Events]": {first: 1, second: 3},
        "All Events [Total Sessions]": {first: 1, second: 2},
    }


def test_metrics_filter_and_measure_properties(serve: Serve) -> None:
    mixpanel = serve(EVENTS, profiles={"u1": {"plan": "pro"}})
    average = metric("Opened") | {
        "name": "Size",
        "measurement": {"math": "average", "property": {"name": "size"}},
    }
    acme = [{"value": "company_id", "filterOperator": "equals", "filterValue": ["globex"]}]
    pro = [{"value": "plan", "resourceType": "people", "filterOperator": "equals", "filterValue": ["pro"]}]

    answer = adhoc(
        mixpanel, body("bar", average, metric("Opened", filters=acme), metric("Closed"), filter=pro)
    )

    assert answer["series"] == {
        "Size": {"all": 5},
        "Opened [Total Events]": {"all": 0},
        "Closed [Total Events]": {"all": 1},
    }


@pytest.mark.parametrize(
    ("operator", "wanted", "count"),
    [
        ("is greater than", 4, 1),
        ("is at least", 4, 2),
        ("is between", [5, 7], 1),
        ("is equal to", 6, 1),
        ("is set", None, 2),
        ("is not set", None, 1),
    ],
)
def test_number_filters(serve: Serve, operator: str, wanted: Any, count: int) -> None:
    size = {"value": "size", "filterType": "number", "filterOperator": operator, "filterValue": wanted}

    answer = adhoc(serve(EVENTS), body("bar", metric("Opened"), filter=[size]))

    assert answer["series"]["Opened [Total Events]"] == {"all": count}


def test_two_breakdowns_nest(serve: Serve) -> None:
    groups = [*COMPANY, {"value": "size", "resourceType": "events"}]

    answer = adhoc(serve(EVENTS), body("bar", metric("Opened"), group=groups))

    table = answer["series"]["Opened [Total Events]"]
    assert table["$overall"]["$overall"] == {"all": 3}
    assert table["acme"] == {
        "$overall": {"all": 3},
        "4": {"all": 1},
        "6": {"all": 1},
        "undefined": {"all": 1},
    }


def test_more_segments_than_the_limit_are_dropped_and_said_so(serve: Serve) -> None:
    asked = body("table", metric("Opened"), group=COMPANY)

    answer = adhoc(serve(EVENTS), asked, queryLimits={"limit": 1})

    assert answer["series"]["Opened [Total Events]"] == {"$overall": {"all": 3}, "acme": {"all": 3}}
    assert answer["meta"]["is_segmentation_limit_hit"] is True


def test_a_funnel_chart_holds_the_whole_step_table(serve: Serve) -> None:
    mixpanel = serve(EVENTS)
    chart = body("funnel-steps", funnel("Opened", "Closed"))

    answer = adhoc(mixpanel, chart)
    split = adhoc(mixpanel, body("funnel-steps", funnel("Opened", "Closed"), group=COMPANY))

    assert answer["headers"] == ["$funnel"]
    assert answer["date_range"] == {"from_date": "2026-11-19", "to_date": "2026-11-20"}
    table = answer["series"]["Opened through Closed"]
    assert table["count"] == {"1. Opened": {"all": 2}, "2. Closed": {"all": 1}}
    assert table["overall_conv_ratio"] == {"1. Opened": {"all": 1}, "2. Closed": {"all": 0.5}}
    assert table["avg_time"]["1. Opened"] == {"all": 0}
    segments = split["series"]["Opened through Closed"]
    assert split["headers"] == ["$funnel", "company_id"]
    assert segments["$overall"]["count"] == table["count"]
    assert segments["globex"]["count"] == {"1. Opened": {"all": 1}, "2. Closed": {"all": 1}}


def test_a_filter_over_a_funnel_looks_at_the_first_step_that_has_the_property(serve: Serve) -> None:
    """The step without the property stays in, which a filter over single events would lose."""
    events = [
        event("Opened", "u1", "2026-11-20T10:00:00"),
        event("Shared", "u1", "2026-11-20T10:05:00", company_id="acme"),
        event("Closed", "u1", "2026-11-20T10:10:00"),
        event("Opened", "u2", "2026-11-20T10:00:00", company_id="globex"),
        event("Shared", "u2", "2026-11-20T10:05:00", company_id="acme"),
    ]
    acme = [{"value": "company_id", "filterOperator": "equals", "filterValue": ["acme"]}]

    answer = adhoc(serve(events), body("funnel-steps", funnel("Opened", "Shared", "Closed"), filter=acme))

    assert answer["series"]["Opened through Closed"]["count"] == {
        "1. Opened": {"all": 1},
        "2. Shared": {"all": 1},
        "3. Closed": {"all": 1},
    }


@pytest.mark.parametrize("status", [200, 404, 500])
def test_ad_hoc_reports_can_be_refused_while_saved_ones_are_answered(serve: Serve, status: int) -> None:
    saved = {"id": 3, "name": "R", "type": "insights", "params": body("bar", metric("Closed"))}
    mixpanel = serve(EVENTS, reports=[saved])
    mixpanel.fault("ad_hoc", "/insights", status=status)

    answer = mixpanel.post("/api/query/insights", json={"bookmark": body("bar", metric("Closed"))})

    assert answer.status_code == status
    assert answer.json()["error"]
    assert mixpanel.ask("insights", bookmark_id=3)["series"] == {"Closed [Total Events]": {"all": 1}}


def test_funnels_stand_beside_other_metrics(serve: Serve) -> None:
    answer = adhoc(serve(EVENTS), body("table", funnel("Opened", "Closed"), metric("Closed")))

    assert answer["series"] == {"Opened through Closed": {"all": 0.5}, "Closed [Total Events]": {"all": 1}}


def test_a_saved_report_is_answered_by_its_id(serve: Serve) -> None:
    recent = [{"dateRangeType": "in the last", "unit": "day", "window": {"unit": "day", "value": 2}}]
    params = body("bar", metric("Closed"), time=recent)
    flows = {"id": 4, "name": "Paths", "type": "flows", "params": {}}
    saved = {"id": 3, "name": "R", "type": "insights", "params": params}
    mixpanel = serve(EVENTS, reports=[saved, flows], now="2026-11-21T02:00:00+00:00")

    answer = mixpanel.ask("insights", bookmark_id=3)

    assert answer["date_range"]["from_date"] == "2026-11-20T00:00:00+00:00"
    assert answer["series"] == {"Closed [Total Events]": {"all": 2}}
    assert mixpanel.get("/api/query/insights", bookmark_id=5).status_code == 404
    assert mixpanel.get("/api/query/insights", bookmark_id=4).status_code == 400


@pytest.mark.parametrize(
    ("envelope", "error"),
    [
        ({"queryLimits": {"limit": 50_001}}, "Query limit exceeds max limit of 50000 (50001 was given)"),
        ({"bookmark": {"queryLimits": {}}}, "Extra inputs are not permitted at queryLimits"),
        ({"limit": 5}, "Extra inputs are not permitted at limit"),
        ({"queryLimits": {"segments": 5}}, "Extra inputs are not permitted at queryLimits.segments"),
        ({"bookmark": body("bar", groups=[])}, "Extra inputs are not permitted at sections.groups"),
        (
            {"bookmark": body("bar", metric("Opened"), filter=[{"expression": "x"}])},
            "Extra inputs are not permitted at sections.filter.expression",
        ),
        (
            {"bookmark": body("bar", metric("Opened", where="x"))},
            "Extra inputs are not permitted at behavior.where",
        ),
        ({"bookmark": {"sections": {}}}, "sections.show must not be empty"),
        ({"bookmark": None}, "Missing required parameter: bookmark_id"),
        ({"bookmark": body("bar", {"type": "formula"})}, "Unsupported metric: formula"),
        ({"bookmark": body("bar", metric("Opened", "dau"))}, "Unsupported math: dau"),
    ],
)
def test_bodies_that_cannot_be_answered_are_400(serve: Serve, envelope: Any, error: str) -> None:
    asked = {"project_id": 12345, "bookmark": body("bar", metric("Opened"))} | envelope

    answer = serve(EVENTS).post("/api/query/insights", json=asked)

    assert (answer.status_code, answer.json()["error"]) == (400, error)


def test_the_app_api_says_the_timezone_and_lists_what_is_saved_for_free(serve: Serve) -> None:
    report = {"id": 3, "name": "R", "type": "insights", "params": {}}
    board = {"id": 9, "title": "Board", "reports": [3]}
    mixpanel = serve(EVENTS, timezone="Asia/Tokyo", funnels=[], reports=[report], dashboards=[board])
    base = "/api/app/projects/12345"

    me = mixpanel.get("/api/app/me").json()

    assert me["status"] == "ok"
    assert me["results"]["projects"]["12345"]["timezone"] == "Asia/Tokyo"
    assert mixpanel.get(f"{base}/bookmarks", v=2, type="insights").json()["results"] == [report]
    assert mixpanel.get(f"{base}/bookmarks", v=2, type="funnels").json()["results"] == []
    assert mixpanel.get(f"{base}/bookmarks", v=2, ids="3,4").json()["results"] == [report]
    assert mixpanel.get(f"{base}/dashboards").json()["results"] == [board]
    assert mixpanel.get(f"{base}/dashboards/9").json()["results"] == board
    assert mixpanel.get(f"{base}/dashboards/8").status_code == 404
    assert mixpanel.get("/api/app/projects/999/bookmarks").status_code == 401
    assert mixpanel.http.get("/control/ledger").json()["counted_last_hour"] == 0


def test_the_app_api_refuses_in_its_own_shape(serve: Serve) -> None:
    with client(serve(EVENTS).state, auth=("x", "y")) as http:
        answer = http.get("/mixpanel/api/app/me")

    assert answer.status_code == 401
    assert answer.json() == {"status": "error", "error": "Invalid service account credentials"}


@needs_dungeon
def test_every_saved_report_of_the_dungeon_is_answered(dungeon: Mixpanel) -> None:
    expected = json.loads(
        (dungeon.state.world.folder / "expected-2026-10-22--2026-11-20.json").read_text("utf-8")
    )
    period = [{"dateRangeType": "between", "unit": "day", "value": ["2026-10-22", "2026-11-20"]}]

    for report in dungeon.project["reports"]:
        assert dungeon.ask("insights", bookmark_id=report["id"])["series"]
    (active,) = (each for each in dungeon.project["reports"] if each["name"] == "Active people by company")
    sections = active["params"]["sections"] | {"time": period}
    asked = {
        "project_id": dungeon.project["project_id"],
        "bookmark": active["params"] | {"sections": sections},
    }
    (table,) = dungeon.post("/api/query/insights", json=asked).json()["series"].values()

    assert table["$overall"] == {"all": expected["everyone"]["unique_users"]}
    for account, figures in expected["accounts"].items():
        if figures["period"]["unique_users"]:
            assert table[account] == {"all": figures["period"]["unique_users"]}


def test_a_funnel_of_the_world_without_a_report_is_a_saved_report_too(serve: Serve) -> None:
    steps = [{"event": "Opened"}, {"event": "Closed"}]
    saved = {"funnel_id": 7, "name": "Through", "steps": steps, "length": 1, "length_unit": "day"}
    mixpanel = serve(EVENTS, funnels=[saved], reports=[])

    [found] = mixpanel.get("/api/app/projects/12345/bookmarks", v=2, type="funnels").json()["results"]

    [shown] = found["params"]["sections"]["show"]
    assert (found["id"], found["name"], found["type"]) == (7, "Through", "funnels")
    assert [each["name"] for each in shown["behavior"]["behaviors"]] == ["Opened", "Closed"]
    assert mixpanel.get("/api/query/insights", bookmark_id=7, project_id=12345).status_code == 200
