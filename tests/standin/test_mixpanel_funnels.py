"""Funnels: order, window, grace, breakdowns and shapes."""

from __future__ import annotations

import json
from typing import Any

from tests.dungeon import needs_dungeon
from tests.standin.conftest import Mixpanel, Raw, Serve, event

DAY = "2026-11-20"
STEPS = ("Started", "Chosen", "Done")


def path(user: str, *times: str, names: tuple[str, ...] = STEPS, **properties: Any) -> list[Raw]:
    return [
        event(name, user, f"{DAY}T{time}", **properties) for name, time in zip(names, times, strict=False)
    ]


def counts(mixpanel: Mixpanel, **params: Any) -> list[int]:
    asked = {"funnel_id": 7, "from_date": DAY, "to_date": DAY, "interval": 1} | params
    return [step["count"] for step in mixpanel.ask("funnels", **asked)["data"][DAY]["steps"]]


def by_account(mixpanel: Mixpanel, **params: Any) -> dict[str, list[int]]:
    asked = {"funnel_id": 7, "from_date": DAY, "to_date": DAY, "on": 'properties["company_id"]'} | params
    found = mixpanel.ask("funnels", **asked)["data"][DAY]
    return {key: [step["count"] for step in steps] for key, steps in found.items()}


def test_steps_count_in_order_with_anything_in_between(serve: Serve) -> None:
    events = [
        *path("u1", "10:00:00", "10:10:00", "10:20:00"),
        event("Other", "u1", f"{DAY}T10:05:00"),
        *path("u2", "10:00:00", "10:10:00"),
        *path("u3", "10:00:00", "10:10:00", names=("Started", "Done")),
        *path("u4", "10:30:00", "10:10:00"),
        *path("u5", "10:00:00", "10:00:00", names=("Chosen", "Done")),
    ]

    assert counts(serve(events)) == [4, 2, 1]


def test_the_window_runs_from_the_first_step_and_its_end_is_outside(serve: Serve) -> None:
    events = [
        *path("inside", "10:00:00", "10:30:00", "10:59:59"),
        *path("at the end", "10:00:00", "10:30:00", "11:00:00"),
    ]
    mixpanel = serve(events)

    assert counts(mixpanel) == [2, 2, 1]
    assert counts(mixpanel, length=2, length_unit="hour") == [2, 2, 2]
    assert counts(mixpanel, length=30, length_unit="minute") == [2, 0, 0]


def test_events_less_than_two_seconds_apart_are_simultaneous(serve: Serve) -> None:
    events = [*path("close", "10:00:01", "10:00:00"), *path("apart", "10:00:02", "10:00:00")]

    assert counts(serve(events)) == [2, 1, 0]


def test_entry_lies_inside_the_dates_and_completion_may_be_later(serve: Serve) -> None:
    events = [
        *path("late", "23:50:00"),
        event("Chosen", "late", "2026-11-21T00:10:00"),
        event("Started", "early", "2026-11-19T23:50:00"),
        event("Chosen", "early", f"{DAY}T00:10:00"),
    ]

    assert counts(serve(events)) == [1, 1, 0]


def test_without_a_breakdown_a_user_counts_once_by_the_first_entry(serve: Serve) -> None:
    events = [*path("u1", "08:00:00"), *path("u1", "10:00:00", "10:01:00", "10:02:00")]

    assert counts(serve(events)) == [1, 0, 0]


def test_a_user_counts_once_an_account_and_starts_again_when_an_attempt_is_over(serve: Serve) -> None:
    events = [
        *path("u1", "08:00:00", company_id="acme"),
        *path("u1", "08:30:00", company_id="globex"),
        *path("u1", "10:00:00", "10:01:00", "10:02:00", company_id="initech"),
        *path("u1", "10:03:00", company_id="acme"),
        *path("u1", "12:00:00", "12:01:00", company_id="acme"),
    ]

    assert by_account(serve(events)) == {"$overall": [1, 0, 0], "acme": [1, 0, 0], "initech": [1, 1, 1]}


def test_an_entry_during_an_attempt_that_converts_is_no_attempt_of_its_own(serve: Serve) -> None:
    events = [
        *path("u1", "10:00:00", "10:02:00", "10:03:00", company_id="acme"),
        *path("u1", "10:01:00", company_id="globex"),
        *path("u1", "10:04:00", company_id="initech"),
    ]

    assert by_account(serve(events)) == {"$overall": [1, 1, 1], "acme": [1, 1, 1], "initech": [1, 0, 0]}


def test_the_account_is_that_of_the_first_step_that_has_one(serve: Serve) -> None:
    events = [
        *path("u1", "08:00:00"),
        *path("u1", "08:01:00", names=("Chosen",), company_id="acme"),
        *path("u2", "08:00:00", company_id=["globex", "initech"]),
        *path("u3", "08:00:00", company_id=None),
    ]

    assert by_account(serve(events)) == {
        "$overall": [3, 1, 0],
        "acme": [1, 1, 0],
        "globex": [1, 0, 0],
        "initech": [1, 0, 0],
        "undefined": [1, 0, 0],
    }


def test_limit_keeps_the_largest_accounts_and_the_overall(serve: Serve) -> None:
    events = [
        *path("u1", "08:00:00", company_id="small"),
        *path("u2", "08:00:00", company_id="large"),
        *path("u3", "08:00:00", company_id="large"),
    ]

    assert by_account(serve(events), limit=1) == {"$overall": [3, 0, 0], "large": [2, 0, 0]}


def test_where_is_applied_to_the_events(serve: Serve) -> None:
    events = [*path("u1", "08:00:00", plan="pro"), *path("u2", "08:00:00", plan="free")]

    assert counts(serve(events), where='properties["plan"] == "pro"') == [1, 0, 0]


def test_the_answer_has_mixpanels_shape(serve: Serve) -> None:
    events = [*path("u1", "10:00:00", "10:01:00", "10:03:00"), *path("u2", "10:00:00", "10:03:00")]
    mixpanel = serve(events)

    answer = mixpanel.ask("funnels", funnel_id=7, from_date="2026-11-19", to_date=DAY)

    assert answer.keys() == {"meta", "computed_at", "data"}
    assert answer["meta"] == {"dates": ["2026-11-19", DAY]}
    nobody = {"completion": 0, "starting_amount": 0, "steps": 3, "worst": 0}
    assert answer["data"]["2026-11-19"] == {"steps": [], "analysis": nobody}
    assert answer["data"][DAY]["analysis"] == nobody | {"completion": 1, "starting_amount": 2, "worst": 2}
    assert answer["data"][DAY]["steps"] == [
        _step("Started", 2, (1, 1), (None, None)),
        _step("Chosen", 2, (1.0, 1.0), (120, 120)),
        _step("Done", 1, (0.5, 0.5), (120, 180)),
    ]


def _step(
    name: str, count: int, ratios: tuple[float, float], waits: tuple[int | None, int | None]
) -> dict[str, Any]:
    return {
        "count": count,
        "avg_time": waits[0],
        "avg_time_from_start": waits[1],
        "step_conv_ratio": ratios[0],
        "overall_conv_ratio": ratios[1],
        "goal": name,
        "event": name,
    }


def test_a_week_is_one_bucket_from_monday(serve: Serve) -> None:
    answer = serve(path("u1", "10:00:00")).ask(
        "funnels", funnel_id=7, from_date="2026-11-10", to_date=DAY, unit="week"
    )

    assert answer["meta"]["dates"] == ["2026-11-09", "2026-11-16"]
    assert answer["data"]["2026-11-16"]["steps"][0]["count"] == 1


def test_an_unknown_funnel_is_not_found(serve: Serve) -> None:
    mixpanel = serve(path("u1", "10:00:00"))

    assert mixpanel.get("/api/2.0/funnels", funnel_id=8, from_date=DAY, to_date=DAY).status_code == 404
    assert mixpanel.ask("funnels/list") == [{"funnel_id": 7, "name": "Export"}]


@needs_dungeon
def test_funnels_of_the_dungeon_equal_the_independent_count(dungeon: Mixpanel) -> None:
    expected = json.loads(
        (dungeon.state.world.folder / "expected-2026-10-22--2026-11-20.json").read_text("utf-8")
    )
    period = {"from_date": "2026-10-22", "to_date": "2026-11-20", "interval": 30, "limit": 10_000}

    for funnel in expected["funnels"]:
        asked = {"funnel_id": funnel["funnel_id"]} | period
        plain = dungeon.ask("funnels", **asked)["data"]["2026-10-22"]
        segmented = dungeon.ask("funnels", on='properties["company_id"]', **asked)["data"]["2026-10-22"]

        users = [step["count"] for step in plain["steps"]]
        assert users == funnel["overall"]["users"]
        assert [step["count"] for step in segmented["$overall"]] == users
        for account, counted in funnel["accounts"].items():
            assert [step["count"] for step in segmented[account]] == counted["users"]
            assert [step["step_conv_ratio"] for step in segmented[account]][1:] == counted["step_conversion"][
                1:
            ]
