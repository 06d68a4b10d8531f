"""Counts by event, property and number, retention and frequency, in worlds small enough to count by hand."""

from __future__ import annotations

from typing import Any

import pytest

from tests.standin.conftest import Serve, event

EVENTS = [
    event("Opened", "u1", "2026-11-18T22:30:00", plan="team", seats=4),
    event("Opened", "u1", "2026-11-19T10:00:00", plan="team", seats=40),
    event("Opened", "u2", "2026-11-19T23:30:00", plan=["team", "trial"], seats="7"),
    event("Opened", "u2", "2026-11-20T00:10:00", seats=2.5),
    event("Closed", "u3", "2026-11-20T09:00:00", plan=None),
    event("Closed", "", "2026-11-20T09:30:00"),
    event("$identify", "u1", "2026-11-20T09:40:00"),
]
DATES = {"from_date": "2026-11-18", "to_date": "2026-11-20"}
SERIES = ["2026-11-18", "2026-11-19", "2026-11-20"]


def row(*counts: float) -> dict[str, float]:
    return dict(zip(SERIES, counts, strict=True))


@pytest.mark.parametrize(
    ("kind", "opened", "closed"),
    [
        ("general", (1, 2, 1), (0, 0, 2)),
        ("unique", (1, 2, 1), (0, 0, 1)),
        ("average", (1, 1, 1), (0, 0, 2)),
    ],
)
def test_several_events_are_counted_side_by_side(
    serve: Serve, kind: str, opened: tuple[int, ...], closed: tuple[int, ...]
) -> None:
    found = serve(EVENTS).ask("events", event='["Opened", "Closed"]', type=kind, unit="day", **DATES)

    assert found == {
        "data": {"series": SERIES, "values": {"Opened": row(*opened), "Closed": row(*closed)}},
        "legend_size": 2,
    }


@pytest.mark.parametrize(
    ("unit", "interval", "keys", "total"),
    [
        ("day", 2, ["2026-11-19", "2026-11-20"], 3),
        ("week", 1, ["2026-11-16"], 4),
        ("month", 2, ["2026-10-01", "2026-11-01"], 4),
        ("hour", 3, ["2026-11-21 00:00:00", "2026-11-21 01:00:00", "2026-11-21 02:00:00"], 0),
    ],
)
def test_an_interval_is_so_many_units_up_to_now(
    serve: Serve, unit: str, interval: int, keys: list[str], total: int
) -> None:
    mixpanel = serve(EVENTS)
    now = "2026-11-21T02:00:30+00:00" if unit == "hour" else "2026-11-20T12:00:00+00:00"
    mixpanel.http.post("/control/clock", json={"now": now}).raise_for_status()

    found = mixpanel.ask("events", event='["Opened"]', type="general", unit=unit, interval=interval)

    assert found["data"]["series"] == keys
    assert sum(found["data"]["values"]["Opened"].values()) == total


@pytest.mark.parametrize(
    ("path", "params", "error"),
    [
        ("events", {"type": "general", "unit": "day"}, "Missing required parameter: event"),
        ("events", {"event": '["E"]', "unit": "day"}, "Missing required parameter: type"),
        ("events", {"event": '["E"]', "type": "general"}, "Missing required parameter: unit"),
        ("events", {"event": '["E"]', "type": "odd", "unit": "day"}, "Error in type: invalid type odd"),
        (
            "events",
            {"event": '["E"]', "type": "unique", "unit": "hour"},
            "Error in unit: unique cannot be counted by hour",
        ),
        ("events/properties", {"event": "E"}, "Missing required parameter: name"),
        ("events/properties/top", {}, "Missing required parameter: event"),
        ("events/properties/values", {"event": "E"}, "Missing required parameter: name"),
        ("segmentation/sum", {"event": "E"}, "Missing required parameter: on"),
        ("segmentation/average", {"event": "E", "unit": "week"}, "Error in unit: invalid unit week"),
        (
            "segmentation/numeric",
            {"event": "E", "on": "1", "type": "odd"},
            "Error in type: invalid type odd",
        ),
        ("retention", {}, "Missing required parameter: born_event"),
        ("retention", {"retention_type": "odd"}, "Error in retention_type: invalid type odd"),
        ("retention", {"unit": "day", "interval": 2}, "unit and interval are mutually exclusive"),
        ("retention", {"interval": 91}, "Error in interval: must be from 1 to 90 days"),
        ("retention/addiction", {"unit": "day"}, "Missing required parameter: addiction_unit"),
        (
            "retention/addiction",
            {"unit": "hour", "addiction_unit": "hour"},
            "Error in unit: invalid unit hour",
        ),
    ],
)
def test_a_wrong_question_is_a_400_that_says_why(
    serve: Serve, path: str, params: dict[str, Any], error: str
) -> None:
    answer = serve(EVENTS).get(f"/api/query/{path}", **DATES, **params)

    assert (answer.status_code, answer.json()["error"]) == (400, error)


def test_an_event_is_counted_by_the_values_of_a_property(serve: Serve) -> None:
    mixpanel = serve(EVENTS)
    params = {"event": "Opened", "name": "plan", "type": "general", "unit": "day", **DATES}

    assert mixpanel.ask("events/properties", **params)["data"]["values"] == {
        "team": row(1, 2, 0),
        "trial": row(0, 1, 0),
        "undefined": row(0, 0, 1),
    }
    assert mixpanel.ask("events/properties", values='["trial"]', **params)["data"]["values"] == {
        "trial": row(0, 1, 0)
    }
    assert mixpanel.ask("events/properties", limit=1, **params)["legend_size"] == 1


def test_properties_and_values_come_most_common_first(serve: Serve) -> None:
    mixpanel = serve([*EVENTS, event("Opened", "u9", "2026-10-20T10:00:00", old="yes", plan="old")])

    top = mixpanel.ask("events/properties/top", event="Opened", limit=50)

    assert top["plan"] == {"count": 3}
    assert top["seats"] == {"count": 4}
    assert "old" not in top
    assert [top[name]["count"] for name in top] == sorted(
        (one["count"] for one in top.values()), reverse=True
    )
    assert len(mixpanel.ask("events/properties/top", event="Opened")) <= 10
    assert mixpanel.ask("events/properties/values", event="Opened", name="plan") == ["team", "trial"]
    assert mixpanel.ask("events/properties/values", event="Closed", name="plan") == []


def test_a_number_is_summed_and_averaged_and_no_number_is_zero(serve: Serve) -> None:
    mixpanel = serve(EVENTS)
    params = {"event": "Opened", "on": 'properties["seats"]', **DATES}

    assert mixpanel.ask("segmentation/sum", **params)["results"] == row(4, 40, 2.5)
    assert mixpanel.ask("segmentation/average", **params)["results"] == row(4, 20, 2.5)
    cast = params | {"on": 'number(properties["seats"])', "where": 'properties["plan"] != "team"'}
    assert mixpanel.ask("segmentation/sum", **cast)["results"] == row(0, 7, 2.5)


def test_a_number_is_put_into_ranges(serve: Serve) -> None:
    found = serve(EVENTS).ask("segmentation/numeric", event="Opened", on='properties["seats"] * 100', **DATES)

    assert found == {
        "data": {
            "series": SERIES,
            "values": {"0 - 500": row(1, 0, 1), "4,000 - 4,500": row(0, 1, 0)},
        },
        "legend_size": 2,
    }


BACK = [
    event("Start", "u1", "2026-11-18T20:00:00"),
    event("Start", "u1", "2026-11-19T21:00:00"),
    event("Back", "u1", "2026-11-19T19:59:59", plan="a"),
    event("Back", "u1", "2026-11-19T20:00:00", plan="b"),
    event("Start", "u2", "2026-11-18T08:00:00"),
    event("Back", "u2", "2026-11-18T07:59:59"),
    event("Back", "u2", "2026-11-20T09:00:00", plan="a"),
    event("Start", "u3", "2026-11-10T08:00:00"),
    event("Start", "u3", "2026-11-19T08:00:00"),
    event("Start", "", "2026-11-19T08:00:00"),
]


def test_birth_retention_rolls_from_each_persons_own_first_time(serve: Serve) -> None:
    mixpanel = serve(BACK)
    params = {"born_event": "Start", "event": "Back", "unit": "day", "interval_count": 2, **DATES}
    nobody = {"counts": [0, 0, 0], "first": 0}

    assert mixpanel.ask("retention", **params) == {
        "2026-11-18": {"counts": [1, 1, 1], "first": 2},
        "2026-11-19": nobody,
        "2026-11-20": nobody,
    }
    unbounded = mixpanel.ask("retention", unbounded_retention="true", **params)
    assert unbounded["2026-11-18"] == {"counts": [2, 2, 1], "first": 2}
    by_plan = mixpanel.ask("retention", on='properties["plan"]', **params)
    assert by_plan["2026-11-18"] == {
        "a": {"counts": [1, 0, 1], "first": 2},
        "b": {"counts": [0, 1, 0], "first": 2},
    }


def test_compounded_retention_begins_anew_in_every_bucket(serve: Serve) -> None:
    found = serve(BACK).ask(
        "retention", event="Start", retention_type="compounded", interval_count=1, **DATES
    )

    assert found == {
        "2026-11-18": {"counts": [0, 1], "first": 2},
        "2026-11-19": {"counts": [0, 0], "first": 2},
        "2026-11-20": {"counts": [0, 0], "first": 0},
    }


def test_an_interval_makes_cohorts_of_so_many_days(serve: Serve) -> None:
    found = serve(BACK).ask("retention", born_event="Start", event="Back", interval=2, **DATES)

    assert found == {
        "2026-11-18": {"counts": [1, 1], "first": 2},
        "2026-11-20": {"counts": [0, 0], "first": 0},
    }


def test_frequency_counts_who_was_active_in_at_least_so_many_hours_or_days(serve: Serve) -> None:
    mixpanel = serve(BACK)

    weeks = mixpanel.ask("retention/addiction", unit="week", addiction_unit="day", **DATES)
    hours = mixpanel.ask("retention/addiction", unit="day", addiction_unit="hour", event="Back", **DATES)

    assert weeks == {"data": {"2026-11-16": [3, 2, 0, 0, 0, 0, 0]}}
    assert hours["data"]["2026-11-19"][:3] == [1, 1, 0]
    assert len(hours["data"]["2026-11-19"]) == 24
    by_plan = mixpanel.ask(
        "retention/addiction",
        unit="day",
        addiction_unit="day",
        event="Back",
        on='properties["plan"]',
        **DATES,
    )
    assert by_plan["data"]["2026-11-19"] == {"a": [1], "b": [1], "undefined": [0]}
