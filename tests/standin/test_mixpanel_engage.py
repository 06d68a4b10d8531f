"""Profiles over HTTP: filters, paging, groups, cohorts and behaviors."""

from __future__ import annotations

import json
from typing import Any

from tests.dungeon import needs_dungeon
from tests.standin.conftest import Mixpanel, Raw, Serve, event

PROFILES = {
    "u1": {"$email": "jo@acme.example", "plan": "pro", "seats": 5, "$last_seen": "2026-11-19T10:00:00"},
    "u2": {"$email": "al@globex.example", "plan": "free"},
    "u3": {"plan": "pro", "seats": "5"},
}
EVENTS = [
    event("Tried", "u1", "2026-11-19T10:00:00", kind="csv"),
    event("Tried", "u1", "2026-11-20T10:00:00", kind="pdf"),
    event("Tried", "u2", "2026-11-20T10:00:00", kind="csv"),
    event("Done", "u2", "2026-11-20T11:00:00"),
    event("Tried", "ghost", "2026-11-20T10:00:00"),
    event("Tried", "u3", "2026-10-01T10:00:00"),
]
STUCK: Raw = {
    "selector": {
        "operator": "and",
        "children": [
            {"property": "behaviors", "value": "tried", "operator": ">=", "operand": 1},
            {"property": "behaviors", "value": "done", "operator": "==", "operand": 0},
        ],
    },
    "behaviors": {
        "tried": {"count": {"event_selector": {"event": "Tried"}}, "window": {"unit": "day", "value": 30}},
        "done": {"count": {"event_selector": {"event": "Done"}}, "window": {"unit": "day", "value": 30}},
    },
}


def ids(answer: Any) -> list[str]:
    return [row["$distinct_id"] for row in answer["results"]]


def test_profiles_are_filtered_and_projected(serve: Serve) -> None:
    mixpanel = serve(EVENTS, profiles=PROFILES)

    answer = mixpanel.ask("engage", where='properties["seats"] == 5', output_properties='["$email", "none"]')

    assert answer["results"] == [{"$distinct_id": "u1", "$properties": {"$email": "jo@acme.example"}}]
    assert (answer["page"], answer["page_size"], answer["status"], answer["total"]) == (0, 1000, "ok", 1)
    assert ids(mixpanel.ask("engage", where='properties["$last_seen"] >= "2026-11-01T00:00:00"')) == ["u1"]


def test_get_form_and_json_ask_the_same(serve: Serve) -> None:
    mixpanel = serve(EVENTS, profiles=PROFILES)
    where = 'properties["plan"] == "pro"'

    answers = [
        mixpanel.ask("engage", where=where),
        mixpanel.post("/api/query/engage", data={"where": where}).json(),
        mixpanel.post("/api/2.0/engage", json={"where": where, "output_properties": ["plan"]}).json(),
    ]

    assert [ids(answer) for answer in answers] == [["u1", "u3"]] * 3


def test_ids_can_be_named(serve: Serve) -> None:
    mixpanel = serve(EVENTS, profiles=PROFILES)

    assert ids(mixpanel.ask("engage", distinct_id="u2")) == ["u2"]
    assert ids(mixpanel.ask("engage", distinct_ids='["u3", "nobody", "u1"]')) == ["u3", "u1"]
    assert mixpanel.get("/api/query/engage", distinct_id="u2", distinct_ids='["u3"]').status_code == 400
    many = json.dumps([str(number) for number in range(2001)])
    assert mixpanel.post("/api/query/engage", data={"distinct_ids": many}).status_code == 400


def test_pages_come_from_a_snapshot_and_only_the_first_says_the_total(serve: Serve) -> None:
    mixpanel = serve(EVENTS, profiles=PROFILES)
    first = mixpanel.ask("engage", page_size=2)
    update = {"$token": mixpanel.project["token"], "$distinct_id": "u3", "$set": {"plan": "changed"}}
    assert mixpanel.post("/engage", json=[update]).text == "1"

    second = mixpanel.ask("engage", page_size=2, session_id=first["session_id"], page=1)

    assert (ids(first), first["total"]) == (["u1", "u2"], 3)
    assert second["results"] == [{"$distinct_id": "u3", "$properties": PROFILES["u3"]}]
    assert "total" not in second
    assert second["session_id"] == first["session_id"]


def test_a_later_page_needs_a_session_that_is_still_there(serve: Serve) -> None:
    mixpanel = serve(EVENTS, profiles=PROFILES)
    session = mixpanel.ask("engage")["session_id"]

    without = mixpanel.get("/api/query/engage", page=1)
    mixpanel.http.post("/control/clock", json={"now": "2026-11-21T03:00:00+00:00"})
    expired = mixpanel.get("/api/query/engage", page=1, session_id=session)

    for answer in (without, expired):
        assert answer.status_code == 400
        assert answer.json()["error"] == "request for page in uncached query for params"


def test_a_later_page_has_to_repeat_the_question_and_its_moment(serve: Serve) -> None:
    mixpanel = serve(EVENTS, profiles=PROFILES)
    tried = [{"window": "30d", "name": "tried", "event_selectors": [{"event": "Tried"}]}]
    asked = {"behaviors": json.dumps(tried), "page_size": 1}
    session = mixpanel.ask("engage", **asked)["session_id"]
    timed = asked | {"as_of_timestamp": 1795226400}
    other = mixpanel.ask("engage", **timed)["session_id"]

    good = mixpanel.get("/api/query/engage", **timed, page=1, session_id=other)
    untimed = mixpanel.get("/api/query/engage", **asked, page=1, session_id=session)
    changed = mixpanel.get("/api/query/engage", **timed, page=1, session_id=other, where="true")

    assert [each.status_code for each in (good, untimed, changed)] == [200, 400, 400]
    assert untimed.json()["error"] == "request for page in uncached query for params"


def test_groups_are_asked_by_their_data_group_id(serve: Serve) -> None:
    groups = {"company_id": {"acme": {"$name": "Acme", "ARR": 9}, "globex": {"$name": "Globex"}}}
    mixpanel = serve(EVENTS, profiles=PROFILES, groups=groups)

    answer = mixpanel.ask("engage", data_group_id="-77", where='properties["ARR"] > 1')

    assert answer["results"] == [{"$distinct_id": "acme", "$properties": {"$name": "Acme", "ARR": 9}}]
    assert mixpanel.get("/api/query/engage", data_group_id="5").status_code == 400


def test_behaviors_find_those_who_tried_and_did_not_succeed(serve: Serve) -> None:
    mixpanel = serve(EVENTS, profiles=PROFILES)
    behaviors = [
        {"window": "30d", "name": "tried", "event_selectors": [{"event": "Tried"}]},
        {"window": "30d", "name": "done", "event_selectors": [{"event": "Done"}]},
    ]
    csv = [
        {
            "window": "7d",
            "name": "csv",
            "event_selectors": [{"event": "Tried", "selector": 'event["kind"] == "csv"'}],
        }
    ]

    stuck = mixpanel.ask(
        "engage",
        behaviors=json.dumps(behaviors),
        where='(behaviors["tried"] >= 1) and (behaviors["done"] == 0)',
    )
    once = mixpanel.ask("engage", behaviors=json.dumps(csv), where='behaviors["csv"] == 1')

    assert ids(stuck) == ["u1"]
    assert ids(once) == ["u1", "u2"]


def test_cohorts_choose_by_id_or_definition_with_and_without_profile(serve: Serve) -> None:
    mixpanel = serve(EVENTS, profiles=PROFILES, cohorts=[{"id": 5, "name": "Stuck", "definition": STUCK}])

    everybody = mixpanel.ask("engage", filter_by_cohort='{"id": 5}')
    known = mixpanel.ask("engage", filter_by_cohort='{"id": 5}', include_all_users="false")
    inline = mixpanel.post("/api/query/engage", json={"filter_by_cohort": {"raw_cohort": STUCK}}).json()

    assert ids(everybody) == ids(inline) == ["u1", "ghost"]
    assert everybody["results"][1]["$properties"] == {}
    assert ids(known) == ["u1"]
    assert mixpanel.get("/api/query/engage", filter_by_cohort='{"id": 6}').status_code == 404
    assert mixpanel.ask("cohorts/list") == [{"id": 5, "name": "Stuck"}]


@needs_dungeon
def test_cohorts_of_the_dungeon_have_the_size_they_claim(dungeon: Mixpanel) -> None:
    for cohort in dungeon.project["cohorts"]:
        answer = dungeon.ask("engage", filter_by_cohort=json.dumps({"id": cohort["id"]}))
        assert answer["total"] == cohort["count"]
