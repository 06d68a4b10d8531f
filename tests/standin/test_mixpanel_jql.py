"""JQL: the language's surface, run over HTTP."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.dungeon import needs_dungeon
from tests.standin.conftest import Mixpanel, Serve, event

PROFILES = {
    "u1": {"plan": "pro", "$last_seen": "2026-11-20T00:00:00"},
    "u2": {"plan": "free"},
    "u4": {"plan": "pro"},
}
EVENTS = [
    event("Opened", "u1", "2026-11-18T10:00:00", company_id="acme", size=10, info={"a": 1, "b": {"c": 2}}),
    event("Opened", "u1", "2026-11-19T10:00:00", company_id="acme", size=30, info={"a": 2, "b": {"c": 3}}),
    event("Opened", "u2", "2026-11-19T23:30:00", company_id=["acme", "globex"], size="7"),
    event("Closed", "u1", "2026-11-19T09:00:00", company_id="globex", size=20),
    event("Closed", "u3", "2026-11-20T09:00:00"),
]
SOURCE = 'Events({from_date: "2026-11-18", to_date: "2026-11-20"})'


@pytest.fixture
def mixpanel(serve: Serve) -> Mixpanel:
    return serve(EVENTS, profiles=PROFILES)


def run(mixpanel: Mixpanel, body: str, **params: Any) -> Any:
    script = f"function main() {{ return {body}; }}"
    answer = mixpanel.post("/api/query/jql", data={"script": script, "params": json.dumps(params)})
    assert answer.status_code == 200, answer.text
    return answer.json()


def failure(mixpanel: Mixpanel, script: str) -> str:
    answer = mixpanel.post("/api/query/jql", data={"script": script})
    assert answer.status_code == 412, answer.text
    return str(answer.json()["error"])


def test_events_are_items_with_project_local_milliseconds(serve: Serve) -> None:
    mixpanel = serve(EVENTS, timezone="Europe/Berlin")

    (item,) = run(mixpanel, 'Events({from_date: "2026-11-18", to_date: "2026-11-18"})')

    properties = EVENTS[0]["properties"]
    assert item == {
        "name": "Opened",
        "distinct_id": "u1",
        "time": (properties["time"] + 3600) * 1000,
        "sampling_factor": 1,
        "properties": properties,
    }


def test_dates_are_project_days(serve: Serve) -> None:
    mixpanel = serve(EVENTS, timezone="Europe/Berlin")

    users = 'groupBy(["distinct_id"], mixpanel.reducer.null())'

    assert run(
        mixpanel, f"Events({{from_date: params.day, to_date: params.day}}).{users}", day="2026-11-20"
    ) == [
        {"key": ["u2"], "value": None},
        {"key": ["u3"], "value": None},
    ]


def test_selectors_choose_events_before_the_script_sees_them(mixpanel: Mixpanel) -> None:
    selectors = [
        {"event": "Opened", "selector": 'properties["size"] > 20'},
        {"event": "Closed", "selector": 'not defined(properties["size"])'},
    ]

    found = run(
        mixpanel,
        'Events({from_date: "2026-11-18", to_date: "2026-11-20", event_selectors: params.selectors})',
        selectors=selectors,
    )

    assert [(item["name"], item["distinct_id"]) for item in found] == [("Opened", "u1"), ("Closed", "u3")]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("reduce(mixpanel.reducer.count())", [5]),
        ('reduce([mixpanel.reducer.count(), mixpanel.reducer.sum("properties.size")])', [[5, 60]]),
        ('filter((e) => e.name == "Closed").map((e) => e.distinct_id)', ["u1", "u3"]),
        ('reduce(mixpanel.reducer.avg("properties.size"))', [20]),
        ('reduce(mixpanel.reducer.min("properties.size"))', [10]),
        ("reduce(mixpanel.reducer.max((e) => e.properties.size))", [30]),
        ('reduce(mixpanel.reducer.sum(mixpanel.to_number("properties.size")))', [67]),
        (
            "filter((e) => e.properties.size < 25)"
            '.reduce(mixpanel.reducer.numeric_summary("properties.size"))',
            [{"count": 2, "sum": 30, "sum_squares": 500, "avg": 15, "stddev": 5}],
        ),
        ('reduce(mixpanel.reducer.numeric_percentiles("properties.size", 50))', [20]),
        (
            'reduce(mixpanel.reducer.numeric_percentiles("properties.size", [50, 90]))',
            [[{"percentile": 50, "value": 20}, {"percentile": 90, "value": 30}]],
        ),
        ('reduce(mixpanel.reducer.numeric_percentiles("properties.none", [50]))', [[]]),
        ('reduce(mixpanel.reducer.max_by("properties.size")).map((e) => e.properties.size)', [30]),
        ('reduce(mixpanel.reducer.min_by("properties.size")).map((e) => e.name)', ["Opened"]),
        ("map((e) => e.properties.info).reduce(mixpanel.reducer.object_merge())", [{"a": 3, "b": {"c": 5}}]),
        ("reduce(mixpanel.reducer.any()).map((e) => e.name)", ["Opened"]),
        ("reduce((seen, items) => items.length + seen.reduce((a, b) => a + b, 0))", [5]),
        ("map((e) => [e.name]).flatten().reduce(mixpanel.reducer.count())", [5]),
        ("map((e) => e.properties.size).filter((n) => _.isNumber(n)).sortDesc((n) => n)", [30, 20, 10]),
        ("map((e) => e.distinct_id).sortAsc((id) => id)", ["u1", "u1", "u1", "u2", "u3"]),
    ],
)
def test_transformations_and_reducers(mixpanel: Mixpanel, body: str, expected: Any) -> None:
    assert run(mixpanel, f"{SOURCE}.{body}") == expected


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ('["name"]', [["Opened", 3], ["Closed", 2]]),
        (
            '["name", (e) => e.distinct_id]',
            [["Opened", "u1", 2], ["Closed", "u1", 1], ["Opened", "u2", 1], ["Closed", "u3", 1]],
        ),
        ('["properties.none"]', [[None, 5]]),
        ('["properties.company_id"]', [["acme", 2], ["globex", 1], ["acme", "globex", 1], [None, 1]]),
        ('[mixpanel.multiple_keys(["properties.company_id"])]', [["acme", 3], ["globex", 2], [None, 1]]),
        ('[mixpanel.slice("name", 0, 2)]', [["Op", 3], ["Cl", 2]]),
        ('[mixpanel.numeric_bucket("properties.size", [0, 15])]', [[0, 1], [15, 2], [None, 2]]),
        (
            '[mixpanel.numeric_bucket("properties.size", {bucket_size: 20, offset: 10})]',
            [[10, 2], [30, 1], [None, 2]],
        ),
    ],
)
def test_keys_of_groups(mixpanel: Mixpanel, keys: str, expected: Any) -> None:
    found = run(mixpanel, f"{SOURCE}.groupBy({keys}, mixpanel.reducer.count())")

    assert [[*group["key"], group["value"]] for group in found] == expected


@pytest.mark.parametrize(
    ("length", "starts"),
    [
        ("daily", [["2026-11-18", 1], ["2026-11-19", 3], ["2026-11-20", 1]]),
        ("weekly", [["2026-11-16", 5]]),
        ("monthly", [["2026-11-01", 5]]),
        ("quarterly", [["2026-10-01", 5]]),
        ("annual", [["2026-01-01", 5]]),
    ],
)
def test_times_fall_into_calendar_buckets(mixpanel: Mixpanel, length: str, starts: Any) -> None:
    key = f'mixpanel.numeric_bucket("time", mixpanel.{length}_time_buckets)'

    found = run(mixpanel, f"{SOURCE}.groupBy([{key}], mixpanel.reducer.count())")

    days = [[datetime.fromtimestamp(each["key"][0] / 1000, UTC), each["value"]] for each in found]
    assert days == [[datetime.fromisoformat(f"{day}T00:00:00+00:00"), count] for day, count in starts]


def test_group_by_takes_several_reducers(mixpanel: Mixpanel) -> None:
    both = '[mixpanel.reducer.count(), mixpanel.reducer.max("properties.size")]'

    assert run(mixpanel, f'{SOURCE}.groupBy(["name"], {both})') == [
        {"key": ["Opened"], "value": [3, 30]},
        {"key": ["Closed"], "value": [2, 20]},
    ]
    top = f'{SOURCE}.groupBy(["name"], mixpanel.reducer.count()).reduce(mixpanel.reducer.top(1))'
    assert run(mixpanel, top) == [[{"key": ["Opened"], "value": 3}]]


def test_group_by_user_sees_a_users_events_in_time_order(mixpanel: Mixpanel) -> None:
    order = "(state, events) => (state || []).concat(events.map((e) => e.name[0] + e.properties.size))"

    found = run(mixpanel, f"{SOURCE}.filter((e) => e.properties.size).groupByUser({order})")
    extra = run(mixpanel, f'{SOURCE}.groupByUser(["name"], mixpanel.reducer.count())')
    chosen = run(
        mixpanel,
        f"Events(params).groupByUser({order})",
        from_date="2026-11-18",
        to_date="2026-11-19",
        event_selectors=[{"event": "Opened"}, {"event": "Closed"}],
    )

    assert chosen == found
    assert found == [{"key": ["u1"], "value": ["O10", "C20", "O30"]}, {"key": ["u2"], "value": ["O7"]}]
    assert [[*each["key"], each["value"]] for each in extra] == [
        ["u1", "Opened", 2],
        ["u1", "Closed", 1],
        ["u2", "Opened", 1],
        ["u3", "Closed", 1],
    ]


def test_a_users_own_reducer_is_called_several_times(serve: Serve) -> None:
    events = [event("Opened", "u1", f"2026-11-20T{n // 60:02}:{n % 60:02}:00") for n in range(250)]

    found = run(
        serve(events), f"{SOURCE}.groupByUser((state, events) => (state || []).concat(events.length))"
    )

    assert found == [{"key": ["u1"], "value": [100, 100, 50]}]


def test_group_limits_keep_the_first_of_each_level(mixpanel: Mixpanel) -> None:
    groups = f'{SOURCE}.groupBy(["name", "distinct_id"], mixpanel.reducer.count()).sortDesc("value")'

    assert run(mixpanel, f"{groups}.applyGroupLimits([2, 1])") == [
        {"key": ["Opened", "u1"], "value": 2},
        {"key": ["Closed", "u1"], "value": 1},
    ]
    assert len(run(mixpanel, f"{groups}.applyGroupLimits([2, 2], 3)")) == 3


def test_people_are_chosen_by_their_own_properties(mixpanel: Mixpanel) -> None:
    found = run(mixpanel, "People({user_selectors: [{selector: params.plan}]})", plan='user["plan"] == "pro"')

    assert found == [
        {
            "distinct_id": "u1",
            "time": 1795132800000,
            "last_seen": 1795132800000,
            "properties": PROFILES["u1"],
        },
        {"distinct_id": "u4", "time": None, "last_seen": None, "properties": PROFILES["u4"]},
    ]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("full", [["u1", 3, "pro"], ["u2", 1, "free"], ["u3", 1, None], ["u4", 0, "pro"]]),
        ("left", [["u1", 3, "pro"], ["u2", 1, "free"], ["u3", 1, None]]),
        ("right", [["u1", 3, "pro"], ["u2", 1, "free"], ["u4", 0, "pro"]]),
        ("inner", [["u1", 3, "pro"], ["u2", 1, "free"]]),
    ],
)
def test_join_puts_events_beside_their_people(mixpanel: Mixpanel, kind: str, expected: Any) -> None:
    found = run(
        mixpanel,
        f"join({SOURCE}, People(), {{type: params.kind}}).groupByUser((state, items) => ({{"
        "events: (state ? state.events : 0) + items.filter((i) => i.event).length,"
        "plan: items[0].user ? items[0].user.properties.plan : null}))",
        kind=kind,
    )

    assert [[*each["key"], *each["value"].values()] for each in found] == expected


def test_join_selectors_see_both_sides(mixpanel: Mixpanel) -> None:
    selectors = [{"event": "Opened", "selector": 'user["plan"] == "pro" and properties["size"] > 20'}]

    found = run(mixpanel, f'join({SOURCE}, People(), {{type: "inner", selectors: params.s}})', s=selectors)

    assert [item["event"]["properties"]["size"] for item in found] == [30]


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (f"const main = () => {SOURCE}.limit(10)", "TypeError: not a function"),
        ("const main = () => nowhere", "ReferenceError: nowhere is not defined"),
        ("function main( {", "SyntaxError"),
        ("var x = 1;", "ReferenceError: main is not defined"),
        ("const main = () => 5", "main() must return a collection"),
        (f"const main = () => {SOURCE}.map((e) => e.a.b)", "TypeError"),
        (f"const main = () => {SOURCE}.map((e) => e).groupByUser(() => 1)", "groupByUser can only follow"),
        (
            f"const main = () => {SOURCE}.reduce(Array(9).fill(mixpanel.reducer.count()))",
            "accept at most 8 reducers",
        ),
        ('const main = () => Events({from_date: "x", to_date: "y"})', "invalid date"),
    ],
)
def test_script_errors_are_412_and_say_what_went_wrong(mixpanel: Mixpanel, script: str, error: str) -> None:
    found = failure(mixpanel, script)

    assert found.startswith("UserVisiblePreconditionFailedError: ")
    assert error in found


def test_a_missing_script_and_broken_params_are_400(mixpanel: Mixpanel) -> None:
    missing = mixpanel.post("/api/2.0/jql", data={})
    broken = mixpanel.post("/api/2.0/jql", data={"script": "1", "params": "{a: 1}"})

    assert missing.json()["error"] == "Missing required parameter: script"
    assert (missing.status_code, broken.status_code) == (400, 400)


def test_a_json_body_works_and_text_in_params_stays_text(mixpanel: Mixpanel) -> None:
    text = '"]}); throw 1; \u2028 </script>'
    script = f"const main = () => {SOURCE}.reduce(() => params.text)"

    answer = mixpanel.post("/api/query/jql", json={"script": script, "params": {"text": text}})

    assert answer.json() == [text]


def test_a_script_that_runs_too_long_is_stopped(mixpanel: Mixpanel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("standin.mixpanel.jql.SECONDS", 0.1)

    assert "took longer" in failure(mixpanel, "function main() { while (true); }")


@needs_dungeon
def test_jql_totals_of_the_dungeon_equal_the_independent_count(dungeon: Mixpanel) -> None:
    expected = json.loads(
        (dungeon.state.world.folder / "expected-2026-10-22--2026-11-20.json").read_text("utf-8")
    )

    found = run(
        dungeon,
        'Events({from_date: "2026-10-22", to_date: "2026-11-20"}).filter((e) => e.name != "$identify")'
        '.groupBy([mixpanel.multiple_keys(["properties.company_id"])],'
        " [mixpanel.reducer.count(), (seen, items) => _.union(...seen, items.map((e) => e.distinct_id))])"
        ".map((group) => ({key: group.key, value: [group.value[0], group.value[1].length]}))",
    )

    totals = {group["key"][0]: group["value"] for group in found}
    for account, figures in expected["accounts"].items():
        period = figures["period"]
        assert totals.get(account, [0, 0]) == [period["total_events"], period["unique_users"]]
