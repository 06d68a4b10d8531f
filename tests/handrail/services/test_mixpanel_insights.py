"""Reports asked ad hoc: figures of all accounts against an independent count, errors in our words."""

import json
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable
from datetime import date
from pathlib import Path
from typing import Any

import httpx2
import pytest

from handrail.domain.funnels import Funnel, FunnelCounts
from handrail.domain.periods import Period
from handrail.domain.queries import ANY_EVENT, OVERALL, EventCount, FunnelTable, InCohort, OneOf, Property
from handrail.errors import CallerError, HandrailError, NotInThePlan, NotOffered, UpstreamError
from handrail.services.mixpanel.client import Mixpanel
from handrail.services.mixpanel.insights import Insights
from standin.acme.project import ADMINS
from standin.server import running
from standin.state import Standin
from tests import oracle
from tests.conftest import settings_for
from tests.oracle_reading import Event, Reading
from tests.standin.conftest import event, write_world

ZONE = "America/New_York"
WEEK = Period(from_date=date(2026, 11, 4), to_date=date(2026, 11, 10), zone=ZONE)
STARTED, CONNECTED = "Source Connect Started", "Source Connected"
CONNECT = Funnel(
    funnel_id=52110401,
    name="Connect a data source",
    steps=(STARTED, "Source Type Chosen", "Source Access Checked", CONNECTED),
    window_seconds=86_400,
)
EXPORT = Funnel(
    funnel_id=0, name="never saved", steps=("Dashboard Viewed", "Export Scheduled"), window_seconds=3600
)
ACCOUNT = Property(name="company_id")
ROLE = Property(name="role", of_users=True)
LEAK = "zqx ana@acme.example https://mixpanel.example/?token=zqx"

Ask = Callable[[Insights], Awaitable[Any]]
ASKS: dict[str, Ask] = {
    "funnel": lambda insights: insights.funnel(CONNECT, WEEK, by=ACCOUNT),
    "figures": lambda insights: insights.figures([CONNECT], WEEK, by=ACCOUNT),
}


@pytest.fixture
def insights(mixpanel: Mixpanel) -> Insights:
    return mixpanel.insights


@pytest.fixture(scope="module")
def roles(acme_folder: Path) -> dict[str, str]:
    rows = map(json.loads, (acme_folder / "profiles.jsonl").read_text("utf-8").splitlines())
    return {row["$distinct_id"]: row["$properties"].get("role", "undefined") for row in rows}


def answer(standins: Standin, status: int, body: Any = LEAK) -> None:
    fault = {"neighbour": "mixpanel", "route": "/query/insights", "fault": "status"}
    standins.faults.add({**fault, "status": status, "body": body})


def told(standins: Standin, series: dict[str, Any], **meta: Any) -> None:
    answer(standins, 200, {"series": series, "headers": [], "meta": meta})


async def refused(ask: Awaitable[Any], kind: type[HandrailError]) -> None:
    with pytest.raises(HandrailError) as caught:
        await ask
    assert type(caught.value) is kind
    said = f"{caught.value} {caught.value.__cause__}"
    assert not any(word in said for word in ("zqx", "acme", "secret-for", "http"))
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def users_of(events: Iterable[Event], funnel: Funnel) -> tuple[list[int], dict[str, list[int]]]:
    """Overall and by account, entries in the week."""
    return oracle.funnel_users(
        list(events),
        list(funnel.steps),
        funnel.window_seconds,
        lambda day: WEEK.from_date <= day <= WEEK.to_date,
    )


def inside(world: Reading, name: str) -> list[Event]:
    return [one for one in world.events if one.name == name and WEEK.from_date <= one.day <= WEEK.to_date]


@pytest.mark.parametrize("funnel", [CONNECT, EXPORT], ids=lambda funnel: funnel.name)
async def test_one_query_counts_any_funnel_for_every_account(
    insights: Insights, standins: Standin, world: Reading, funnel: Funnel
) -> None:
    overall, accounts = users_of(world.events, funnel)

    table = await insights.funnel(funnel, WEEK, by=ACCOUNT)

    assert table.complete
    assert table.segments[OVERALL] == FunnelCounts(events=funnel.steps, users=tuple(overall))
    counted = {name: list(table.segments[name].users) for name in accounts}
    assert counted == accounts
    assert table.segments.keys() - accounts.keys() <= {OVERALL, "undefined", "null"}
    assert len(accounts) > 10
    assert sum(each["counted"] for each in standins.requests) == 1


async def test_without_a_breakdown_there_is_everybody_alone(insights: Insights, world: Reading) -> None:
    overall, _ = users_of(world.events, CONNECT)

    table = await insights.funnel(CONNECT, WEEK)

    assert table.segments == {OVERALL: FunnelCounts(events=CONNECT.steps, users=tuple(overall))}


async def test_a_funnel_is_broken_down_by_what_users_are_now(
    insights: Insights, world: Reading, roles: dict[str, str]
) -> None:
    split = await insights.funnel(CONNECT, WEEK, by=ROLE)

    expected = {}
    for role in set(roles.values()):
        overall, _ = users_of((one for one in world.events if roles.get(one.user) == role), CONNECT)
        if overall[0]:
            expected[role] = overall
    assert {role: list(split.segments[role].users) for role in expected} == expected
    assert len(expected) > 1


async def test_a_funnel_is_narrowed_to_a_cohort_to_the_rest_and_to_users_with_a_property(
    insights: Insights, world: Reading, roles: dict[str, str]
) -> None:
    admins, _ = users_of((one for one in world.events if roles.get(one.user) == "admin"), CONNECT)
    rest, _ = users_of((one for one in world.events if roles.get(one.user) != "admin"), CONNECT)

    asked = {
        "cohort": await insights.funnel(CONNECT, WEEK, only=[InCohort(cohort_id=ADMINS)]),
        "rest": await insights.funnel(CONNECT, WEEK, only=[InCohort(cohort_id=ADMINS, inside=False)]),
        "role": await insights.funnel(CONNECT, WEEK, only=[OneOf(property=ROLE, values=("admin",))]),
    }

    found = {name: list(table.segments[OVERALL].users) for name, table in asked.items()}
    assert found == {"cohort": admins, "rest": rest, "role": admins}
    assert admins[0] > 0
    assert rest[0] > 0


async def test_several_funnels_and_events_are_figures_of_every_account_for_one_query(
    insights: Insights, standins: Standin, world: Reading
) -> None:
    counts = [EventCount(event=STARTED), EventCount(event=STARTED, counting="unique")]
    figures = await insights.figures([CONNECT, EXPORT, *counts], WEEK, by=ACCOUNT)

    assert sum(each["counted"] for each in standins.requests) == 1
    assert figures.complete
    for row, funnel in zip(figures.rows, (CONNECT, EXPORT), strict=False):
        overall, accounts = users_of(world.events, funnel)
        assert row[OVERALL] == pytest.approx(overall[-1] / overall[0])
        assert {name: row[name] for name in accounts} == pytest.approx(
            {name: users[-1] / users[0] for name, users in accounts.items()}
        )
        assert accounts
    events = inside(world, STARTED)
    people: dict[str, set[str]] = defaultdict(set)
    for one in events:
        for name in one.accounts or ["undefined"]:
            people[name].add(one.user)
    times = Counter(name for one in events for name in one.accounts or ["undefined"])
    assert figures.rows[2] == {**times, OVERALL: len(events)}
    assert figures.rows[3] == {
        OVERALL: len({one.user for one in events} - {""}),
        **{name: len(users - {""}) for name, users in people.items()},
    }


async def test_every_event_of_some_accounts_is_counted(insights: Insights, world: Reading) -> None:
    accounts = ("acct_1001", "acct_1004")
    [row] = (
        await insights.figures(
            [EventCount(event=ANY_EVENT)], WEEK, only=[OneOf(property=ACCOUNT, values=accounts)]
        )
    ).rows

    week = [one for one in world.events if WEEK.from_date <= one.day <= WEEK.to_date]
    assert row == {OVERALL: sum(1 for one in week if set(one.accounts) & set(accounts))}


HOSTILE = ['x" or "1" == "1', "\\", "all", "$overall ", "O'Brien & Søn; 李 🙂", "1. A", "null ", "count"]


async def test_a_hostile_name_of_an_account_or_an_event_is_itself_and_nothing_else(
    http: httpx2.AsyncClient, tmp_path: Path
) -> None:
    day = date(2026, 11, 19)
    period = Period(from_date=day, to_date=day, zone="UTC")
    events = [
        event(name, f"u{number}", f"2026-11-19T10:0{minute}:00", company_id=name)
        for number, name in enumerate(HOSTILE)
        for minute in range(number + 1)
    ]

    with running(write_world(tmp_path / "world", events)) as state:
        insights = Mixpanel(http, settings_for(state, tmp_path)).insights
        whole = await insights.figures([EventCount(event=name) for name in HOSTILE], period, by=ACCOUNT)
        for number, name in enumerate(HOSTILE):
            narrowed = await insights.figures(
                [EventCount(event=ANY_EVENT)],
                period,
                by=ACCOUNT,
                only=[OneOf(property=ACCOUNT, values=(name,))],
            )
            assert narrowed.rows == ({OVERALL: number + 1, name: number + 1},)
            assert whole.rows[number] == {OVERALL: number + 1, name: number + 1}
        steps = Funnel(funnel_id=0, name="f", steps=(HOSTILE[-1], HOSTILE[-1]), window_seconds=3600)
        table = await insights.funnel(steps, period, by=ACCOUNT)
        assert table.segments[HOSTILE[-1]].users == (1, 1)


async def test_more_accounts_than_mixpanel_tells_are_called_incomplete(
    insights: Insights, standins: Standin
) -> None:
    steps = {f"{place}. {step}": {"all": 9 - place} for place, step in enumerate(CONNECT.steps, 1)}
    told(standins, {"f": {OVERALL: {"count": steps}}}, is_segmentation_limit_hit=True)
    assert not (await insights.funnel(CONNECT, WEEK, by=ACCOUNT)).complete

    standins.faults.clear()
    told(standins, {"0": {OVERALL: 1}}, is_segmentation_limit_hit=True)
    assert not (await insights.figures([CONNECT], WEEK, by=ACCOUNT)).complete


async def test_a_body_asks_for_as_many_accounts_as_there_may_be(
    http: httpx2.AsyncClient, tmp_path: Path
) -> None:
    accounts = [f"a{number}" for number in range(3100)]
    events = [event("A", "u", "2026-11-19T10:00:00", company_id=accounts)]
    day = Period(from_date=date(2026, 11, 19), to_date=date(2026, 11, 19), zone="UTC")

    with running(write_world(tmp_path / "world", events)) as state:
        insights = Mixpanel(http, settings_for(state, tmp_path)).insights
        figures = await insights.figures([EventCount(event="A")], day, by=ACCOUNT)

    assert figures.complete
    assert len(figures.rows[0]) == 3101


@pytest.mark.parametrize("leaf", [7, 7.0, {"all": 7}, {"2026-11-04T00:00:00-05:00": 7}])
async def test_each_form_of_a_leaf_is_the_same_number(
    insights: Insights, standins: Standin, leaf: Any
) -> None:
    steps = {f"{place}. {step}": leaf for place, step in enumerate(CONNECT.steps, 1)}
    told(standins, {"f": {"x": {"count": steps}}})
    table = await insights.funnel(CONNECT, WEEK, by=ACCOUNT)
    assert table == FunnelTable(segments={"x": FunnelCounts(events=CONNECT.steps, users=(7, 7, 7, 7))})

    standins.faults.clear()
    told(standins, {"0": {"x": leaf}, "1": {"x": leaf}})
    counts = [EventCount(event="A"), EventCount(event="A", counting="unique")]
    assert (await insights.figures(counts, WEEK, by=ACCOUNT)).rows == ({"x": 7}, {"x": 7})


async def test_days_of_events_add_up_and_days_of_users_and_rates_do_not(
    insights: Insights, standins: Standin
) -> None:
    days = {"2026-11-04": 3, "2026-11-05": None, "2026-11-06": 4}
    told(standins, {"0": {"x": days}, "1": {"x": days}, "2": {"x": days}})
    asked: list[Funnel | EventCount] = [EventCount(event="A"), EventCount(event="A", counting="unique")]

    assert (await insights.figures([*asked, CONNECT], WEEK, by=ACCOUNT)).rows == (
        {"x": 7},
        {"x": None},
        {"x": None},
    )


async def test_the_tenth_step_comes_after_the_ninth(insights: Insights, standins: Standin) -> None:
    names = tuple(f"S{number}" for number in range(11))
    counts = {f"{place}. {name}": {"all": 20 - place} for place, name in enumerate(names, 1)}
    told(standins, {"f": {"count": dict(sorted(counts.items()))}})

    table = await insights.funnel(CONNECT.model_copy(update={"steps": names}), WEEK)

    assert table.segments[OVERALL].users == tuple(range(19, 8, -1))


async def test_of_an_account_without_counts_nothing_is_said_and_the_table_is_incomplete(
    insights: Insights, standins: Standin
) -> None:
    steps = {f"{place}. {step}": {"all": 5} for place, step in enumerate(CONNECT.steps, 1)}
    silent = {"a": {"count": {}}, "b": {"avg_time": {}}, "c": {"count": {**steps, f"1. {STARTED}": None}}}
    told(standins, {"f": {"x": {"count": steps, "avg_time": None}, **silent}})

    table = await insights.funnel(CONNECT, WEEK, by=ACCOUNT)

    assert list(table.segments) == ["x"]
    assert not table.complete


async def test_where_nobody_did_anything_there_is_nothing_to_tell(
    insights: Insights, standins: Standin
) -> None:
    told(standins, {})
    assert (await insights.funnel(CONNECT, WEEK, by=ACCOUNT)).segments == {}
    assert (await insights.figures([CONNECT], WEEK, by=ACCOUNT)).rows == ({},)


@pytest.mark.parametrize("what", ASKS)
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, UpstreamError),
        (400, CallerError),
        (402, NotInThePlan),
        (403, NotOffered),
        (404, NotOffered),
        (405, NotOffered),
        (500, UpstreamError),
    ],
)
async def test_a_project_that_takes_no_ad_hoc_reports_still_gives_saved_ones(
    http: httpx2.AsyncClient, standins: Standin, tmp_path: Path, what: str, status: int, kind: Any
) -> None:
    mixpanel = Mixpanel(http, settings_for(standins, tmp_path))
    standins.faults.add(
        {"neighbour": "mixpanel", "route": "/query/insights", "fault": "ad_hoc", "status": status}
    )

    await refused(ASKS[what](mixpanel.insights), kind)
    assert (await mixpanel.queries.saved_report(52110501)).rows


STEPS = {f"{place}. {step}": 5 for place, step in enumerate(CONNECT.steps, 1)}
SHAPES: list[Any] = [
    "<html>zqx</html>",
    [],
    None,
    {},
    {"data": {}},
    {"series": "zqx"},
    {"series": {"0": "zqx"}},
    {"series": {"0": {"x": "zqx"}}},
    {"series": {"0": {"x": {"count": "zqx"}}}},
    {"series": {"0": {"x": {"count": {}}}, "zqx": {}}},
    {"series": {"0": {"x": {"count": {"1. zqx": 5}}}}},
    {"series": {"0": {"x": {"count": {**STEPS, "5. zqx": 5}}}}},
    {"series": {"0": {"x": {"count": {step: {"a": 1, "b": 2} for step in STEPS}}}}},
    {"series": {"0": {"x": {"count": dict.fromkeys(STEPS, True)}}}},
    {"series": {"0": {"x": {"count": dict.fromkeys(STEPS, "5")}}}},
]


@pytest.mark.parametrize("what", ASKS)
@pytest.mark.parametrize("shape", SHAPES, ids=[f"shape{number}" for number in range(len(SHAPES))])
async def test_an_answer_of_an_unknown_shape_is_an_error_and_not_quoted(
    insights: Insights, standins: Standin, what: str, shape: Any
) -> None:
    answer(standins, 200, shape)

    await refused(ASKS[what](insights), UpstreamError)


async def test_what_cannot_be_asked_is_refused_before_it_costs_a_query(
    insights: Insights, standins: Standin
) -> None:
    asks: list[Awaitable[Any]] = [
        insights.funnel(Funnel(funnel_id=1, name="f"), WEEK),
        insights.funnel(CONNECT.model_copy(update={"window_seconds": 0}), WEEK),
        insights.funnel(CONNECT.model_copy(update={"steps": (STARTED,)}), WEEK),
        insights.figures([], WEEK),
        insights.figures([CONNECT] * 41, WEEK),
        insights.funnel(CONNECT, WEEK, only=[OneOf(property=ROLE, values=())]),
    ]
    for ask in asks:
        await refused(ask, CallerError)
    assert standins.requests == []
