"""Who may query, what it costs, and the counts over time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.standin.conftest import Mixpanel, Serve, client, event

EVENTS = [
    event("Opened", "u1", "2026-11-18T22:30:00", company_id="acme"),
    event("Opened", "u1", "2026-11-19T10:00:00", company_id="acme"),
    event("Opened", "u2", "2026-11-19T23:30:00", company_id=["acme", "globex"]),
    event("Opened", "u3", "2026-11-20T08:00:00"),
    event("Closed", "u3", "2026-11-20T09:00:00", company_id=None, seats=4),
]
DATES = {"from_date": "2026-11-19", "to_date": "2026-11-20"}


@pytest.mark.parametrize(
    ("auth", "project_id", "status", "error"),
    [
        (("reader.abc.mp-service-account", "wrong"), "12345", 401, "Invalid service account credentials"),
        (("0123456789abcdef0123456789abcdef", ""), "12345", 401, "Invalid service account credentials"),
        (("somebody.else", "tiny-secret"), "12345", 401, "Invalid service account credentials"),
        (("reader.abc.mp-service-account", "tiny-secret"), "999", 401, "Invalid credentials"),
        (
            ("reader.abc.mp-service-account", "tiny-secret"),
            "",
            400,
            "Missing required parameter: project_id",
        ),
    ],
)
def test_only_the_projects_service_account_may_query(
    serve: Serve, auth: tuple[str, str], project_id: str, status: int, error: str
) -> None:
    mixpanel = serve(EVENTS)

    with client(mixpanel.state, auth=auth) as http:
        answer = http.get("/mixpanel/api/query/funnels/list", params={"project_id": project_id})

    assert answer.status_code == status
    assert answer.json() == {"request": f"/api/query/funnels/list?project_id={project_id}", "error": error}
    assert mixpanel.http.get("/control/ledger").json()["counted_last_hour"] == 0


def test_the_bodys_project_wins_over_the_urls(serve: Serve) -> None:
    mixpanel = serve(EVENTS)

    good = mixpanel.post("/api/query/engage", {"project_id": 999}, json={"project_id": 12345})
    bad = mixpanel.post("/api/2.0/engage/", data={"project_id": "999"})

    assert (good.status_code, bad.status_code) == (200, 401)


def test_the_window_fills_up_and_empties_as_the_clock_moves(serve: Serve) -> None:
    mixpanel = serve(EVENTS, query_limit=3)
    for _ in range(3):
        mixpanel.ask("funnels/list")

    full = mixpanel.get("/api/query/funnels/list")

    assert full.status_code == 429
    assert full.headers["RateLimit-Policy"] == (
        '"project";q=3;w=3600, "project-concurrency";q=5;qu="concurrent-requests"'
    )
    assert full.headers["RateLimit"] == '"project";r=0;t=3600, "project-concurrency";r=5'
    assert full.headers["Retry-After"] == "3600"
    assert full.json()["error"].startswith(
        "Query rate limit exceeded for project_id: 12345. This request exceeded the rate limit "
        "(4/3 queries running in the last hour)."
    )
    mixpanel.http.post("/control/clock", json={"now": "2026-11-21T03:00:30+00:00"})
    mixpanel.ask("funnels/list")


def test_later_pages_and_refusals_cost_nothing_and_jql_costs_in_both_budgets(serve: Serve) -> None:
    mixpanel = serve(EVENTS, profiles={"u1": {}, "u2": {}})
    session = mixpanel.ask("engage", page_size=1)["session_id"]
    mixpanel.ask("engage", page_size=1, session_id=session, page=1)
    mixpanel.fault("status", "segmentation", status=402, body={"error": "plan"}, times=1)
    assert mixpanel.get("/api/query/segmentation").status_code == 402
    assert mixpanel.get("/api/query/segmentation").status_code == 400
    mixpanel.post("/api/query/jql", data={})

    ledger = mixpanel.http.get("/control/ledger").json()
    counted = [each["counted"] for each in mixpanel.http.get("/control/requests").json()]

    assert ledger == {
        "limit": 60,
        "counted_last_hour": 3,
        "most_at_once": 1,
        "export_last_hour": 0,
        "by_endpoint": {"engage": 1, "segmentation": 1, "jql": 1},
    }
    assert counted == [True, False, False, True, True]


def test_concurrency_and_load_shedding_have_their_own_429(serve: Serve) -> None:
    mixpanel = serve(EVENTS)
    mixpanel.fault("concurrency", times=1)
    mixpanel.fault("load_shed", times=1)
    mixpanel.fault("rate_limit", times=1)

    busy, shed, full, fine = (mixpanel.get("/api/query/funnels/list") for _ in range(4))

    assert busy.headers["RateLimit"] == '"project";r=60, "project-concurrency";r=0;t=10'
    assert busy.json() == {
        "error": "Query rate limit exceeded for project_id: 12345. This request exceeded the concurrency "
        "limit (6/5 queries running concurrently)."
    }
    assert "RateLimit" not in shed.headers
    assert shed.json()["error"].startswith("Query rate limit exceeded for project_id: 12345 For more")
    assert "(61/60 queries running in the last hour)" in full.json()["error"]
    assert [each.status_code for each in (busy, shed, full, fine)] == [429, 429, 429, 200]


def test_a_sixth_query_at_once_is_refused(serve: Serve) -> None:
    mixpanel = serve(EVENTS)
    mixpanel.fault("slow", seconds=0.2)

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: mixpanel.get("/api/query/funnels/list"), range(6)))

    assert sorted(each.status_code for each in answers) == [200] * 5 + [429]


def test_segmentation_counts_by_project_day_and_segment(serve: Serve) -> None:
    mixpanel = serve(EVENTS, timezone="Europe/Berlin")

    plain = mixpanel.ask("segmentation", event="Opened", **DATES)
    split = mixpanel.ask("segmentation", event="Opened", on='properties["company_id"]', **DATES)

    assert plain == {
        "data": {
            "series": ["2026-11-19", "2026-11-20"],
            "values": {"Opened": {"2026-11-19": 1, "2026-11-20": 2}},
        },
        "legend_size": 1,
    }
    assert split["legend_size"] == 3
    assert split["data"]["values"] == {
        "acme": {"2026-11-19": 1, "2026-11-20": 1},
        "globex": {"2026-11-19": 0, "2026-11-20": 1},
        "undefined": {"2026-11-19": 0, "2026-11-20": 1},
    }


def test_segmentation_knows_uniques_units_filters_and_limits(serve: Serve) -> None:
    mixpanel = serve(EVENTS)
    long = {"event": "Opened", "from_date": "2026-11-01", "to_date": "2026-11-20"}

    month = mixpanel.ask("segmentation", unit="month", type="unique", **long)["data"]
    week = mixpanel.ask("segmentation", unit="week", **long)["data"]
    hour = mixpanel.ask("segmentation", event="Closed", unit="hour", **DATES)["data"]
    where = mixpanel.ask("segmentation", where='properties["company_id"] == "acme"', **long)["data"]
    one = mixpanel.ask("segmentation", on='properties["company_id"]', limit=1, **long)["data"]

    assert month["values"] == {"Opened": {"2026-11-01": 3}}
    assert week["series"] == ["2026-10-26", "2026-11-02", "2026-11-09", "2026-11-16"]
    assert week["values"]["Opened"]["2026-11-16"] == 4
    assert (len(hour["series"]), hour["values"]["Closed"]["2026-11-20 09:00:00"]) == (48, 1)
    assert sum(where["values"]["Opened"].values()) == 2
    assert list(one["values"]) == ["acme"]


def test_deliveries_of_the_same_event_count_once_and_the_last_one_wins(serve: Serve) -> None:
    first = event("Opened", "u1", "2026-11-20T10:00:00", plan="free")
    again = event("Opened", "u1", "2026-11-20T10:00:00", plan="pro", mp_processing_time_ms=9e12)
    other = event("Opened", "u1", "2026-11-20T10:00:00", **{"$insert_id": "other"})
    mixpanel = serve([again, first, other])

    found = mixpanel.ask("segmentation", event="Opened", on='properties["plan"]', **DATES)["data"]["values"]

    assert {segment: row["2026-11-20"] for segment, row in found.items()} == {"pro": 1, "undefined": 1}
    assert len(mixpanel.exported("2026-11-20", "2026-11-20")) == 3


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"from_date": "2026-11-20", "to_date": "2026-11-22"}, "to_date cannot be later than today"),
        ({"from_date": "0226-11-20", "to_date": "2026-11-20"}, "Error in from_date: invalid date, bad year"),
        ({"to_date": "2026-11-20"}, "Missing required parameter: from_date"),
        (DATES | {"where": "company_id"}, "Invalid where expression: No terminal matches 'c'"),
        (DATES | {"limit": "20000", "on": 'properties["a"]'}, "Query limit exceeds max limit of 10000"),
    ],
)
def test_bad_parameters_are_named(serve: Serve, params: dict[str, str], error: str) -> None:
    answer = serve(EVENTS).get("/api/query/segmentation", event="Opened", **params)

    assert answer.status_code == 400
    assert answer.json()["error"].startswith(error)


def test_names_and_top_list_the_events(serve: Serve) -> None:
    mixpanel = serve(EVENTS, now="2026-11-20T20:00:00+00:00")

    assert mixpanel.ask("events/names") == ["Opened", "Closed"]
    assert mixpanel.ask("events/top", type="general") == {
        "events": [
            {"amount": 1, "event": "Opened", "percent_change": -0.5},
            {"amount": 1, "event": "Closed", "percent_change": 0},
        ],
        "type": "general",
    }


def test_a_users_stream_is_in_time_order(serve: Serve) -> None:
    found = serve(EVENTS).ask("stream/query", distinct_ids='["u3", "u1"]', **DATES)

    assert found["status"] == "ok"
    assert found["results"]["events"] == [EVENTS[1], EVENTS[3], EVENTS[4]]


def test_old_projects_export_wall_clocks_and_are_queried_by_them(serve: Serve) -> None:
    """23:30 on the wall in Tokyo is 14:30 UTC; the export writes the wall's epoch."""
    mixpanel = serve(
        [event("Opened", "u1", "2026-11-19T23:30:00")], created="2020-01-01", timezone="Asia/Tokyo"
    )

    found = mixpanel.ask("segmentation", event="Opened", unit="hour", **DATES)["data"]["values"]["Opened"]
    seen = mixpanel.exported(
        "2026-11-19", "2026-11-19", where='properties["$time"] == datetime("2026-11-19T23:30:00")'
    )

    assert found["2026-11-19 23:00:00"] == 1
    assert len(seen) == 1


def test_unknown_paths_are_404_in_json(serve: Serve) -> None:
    mixpanel: Mixpanel = serve(EVENTS)

    answer = mixpanel.get("/api/query/nothing")

    assert (answer.status_code, answer.json()) == (404, {"error": "Not Found"})


SECRET = "8f1b2c3d4e5f60718293a4b5c6d7e8f9"


def test_the_project_secret_of_old_answers_queries_without_a_project_id_but_no_app_api(serve: Serve) -> None:
    state = serve(EVENTS, api_secret=SECRET).state
    with client(state, auth=(SECRET, "")) as http:
        names = http.get("/mixpanel/api/query/events/names")
        exported = http.get("/mixpanel/api/2.0/export", params=DATES)
        taken = http.post("/mixpanel/import", json=[])
        other = http.get("/mixpanel/api/query/events/names", params={"project_id": "99"})
        me = http.get("/mixpanel/api/app/me")

    assert [answer.status_code for answer in (names, exported, taken, other, me)] == [200, 200, 200, 401, 401]
    assert me.json()["error"] == "Invalid service account credentials"


def test_a_world_without_a_project_secret_takes_none(serve: Serve) -> None:
    with client(serve(EVENTS).state, auth=("", "")) as http:
        assert http.get("/mixpanel/api/query/events/names").status_code == 401
