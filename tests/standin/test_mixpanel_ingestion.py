"""Writes: events and profiles, their strictness, and where they show up."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from tests.standin.conftest import Mixpanel, Serve, client, event

DAY = "2026-11-20"
EVENTS = [event("Opened", "u1", f"{DAY}T10:00:00")]


def write(mixpanel: Mixpanel, path: str = "/engage", **update: Any) -> str:
    names = {"token": mixpanel.project["token"]} | update
    return mixpanel.post(path, json=[{f"${name}": value for name, value in names.items()}]).text


def profile(mixpanel: Mixpanel, distinct_id: str = "u1") -> Any:
    rows = mixpanel.ask("engage", distinct_id=distinct_id)["results"]
    return rows[0]["$properties"] if rows else None


def test_imported_events_show_up_everywhere_and_count_once(serve: Serve) -> None:
    mixpanel = serve(EVENTS)
    new = event("Opened", "u2", f"{DAY}T11:00:00")
    for _ in range(2):
        answer = mixpanel.post("/import", {"strict": 1}, json=[new])
        assert answer.json() == {"code": 200, "num_records_imported": 1, "status": "OK"}
    dates = {"from_date": DAY, "to_date": DAY}

    counted = mixpanel.ask("segmentation", event="Opened", **dates)["data"]["values"]["Opened"]
    stream = mixpanel.ask("stream/query", distinct_ids='["u2"]', **dates)["results"]["events"]
    script = "function main() { return Events(params).reduce(mixpanel.reducer.count()); }"
    jql = mixpanel.post("/api/query/jql", data={"script": script, "params": json.dumps(dates)})

    assert counted == {DAY: 2}
    assert (len(stream), jql.json()) == (1, [2])
    assert [each["properties"]["distinct_id"] for each in mixpanel.exported(DAY, DAY)] == ["u1", "u2", "u2"]
    assert mixpanel.exported(DAY, DAY)[1]["properties"]["$import"] is True


def test_good_events_are_kept_beside_bad_ones(serve: Serve) -> None:
    mixpanel = serve(EVENTS)
    good = event("Opened", "u2", f"{DAY}T11:00:00")
    bad = [
        event("", "u2", f"{DAY}T11:00:00"),
        event("Opened", "undefined", f"{DAY}T11:00:00"),
        event("Opened", "u2", f"{DAY}T11:00:00", **{"$insert_id": "has spaces"}),
        event("Opened", "u2", "1970-01-01T00:00:10"),
    ]

    answer = mixpanel.post("/import", json=[*bad, good])

    assert answer.status_code == 400
    body = answer.json()
    assert body["num_records_imported"] == 1
    assert [(each["index"], each["field"]) for each in body["failed_records"]] == [
        (0, "event"),
        (1, "properties.distinct_id"),
        (2, "properties.$insert_id"),
        (3, "properties.time"),
    ]
    assert mixpanel.post("/import", {"strict": 0}, json=bad).json()["num_records_imported"] == 0
    assert len(mixpanel.exported(DAY, DAY)) == 2


def test_import_takes_the_token_lines_gzip_and_milliseconds(serve: Serve) -> None:
    mixpanel = serve(EVENTS)
    first = event("Opened", "u2", f"{DAY}T11:00:00")
    second = event("Opened", "u3", f"{DAY}T12:00:00")
    second["properties"]["time"] *= 1000
    body = gzip.compress(f"{json.dumps(first)}\n{json.dumps(second)}\n".encode())

    with client(mixpanel.state, auth=(mixpanel.project["token"], "")) as http:
        answer = http.post("/mixpanel/import", content=body, headers={"content-encoding": "gzip"})

    assert answer.json()["num_records_imported"] == 2
    times = [each["properties"]["time"] for each in mixpanel.exported(DAY, DAY)]
    assert times == [1795168800, 1795172400, 1795176000]


def test_a_time_far_in_the_future_becomes_now(serve: Serve) -> None:
    mixpanel = serve(EVENTS)
    soon, far = event("Opened", "u2", "2026-11-21T02:30:00"), event("Opened", "u3", "2026-12-24T02:30:00")

    mixpanel.post("/import", json=[soon, far])

    kept = [each["properties"]["time"] for each in mixpanel.exported("2026-11-21", "2026-11-21")]
    start = event("", "", "2026-11-21T02:00:00")["properties"]["time"]
    assert kept[0] == soon["properties"]["time"]
    assert start <= kept[1] < start + 60


def test_import_refuses_strangers_and_too_much(serve: Serve) -> None:
    mixpanel = serve(EVENTS)
    one = event("Opened", "u2", f"{DAY}T11:00:00")

    with client(mixpanel.state, auth=("nobody", "")) as http:
        refused = http.post("/mixpanel/import", params={"project_id": 12345}, json=[one])
    large = mixpanel.post("/import", json=[one | {"padding": "x" * 2_200_000}])

    assert refused.json() == {"code": 401, "error": "Invalid credentials", "status": "Unauthorized"}
    assert large.json() == {
        "code": 413,
        "error": "request exceeds max limit of 2097152 bytes",
        "status": "Request Entity Too Large",
    }
    assert mixpanel.post("/import", json=[one] * 2001).status_code == 413


def test_old_projects_keep_imports_as_wall_clocks(serve: Serve) -> None:
    mixpanel = serve(EVENTS, created="2020-01-01", timezone="Asia/Tokyo")

    mixpanel.post("/import", json=[event("Opened", "u2", f"{DAY}T01:00:00")])

    assert (
        mixpanel.exported(DAY, DAY)[-1]["properties"]["time"]
        == event("", "", f"{DAY}T10:00:00")["properties"]["time"]
    )


@pytest.mark.parametrize(
    ("update", "expected"),
    [
        ({"set": {"plan": "pro"}}, {"plan": "pro", "tags": ["a"], "n": 1}),
        ({"set_once": {"plan": "pro", "new": 1}}, {"plan": "free", "tags": ["a"], "n": 1, "new": 1}),
        ({"add": {"n": 2, "m": 1}}, {"plan": "free", "tags": ["a"], "n": 3, "m": 1}),
        ({"union": {"tags": ["a", "b"]}}, {"plan": "free", "tags": ["a", "b"], "n": 1}),
        ({"append": {"tags": "a"}}, {"plan": "free", "tags": ["a", "a"], "n": 1}),
        ({"remove": {"tags": "a"}}, {"plan": "free", "tags": [], "n": 1}),
        ({"unset": ["n", "gone"]}, {"plan": "free", "tags": ["a"]}),
        ({"delete": ""}, None),
    ],
)
def test_profile_operations(serve: Serve, update: dict[str, Any], expected: Any) -> None:
    mixpanel = serve(EVENTS, profiles={"u1": {"plan": "free", "tags": ["a"], "n": 1}})

    assert write(mixpanel, distinct_id="u1", ignore_time=True, **update) == "1"
    assert profile(mixpanel) == expected


def test_a_write_looks_like_activity_unless_time_is_ignored(serve: Serve) -> None:
    mixpanel = serve(EVENTS, timezone="Europe/Berlin")

    write(mixpanel, distinct_id="new", set={"plan": "pro"})

    assert profile(mixpanel, "new")["$last_seen"].startswith("2026-11-21T03:00:")


def test_bad_updates_change_nothing_and_still_answer_200(serve: Serve) -> None:
    mixpanel = serve(EVENTS, profiles={"u1": {"plan": "free"}})

    assert write(mixpanel, distinct_id="u1", token="wrong", set={"plan": "pro"}) == "0"
    assert write(mixpanel, distinct_id="u1", add={"plan": 1}) == "0"
    assert write(mixpanel, distinct_id="u1") == "0"
    verbose = mixpanel.post("/engage", {"verbose": 1}, json=[{"$token": mixpanel.project["token"]}])
    assert (verbose.status_code, verbose.json()) == (
        200,
        {"status": 0, "error": "$distinct_id, missing or empty"},
    )
    assert profile(mixpanel) == {"plan": "free"}


def test_groups_take_fewer_operations(serve: Serve) -> None:
    mixpanel = serve(EVENTS, groups={"company_id": {"acme": {"n": 1}}})
    acme = {"group_key": "company_id", "group_id": "acme"}

    assert write(mixpanel, "/groups", set={"n": 2}, **acme) == "1"
    assert write(mixpanel, "/groups", add={"n": 2}, **acme) == "0"
    assert write(mixpanel, "/groups", set={"n": 2}, group_key="other", group_id="acme") == "0"
    rows = mixpanel.ask("engage", data_group_id="-77")["results"]
    assert rows == [{"$distinct_id": "acme", "$properties": {"n": 2}}]


def test_reset_forgets_what_was_written(serve: Serve) -> None:
    mixpanel = serve(EVENTS, profiles={"u1": {"plan": "free"}})
    write(mixpanel, distinct_id="u1", set={"plan": "pro"})
    mixpanel.post("/import", json=[event("Opened", "u2", f"{DAY}T11:00:00")])
    assert mixpanel.ask("events/names", from_date=DAY, to_date=DAY) == ["Opened"]

    mixpanel.http.post("/control/reset", json={}).raise_for_status()

    assert profile(mixpanel) == {"plan": "free"}
    assert mixpanel.exported(DAY, DAY) == EVENTS
    counted = mixpanel.ask("segmentation", event="Opened", from_date=DAY, to_date=DAY)
    assert counted["data"]["values"]["Opened"] == {DAY: 1}
