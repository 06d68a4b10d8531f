"""Mixpanel's query endpoints over HTTP: figures against an independent count, errors in our words."""

from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from handrail.domain.periods import Period
from handrail.domain.queries import EventCount, Frequency, Point, ReportStep, Series
from handrail.errors import (
    CallerError,
    HandrailError,
    NotOffered,
    UpstreamError,
)
from handrail.services.mixpanel.client import Mixpanel
from handrail.services.mixpanel.expressions import any_of, both, equals, of_account
from handrail.services.mixpanel.queries import Queries
from standin.server import running
from standin.state import Standin
from tests import oracle
from tests.conftest import settings_for
from tests.oracle_reading import Event, Reading
from tests.standin.conftest import event, write_world

ZONE = "America/New_York"
WEEK = Period(from_date=date(2026, 11, 4), to_date=date(2026, 11, 10), zone=ZONE)
MONTH = Period(from_date=date(2026, 10, 15), to_date=date(2026, 11, 13), zone=ZONE)
STARTED, CONNECTED = "Source Connect Started", "Source Connected"
LEAK = "zqx ana@acme.example https://mixpanel.example/?token=zqx"

Ask = Callable[[Queries], Awaitable[Any]]

ASKS: dict[str, tuple[str, Ask]] = {
    "segmentation": ("/query/segmentation", lambda q: q.segmentation(STARTED, WEEK, by="company_id")),
    "sum": ("/segmentation/sum", lambda q: q.segmentation_sum(STARTED, WEEK, of="n")),
    "average": ("/segmentation/average", lambda q: q.segmentation_average(STARTED, WEEK, of="n")),
    "numeric": ("/segmentation/numeric", lambda q: q.segmentation_numeric(STARTED, WEEK, of="n")),
    "events": ("/query/events", lambda q: q.event_counts([STARTED], WEEK)),
    "names": ("/events/names", lambda q: q.event_names()),
    "top": ("/events/top", lambda q: q.top_events()),
    "properties": ("/properties/top", lambda q: q.event_properties(STARTED)),
    "values": ("/properties/values", lambda q: q.property_values(STARTED, "plan")),
    "retention": ("/query/retention", lambda q: q.retention(STARTED, CONNECTED, WEEK, by="plan")),
    "recurring": ("/query/retention", lambda q: q.recurring(STARTED, WEEK)),
    "frequency": ("/retention/addiction", lambda q: q.frequency(WEEK, event=STARTED)),
    "cohorts": ("/cohorts", lambda q: q.cohorts()),
    "report": ("/query/insights", lambda q: q.saved_report(52110501)),
    "activity": ("/stream/query", lambda q: q.activity(["u1"], WEEK)),
}


@pytest.fixture
def queries(mixpanel: Mixpanel) -> Queries:
    return mixpanel.queries


def answer(standins: Standin, route: str, status: int, body: Any = LEAK, **details: Any) -> None:
    fault = {"neighbour": "mixpanel", "route": route, "fault": "status"}
    standins.faults.add({**fault, "status": status, "body": body, **details})


async def refused(ask: Awaitable[Any], kind: type[HandrailError]) -> None:
    with pytest.raises(HandrailError) as caught:
        await ask
    assert type(caught.value) is kind
    said = f"{caught.value} {caught.value.__cause__}"
    assert not any(word in said for word in ("zqx", "acme", "secret-for", "http"))
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def inside(world: Reading, name: str, period: Period) -> list[Event]:
    return [one for one in world.events if one.name == name and period.from_date <= one.day <= period.to_date]


def days_of(period: Period) -> list[str]:
    return [(period.from_date + timedelta(days=number)).isoformat() for number in range(period.days)]


def by_day(events: Iterable[Event], period: Period, *, users: bool = False) -> dict[str, int]:
    seen: dict[str, list[str]] = defaultdict(list)
    for one in events:
        seen[one.day.isoformat()].append(one.user)
    return {day: len(set(seen[day]) - {""}) if users else len(seen[day]) for day in days_of(period)}


def table(series: Series) -> dict[str, float]:
    return {point.start: point.count for point in series.points}


async def test_an_event_is_counted_by_day(queries: Queries, world: Reading) -> None:
    counted = await queries.segmentation(STARTED, WEEK)

    assert [one.name for one in counted.series] == [STARTED]
    assert table(counted.of(STARTED)) == by_day(inside(world, STARTED, WEEK), WEEK)
    assert counted.of(STARTED).total == len(inside(world, STARTED, WEEK)) > 0


async def test_users_are_counted_once_a_day(queries: Queries, world: Reading) -> None:
    counted = await queries.segmentation(STARTED, WEEK, counting="unique")

    expected = by_day(inside(world, STARTED, WEEK), WEEK, users=True)
    assert table(counted.of(STARTED)) == expected
    assert expected != by_day(inside(world, STARTED, WEEK), WEEK)


async def test_each_account_has_its_series_and_an_event_of_two_accounts_counts_for_both(
    queries: Queries, world: Reading
) -> None:
    counted = await queries.segmentation("Dashboard Viewed", WEEK, by="company_id")

    expected: Counter[str] = Counter()
    for one in inside(world, "Dashboard Viewed", WEEK):
        expected.update(one.accounts or ["undefined"])
    assert {one.name: one.total for one in counted.series} == expected
    assert counted.complete


async def test_a_reached_limit_of_segments_is_told(queries: Queries) -> None:
    counted = await queries.segmentation("Dashboard Viewed", WEEK, by="company_id", limit=3)

    assert len(counted.series) == 3
    assert not counted.complete


async def test_conditions_narrow_what_is_counted(queries: Queries, world: Reading) -> None:
    where = both(any_of("plan", ["team", "business"]), equals("$os", "Mac OS X"))

    counted = await queries.segmentation("Dashboard Viewed", MONTH, where=where)

    kept = [
        one
        for one in inside(world, "Dashboard Viewed", MONTH)
        if one.properties.get("plan") in ("team", "business") and one.properties.get("$os") == "Mac OS X"
    ]
    assert 0 < len(kept) < len(inside(world, "Dashboard Viewed", MONTH))
    assert table(counted.of("Dashboard Viewed")) == by_day(kept, MONTH)


HOSTILE = [
    'x" or "1" == "1',
    'x\\" or \\"1\\" == \\"1',
    '"]) or (properties["company_id',
    "\\",
    '\\"',
    "O'Brien & Søn; 李 🙂",
    "a%22b&limit=1#",
    "",
]


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_name_selects_exactly_the_one_account(
    http: httpx2.AsyncClient, tmp_path: Path, name: str
) -> None:
    day = date(2026, 11, 19)
    names = [*HOSTILE, "x", "acme"]
    events = [
        event("E", f"u{number}", "2026-11-19T10:00:00", company_id=one) for number, one in enumerate(names)
    ]
    period = Period(from_date=day, to_date=day, zone="UTC")

    with running(write_world(tmp_path / "world", events)) as state:
        queries = Mixpanel(http, settings_for(state, tmp_path)).queries
        for where in (
            equals("company_id", name),
            any_of("company_id", [name]),
            both(equals("company_id", name), any_of("company_id", [name, "nobody"])),
        ):
            counted = await queries.segmentation("E", period, by="company_id", where=where)
            assert [(one.name, one.total) for one in counted.series] == [(name, 1)]


async def test_a_name_with_half_a_character_is_refused_before_it_costs_a_query(
    http: httpx2.AsyncClient, standins: Standin, tmp_path: Path
) -> None:
    mixpanel = Mixpanel(http, settings_for(standins, tmp_path))
    broken = "zqx\ud800"

    await refused(mixpanel.queries.segmentation(broken, WEEK), CallerError)
    await refused(mixpanel.queries.segmentation("E", WEEK, where=equals("company_id", broken)), CallerError)
    await refused(mixpanel.insights.figures([EventCount(event=broken)], WEEK), CallerError)
    assert standins.requests == []


@pytest.mark.parametrize(
    ("value", "users"),
    [(5, "u1"), ("5", "u2"), (-2.5, "u3"), (1e-07, "u4"), (True, "u5"), (False, "u6"), (10**20, "u7")],
)
async def test_a_value_is_looked_for_as_its_own_type(
    http: httpx2.AsyncClient, tmp_path: Path, value: str | float, users: str
) -> None:
    seats = {"u1": 5, "u2": "5", "u3": -2.5, "u4": 1e-07, "u5": True, "u6": False, "u7": 10**20}
    events = [event("E", user, "2026-11-19T10:00:00", seats=one) for user, one in seats.items()]
    period = Period(from_date=date(2026, 11, 19), to_date=date(2026, 11, 19), zone="UTC")

    with running(write_world(tmp_path / "world", events)) as state:
        queries = Mixpanel(http, settings_for(state, tmp_path)).queries
        for where in (equals("seats", value), any_of("seats", [value])):
            counted = await queries.segmentation("E", period, by="distinct_id", where=where)
            assert [one.name for one in counted.series] == [users]


def test_conditions_are_always_in_parentheses_and_never_of_nothing() -> None:
    one, other = equals("a", 1), any_of("b", ["x", "y"])

    assert both(one, other).text == '((properties["a"] == 1) and (properties["b"] in ["x", "y"]))'
    with pytest.raises(CallerError):
        any_of("a", [])
    with pytest.raises(CallerError):
        both()
    with pytest.raises(CallerError):
        equals("a", float("nan"))


async def test_a_number_is_summed_averaged_and_put_into_ranges(queries: Queries, world: Reading) -> None:
    of, name = "$screen_width", "Export Scheduled"
    events = inside(world, name, WEEK)
    numbers: dict[str, list[int]] = {day: [] for day in days_of(WEEK)}
    for one in events:
        numbers[one.day.isoformat()].append(one.properties[of])

    total = await queries.segmentation_sum(name, WEEK, of=of)
    mean = await queries.segmentation_average(name, WEEK, of=of)
    ranges = await queries.segmentation_numeric(name, WEEK, of=of)

    assert table(total) == {day: sum(found) for day, found in numbers.items()}
    assert table(mean) == pytest.approx(
        {day: sum(found) / len(found) if found else 0 for day, found in numbers.items()}
    )
    for series in ranges.series:
        low, high = (int(end.replace(",", "")) for end in series.name.split(" - "))
        kept = [one for one in events if low <= one.properties[of] < high]
        assert table(series) == by_day(kept, WEEK)
        assert kept
    assert sum(series.total for series in ranges.series) == len(events) > 0


async def test_a_sum_takes_conditions_and_hours(queries: Queries, world: Reading) -> None:
    day = Period(from_date=date(2026, 11, 10), to_date=date(2026, 11, 10), zone=ZONE)
    where = equals("company_id", "acct_1001")

    total = await queries.segmentation_sum(
        "Dashboard Viewed", day, of="$screen_height", where=where, unit="hour"
    )

    expected: Counter[int] = Counter()
    for one in inside(world, "Dashboard Viewed", day):
        if one.properties.get("company_id") == "acct_1001":
            expected[one.hour] += one.properties["$screen_height"]
    assert {int(point.start[11:13]): point.count for point in total.points if point.count} == expected
    assert len(total.points) == 24
    assert expected


async def test_several_events_are_counted_for_one_query(
    queries: Queries, world: Reading, standins: Standin
) -> None:
    counted = await queries.event_counts([STARTED, CONNECTED, "Never Done"], WEEK, counting="unique")

    for name in (STARTED, CONNECTED, "Never Done"):
        assert table(counted.of(name)) == by_day(inside(world, name, WEEK), WEEK, users=True)
    assert sum(each["counted"] for each in standins.requests) == 1
    with pytest.raises(CallerError):
        await queries.event_counts([STARTED], WEEK, unit="hour", counting="unique")


async def test_the_names_of_events_come_most_common_first(queries: Queries, world: Reading) -> None:
    month = Period.of_days(31, date(2026, 11, 20), ZONE)
    expected = Counter(one.name for one in world.events if month.from_date <= one.day <= month.to_date)

    names = await queries.event_names()

    assert set(names) >= set(expected)
    counts = [expected[name] for name in names if name in expected]
    assert counts == sorted(counts, reverse=True)
    assert await queries.event_names(limit=2) == names[:2]


async def test_todays_events_are_compared_with_yesterdays(queries: Queries, world: Reading) -> None:
    today, yesterday = (
        Counter(one.name for one in world.events if one.day == date(2026, 11, day)) for day in (20, 19)
    )

    top = {one.event: one for one in await queries.top_events()}

    assert top.keys() >= today.keys()
    for name, count in today.items():
        assert top[name].count == count
        if yesterday[name]:
            assert top[name].change == pytest.approx((count - yesterday[name]) / yesterday[name])
    assert today


async def test_the_properties_and_values_of_an_event_are_listed(queries: Queries, world: Reading) -> None:
    month = Period.of_days(31, date(2026, 11, 20), ZONE)
    events = inside(world, "Source Connect Failed", month)
    have = Counter(name for one in events for name in one.properties)
    plans = Counter(str(one.properties["plan"]) for one in events if one.properties.get("plan") is not None)

    properties = await queries.event_properties("Source Connect Failed")
    values = await queries.property_values("Source Connect Failed", "plan")

    assert {one.name: one.events for one in properties} == have
    assert set(values) == set(plans)
    assert [plans[value] for value in values] == sorted(plans.values(), reverse=True)


async def test_a_property_named_error_is_a_property_and_an_error_is_an_error(
    http: httpx2.AsyncClient, tmp_path: Path
) -> None:
    events = [event("E", "u1", "2026-11-19T10:00:00", error="timeout", request="r")]

    with running(write_world(tmp_path / "world", events)) as state:
        queries = Mixpanel(http, settings_for(state, tmp_path)).queries
        uses = {one.name: one.events for one in await queries.event_properties("E")}
        assert (uses["error"], uses["request"]) == (1, 1)

        answer(state, "/properties/top", 200, {"error": LEAK})
        await refused(queries.event_properties("E"), UpstreamError)


async def test_an_account_of_a_list_is_found_as_a_breakdown_finds_it(
    queries: Queries, world: Reading
) -> None:
    viewed = inside(world, "Dashboard Viewed", MONTH)
    shared = next(one.accounts for one in viewed if len(one.accounts) > 1)
    split = await queries.segmentation("Dashboard Viewed", MONTH, by="company_id")

    for account in shared:
        counted = await queries.segmentation(
            "Dashboard Viewed", MONTH, where=of_account("company_id", account)
        )
        expected = [one for one in viewed if account in one.accounts]
        assert table(counted.of("Dashboard Viewed")) == by_day(expected, MONTH)
        assert split.of(account).total == len(expected)
        assert any(len(one.accounts) > 1 for one in expected)
        assert any(len(one.accounts) == 1 for one in expected)


async def test_a_value_that_is_no_text_and_a_use_that_is_not_counted_are_understood(
    queries: Queries, standins: Standin
) -> None:
    answer(standins, "/values", 200, ["cat", 5, True, None])
    answer(standins, "/properties/top", 200, {"plan": {}, "role": {"count": 3}})

    assert await queries.property_values(STARTED, "plan") == ("cat", "5", "True")
    assert [(one.name, one.events) for one in await queries.event_properties(STARTED)] == [
        ("plan", None),
        ("role", 3),
    ]


async def test_a_bucket_that_is_null_is_unknown_and_not_zero(queries: Queries, standins: Standin) -> None:
    values = {STARTED: {"2026-11-05": 2, "2026-11-04": None}}
    answer(standins, "/segmentation", 200, {"data": {"series": [], "values": values}, "legend_size": 1})

    counted = await queries.segmentation(STARTED, WEEK)

    assert counted.of(STARTED).points == (Point(start="2026-11-05", count=2),)


def came_back(
    beginnings: dict[str, tuple[str, int]],
    returns: Iterable[Event],
    length: int,
    intervals: int,
    *,
    unbounded: bool = False,
) -> dict[str, tuple[int, tuple[int, ...]]]:
    """Size and counts by bucket; `returns` must not hold the beginnings themselves."""
    sizes = Counter(bucket for bucket, _ in beginnings.values())
    marks: dict[str, list[set[str]]] = {bucket: [set() for _ in range(intervals + 1)] for bucket in sizes}
    for one in returns:
        if one.user not in beginnings or one.time < beginnings[one.user][1]:
            continue
        bucket, born = beginnings[one.user]
        interval = (one.time - born) // length
        for place in range(intervals + 1):
            if place == interval or (unbounded and place <= interval):
                marks[bucket][place].add(one.user)
    return {bucket: (sizes[bucket], tuple(len(users) for users in marks[bucket])) for bucket in sizes}


def first_times(world: Reading, name: str, period: Period) -> dict[str, tuple[str, int]]:
    firsts: dict[str, Event] = {}
    for one in world.events:
        if one.name == name and one.user:
            firsts.setdefault(one.user, one)
    return {
        user: (one.day.isoformat(), one.time)
        for user, one in firsts.items()
        if period.from_date <= one.day <= period.to_date
    }


@pytest.mark.parametrize("unbounded", [False, True])
async def test_retention_counts_who_came_back_after_their_first_time(
    queries: Queries, world: Reading, unbounded: bool
) -> None:
    told = await queries.retention(STARTED, CONNECTED, MONTH, intervals=5, unbounded=unbounded)

    born = first_times(world, STARTED, MONTH)
    returns = [one for one in world.events if one.name == CONNECTED]
    expected = came_back(born, returns, 86_400, 5, unbounded=unbounded)
    assert {one.start: (one.size, one.returned) for one in told if one.size} == expected
    assert [one.start for one in told] == days_of(MONTH)
    assert sum(size for size, _ in expected.values()) > 20


async def test_retention_takes_conditions_for_the_beginning_and_the_return(
    queries: Queries, world: Reading
) -> None:
    told = await queries.retention(
        "Signed In",
        "",
        MONTH,
        unit="week",
        intervals=2,
        born_where=equals("plan", "team"),
        where=any_of("$os", ["Mac OS X"]),
    )

    firsts: dict[str, Event] = {}
    for one in world.events:
        if one.name == "Signed In" and one.user and one.properties.get("plan") == "team":
            firsts.setdefault(one.user, one)
    born = {
        user: ((one.day - timedelta(days=one.day.weekday())).isoformat(), one.time)
        for user, one in firsts.items()
        if MONTH.from_date <= one.day <= MONTH.to_date
    }
    returns = [
        one
        for one in world.events
        if one.properties.get("$os") == "Mac OS X" and one is not firsts.get(one.user)
    ]
    assert {one.start: (one.size, one.returned) for one in told if one.size} == came_back(
        born, returns, 7 * 86_400, 2
    )
    assert born


async def test_recurring_retention_counts_everyone_active_in_each_bucket(
    queries: Queries, world: Reading
) -> None:
    told = await queries.recurring("Signed In", WEEK, intervals=3)

    for cohort, day in zip(told, days_of(WEEK), strict=True):
        events = [one for one in world.events if one.name == "Signed In" and one.user]
        firsts: dict[str, Event] = {}
        for one in events:
            if one.day.isoformat() == day:
                firsts.setdefault(one.user, one)
        born = {user: (day, one.time) for user, one in firsts.items()}
        returns = [one for one in events if one is not firsts.get(one.user)]
        assert (cohort.size, cohort.returned) == came_back(born, returns, 86_400, 3)[day]
        assert cohort.size > 0


async def test_retention_by_a_property_tells_each_segment(queries: Queries, world: Reading) -> None:
    told = await queries.retention(STARTED, CONNECTED, MONTH, intervals=3, by="company_id")

    born = first_times(world, STARTED, MONTH)
    assert len({one.segment for one in told}) > 3
    for segment in {one.segment for one in told} - {"undefined"}:
        returns = [one for one in world.events if one.name == CONNECTED and segment in one.accounts]
        expected = came_back(born, returns, 86_400, 3)
        found = {one.start: (one.size, one.returned) for one in told if one.segment == segment and one.size}
        assert found == expected


async def test_retention_is_understood_with_the_segment_above_the_date_too(
    queries: Queries, standins: Standin
) -> None:
    leaf = {"first": 10, "counts": [9, None, 6]}
    answer(standins, "/query/retention", 200, {"acme": {"2026-11-04": leaf}})

    [cohort] = await queries.retention(STARTED, CONNECTED, WEEK, by="company_id")

    assert (cohort.segment, cohort.start, cohort.size, cohort.returned) == (
        "acme",
        "2026-11-04",
        10,
        (9, 0, 6),
    )


async def test_frequency_counts_who_was_active_in_at_least_so_many_days(
    queries: Queries, world: Reading
) -> None:
    weeks = Period(from_date=date(2026, 11, 2), to_date=date(2026, 11, 15), zone=ZONE)

    told = await queries.frequency(weeks, where=equals("plan", "team"))

    active: dict[str, dict[str, set[date]]] = defaultdict(lambda: defaultdict(set))
    for one in world.events:
        if one.user and one.properties.get("plan") == "team" and weeks.from_date <= one.day <= weeks.to_date:
            active[(one.day - timedelta(days=one.day.weekday())).isoformat()][one.user].add(one.day)
    assert {one.start: one.users for one in told} == {
        start: tuple(sum(len(days) >= least for days in users.values()) for least in range(1, 8))
        for start, users in active.items()
    }
    assert len(told) == 2


async def test_frequency_by_hours_is_about_one_event(queries: Queries, world: Reading) -> None:
    told = await queries.frequency(WEEK, event="Dashboard Viewed", unit="day", within="hour")

    for one, day in zip(told, days_of(WEEK), strict=True):
        hours: dict[str, set[int]] = defaultdict(set)
        for each in inside(world, "Dashboard Viewed", WEEK):
            if each.user and each.day.isoformat() == day:
                hours[each.user].add(each.hour)
        assert one.users == tuple(
            sum(len(found) >= least for found in hours.values()) for least in range(1, 25)
        )
        assert one.start == day


async def test_frequency_is_understood_without_its_wrapper(queries: Queries, standins: Standin) -> None:
    answer(standins, "/addiction", 200, {"2026-11-04": [3, 1]})

    assert await queries.frequency(WEEK) == (Frequency(start="2026-11-04", users=(3, 1)),)


@pytest.mark.parametrize("app_api", [True, False])
async def test_cohorts_are_listed_for_nothing_where_the_app_api_is_open(
    queries: Queries, standins: Standin, world: Reading, app_api: bool
) -> None:
    if not app_api:
        answer(standins, "/api/app/projects/2914077/cohorts", 403)

    found = await queries.cohorts()

    assert [(one.cohort_id, one.name, one.count) for one in found] == [
        (saved["id"], saved["name"], saved["count"]) for saved in world.project["cohorts"]
    ]
    assert found
    assert sum(each["counted"] for each in standins.requests) == (0 if app_api else 1)


async def test_a_saved_insights_report_is_read_by_metric_and_segment(
    queries: Queries, world: Reading
) -> None:
    report = await queries.saved_report(52110501)

    month = Period.of_days(30, date(2026, 11, 20), ZONE)
    users: dict[str, set[str]] = defaultdict(set)
    for one in world.events:
        if one.user and month.from_date <= one.day <= month.to_date:
            for segment in ("$overall", *(one.accounts or ("undefined",))):
                users[segment].add(one.user)
    assert report.kind == "insights"
    assert report.complete
    assert report.to_date.startswith("2026-11-20")
    assert {row.path[-1]: row.points[0].count for row in report.rows} == {
        segment: len(found) for segment, found in users.items()
    }


async def test_a_saved_funnel_report_is_read_step_by_step(
    queries: Queries, acme_folder: Path, world: Reading
) -> None:
    report = await queries.saved_report(52110401)

    month = Period.of_days(30, date(2026, 11, 20), ZONE)
    accounts = ["acct_1001", "acct_1004"]
    expected = oracle.count(acme_folder, month.from_date, month.to_date, accounts=accounts)["funnels"][0]
    rows = {row.path[-1]: row for row in report.rows}
    assert report.kind == "funnels"
    overall = rows["$overall"] if "$overall" in rows else report.rows[0]
    assert overall.steps == tuple(
        ReportStep(event=name, users=users)
        for name, users in zip(expected["steps"], expected["overall"]["users"], strict=True)
    )


@pytest.mark.parametrize(
    ("body", "kind", "rows"),
    [
        (
            {"headers": ["$event"], "series": {"E": {"2026-11-02": None, "2026-11-01": 4}, "F": {}, "G": 7}},
            "insights",
            [(("G",), [("all", 7)]), (("E",), [("2026-11-01", 4)]), (("F",), [])],
        ),
        (
            {"series": {"E": {"$overall": {"x": {"all": 2}}, "a": {"x": {"all": None}}}}},
            "insights",
            [(("E", "$overall", "x"), [("all", 2)]), (("E", "a", "x"), [])],
        ),
    ],
)
async def test_insights_of_any_depth_are_read_and_a_null_is_unknown(
    queries: Queries, standins: Standin, body: dict[str, Any], kind: str, rows: list[Any]
) -> None:
    answer(standins, "/insights", 200, body)

    report = await queries.saved_report(1)

    assert report.kind == kind
    assert [(row.path, [(p.start, p.count) for p in row.points]) for row in report.rows] == rows


async def test_funnel_steps_are_put_in_order_and_missing_ones_are_unknown(
    queries: Queries, standins: Standin
) -> None:
    steps: dict[str, Any] = {"10. J": 1, "2. B": {"all": 5}, "1. A": {"all": None}}
    series = {"F": {"$overall": {"count": steps, "avg_time": {}}, "acme": {"avg_time": None}}}
    meta = {"is_segmentation_limit_hit": True}
    answer(standins, "/insights", 200, {"headers": ["$funnel", "company_id"], "series": series, "meta": meta})

    report = await queries.saved_report(1)

    assert (report.kind, report.complete, report.computed_at) == ("funnels", False, "")
    [row] = report.rows
    assert row.path == ("F", "$overall")
    assert [(step.event, step.users) for step in row.steps] == [("A", None), ("B", 5), ("J", 1)]


@pytest.mark.parametrize("headers", [["$retention", "company_id"], None])
async def test_a_saved_retention_report_is_read_by_segment(
    queries: Queries, standins: Standin, headers: list[str] | None
) -> None:
    leaf = {"first": 100, "counts": [100, 50], "rates": [1.0, 0.5]}
    series = {
        "A and then B": {"$overall": {"2026-11-01": leaf, "$average": leaf}, "acme": {"2026-11-01": leaf}}
    }
    answer(
        standins, "/insights", 200, {"headers": headers, "series": series, "date_range": None, "meta": None}
    )

    report = await queries.saved_report(1)

    assert report.kind == "retention"
    told = [(row.path, [(one.start, one.size, one.returned) for one in row.cohorts]) for row in report.rows]
    assert told == [
        (("A and then B", "$overall"), [("2026-11-01", 100, (100, 50))]),
        (("A and then B", "acme"), [("2026-11-01", 100, (100, 50))]),
    ]


async def test_a_report_that_is_not_there_is_not_offered(queries: Queries) -> None:
    await refused(queries.saved_report(99), NotOffered)


async def test_the_activity_of_many_people_is_asked_a_hundred_at_a_time(
    queries: Queries, world: Reading, standins: Standin
) -> None:
    users = sorted({one.user for one in world.events if one.user})[:150]
    day = Period(from_date=date(2026, 11, 10), to_date=date(2026, 11, 10), zone=ZONE)

    found = await queries.activity([*users, users[0]], day)

    expected = [one for one in world.events if one.user in users and one.day == day.from_date]
    told = Counter((one.event, one.distinct_id, one.time) for one in found)
    assert Counter({key: count for key, count in told.items() if not key[0].startswith("$")}) == Counter(
        (one.name, one.user, one.time) for one in expected if not one.name.startswith("$")
    )
    assert expected
    assert len(standins.requests) == 2
    assert await queries.activity([], day) == ()


SHAPES: list[Any] = [
    "<html>zqx</html>",
    "zqx",
    5,
    None,
    {"zqx": "zqx"},
    ["zqx", {}],
    {"data": {"values": {"zqx": "zqx"}}, "results": {"zqx": "zqx"}, "events": ["zqx"], "series": "zqx"},
    {"data": {"zqx": ["zqx"]}, "results": {"events": [{"event": "zqx"}]}, "series": {"zqx": "zqx"}},
    {"2026-11-04": {"first": "zqx", "counts": ["zqx"]}},
    {"headers": ["$funnel"], "series": {"zqx": {"count": {"1. zqx": "zqx"}}}},
    {"headers": ["$retention"], "series": {"zqx": {"2026-11-04": {"counts": ["zqx"]}}}},
]


@pytest.mark.parametrize("what", ASKS)
@pytest.mark.parametrize("shape", SHAPES, ids=[f"shape{number}" for number in range(len(SHAPES))])
async def test_an_answer_of_an_unknown_shape_is_an_error_and_not_quoted(
    queries: Queries, standins: Standin, what: str, shape: Any
) -> None:
    route, ask = ASKS[what]
    answer(standins, route, 200, shape)
    if what == "properties" and isinstance(shape, dict) and all(isinstance(v, dict) for v in shape.values()):
        assert {one.events for one in await ask(queries)} == {None}  # any name may stand for a property
    else:
        await refused(ask(queries), UpstreamError)
