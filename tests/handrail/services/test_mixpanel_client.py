"""Mixpanel over HTTP: which answer becomes which error, and that nothing of the remote travels on."""

import gzip
import json
from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr

from handrail.domain.funnels import Funnel, FunnelCounts
from handrail.domain.periods import Period
from handrail.errors import (
    BrokenExport,
    CallerError,
    ConfigError,
    HandrailError,
    NotOffered,
    RateLimited,
    UpstreamError,
)
from handrail.services.mixpanel import wire
from handrail.services.mixpanel.answers import UseAnswer
from handrail.services.mixpanel.client import Mixpanel
from standin.server import running
from standin.state import Standin
from tests import oracle
from tests.conftest import settings_for
from tests.standin.conftest import event, write_world

DAY = date(2026, 11, 10)
WEEK = Period(from_date=date(2026, 11, 4), to_date=DAY, zone="America/New_York")
LEAK = "zqx ana@acme.example https://mixpanel.example/?token=zqx"
FUNNEL = Funnel(funnel_id=52110401, name="Connect a data source")

Ask = Callable[[Mixpanel], Awaitable[Any]]


async def profiles(mixpanel: Mixpanel, **options: Any) -> list[str]:
    return [profile.distinct_id async for profile in mixpanel.profiles(["$name"], **options)]


async def exported(mixpanel: Mixpanel, first: date = DAY, last: date = DAY, **options: Any) -> bytes:
    async with mixpanel.export(first, last, **options) as stream:
        return b"".join([chunk async for chunk in stream])


ASKS: dict[str, tuple[str, Ask]] = {
    "zone": ("/me", lambda mixpanel: mixpanel.zone()),
    "funnel": ("/query/funnels", lambda mixpanel: mixpanel.funnel_by_account(FUNNEL, WEEK)),
    "uses": ("/query/jql", lambda mixpanel: mixpanel.uses("function main() { return []; }", {})),
    "profiles": ("/query/engage", profiles),
    "export": ("/export", exported),
}


def answer(standins: Standin, route: str, status: int, body: Any = LEAK, **details: Any) -> None:
    fault = {"neighbour": "mixpanel", "route": route, "fault": "status"}
    standins.faults.add({**fault, "status": status, "body": body, **details})


async def refused(ask: Awaitable[Any], kind: type[HandrailError]) -> HandrailError:
    """The error of exactly this kind, with nothing in it of the remote or of the secret."""
    with pytest.raises(HandrailError) as caught:
        await ask
    assert type(caught.value) is kind
    said = f"{caught.value} {caught.value.__cause__}"
    assert not any(word in said for word in ("zqx", "acme", "secret-for", "http"))
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return caught.value


@pytest.mark.parametrize(
    ("status", "kind"), [(410, NotOffered), (412, NotOffered), (400, CallerError), (500, UpstreamError)]
)
async def test_a_project_without_jql_is_told_from_a_failure(
    mixpanel: Mixpanel, standins: Standin, status: int, kind: type[HandrailError]
) -> None:
    answer(standins, "/jql", status)

    await refused(mixpanel.uses("function main() { return []; }", {}), kind)


async def test_a_script_that_fails_is_not_quoted(mixpanel: Mixpanel) -> None:
    await refused(mixpanel.uses("function main() { throw new Error('zqx'); }", {}), NotOffered)


@pytest.mark.parametrize("what", ["funnel", "uses", "profiles"])
async def test_an_error_inside_a_200_is_a_refusal(mixpanel: Mixpanel, standins: Standin, what: str) -> None:
    route, ask = ASKS[what]
    # Beside the error lies what would do as an answer.
    answer(standins, route, 200, {"error": LEAK, "request": LEAK, "data": {}, "results": []})

    await refused(ask(mixpanel), UpstreamError)


SHAPES: list[Any] = [
    "<html>zqx</html>",
    "",
    {},
    [],
    None,
    5,
    "zqx",
    {"results": "zqx"},
    {"results": {"projects": {"2914077": {"timezone": ["zqx"]}}}},
    {"results": [{"zqx": 1}]},
    {"data": "zqx"},
    {"data": {"2026-11-04": {"zqx": "zqx"}}},
    {"data": {"2026-11-04": {"zqx": [{"count": "zqx", "event": "E"}]}}},
    {"data": {"2026-11-04": ["zqx"]}},
    {"data": {"2026-11-04": 5}},
    {"data": {"2026-11-04": {}, "2026-11-05": {}}},
    [{"key": ["zqx"], "value": {"attempts": "zqx"}}],
    [["zqx"]],
]


@pytest.mark.parametrize("what", ["zone", "funnel", "uses", "profiles"])
@pytest.mark.parametrize("shape", SHAPES, ids=[f"shape{number}" for number in range(len(SHAPES))])
async def test_an_answer_of_an_unknown_shape_is_an_error_and_not_quoted(
    mixpanel: Mixpanel, standins: Standin, what: str, shape: Any
) -> None:
    route, ask = ASKS[what]
    answer(standins, route, 200, shape)
    if (what, shape) in [("uses", [])]:
        assert await ask(mixpanel) == UseAnswer(rows=[], everybody=[])
    else:
        await refused(ask(mixpanel), UpstreamError)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [({"Retry-After": "7"}, 7.0), ({}, 60.0), ({"Retry-After": "Sat, 21 Nov 2026 03:00:00 GMT"}, 60.0)],
)
@pytest.mark.parametrize("what", ASKS)
async def test_a_used_up_budget_says_for_how_long(
    mixpanel: Mixpanel, standins: Standin, what: str, headers: dict[str, str], seconds: float
) -> None:
    route, ask = ASKS[what]
    answer(standins, route, 429, headers=headers)

    error = await refused(ask(mixpanel), RateLimited)

    assert isinstance(error, RateLimited)
    assert error.retry_after == seconds


@pytest.mark.parametrize(
    ("fault", "seconds"), [("rate_limit", 300.0), ("concurrency", 10.0), ("load_shed", 60.0)]
)
async def test_each_of_mixpanels_429_answers_is_understood(
    mixpanel: Mixpanel, standins: Standin, fault: str, seconds: float
) -> None:
    standins.faults.add({"neighbour": "mixpanel", "route": "/query/funnels", "fault": fault})

    error = await refused(mixpanel.funnel_by_account(FUNNEL, WEEK), RateLimited)

    assert isinstance(error, RateLimited)
    assert error.retry_after == seconds


@pytest.mark.parametrize("what", ASKS)
@pytest.mark.parametrize("change", [{"mixpanel_secret": SecretStr("zqx")}, {"mixpanel_username": "zqx"}])
async def test_wrong_credentials_name_the_settings_to_check(
    http: httpx2.AsyncClient, standins: Standin, tmp_path: Path, what: str, change: dict[str, Any]
) -> None:
    error = await refused(
        ASKS[what][1](Mixpanel(http, settings_for(standins, tmp_path, **change))), ConfigError
    )

    assert "HANDRAIL_MIXPANEL_USERNAME" in str(error)


async def test_a_project_that_the_account_does_not_reach_is_named(
    http: httpx2.AsyncClient, standins: Standin, tmp_path: Path
) -> None:
    other = Mixpanel(http, settings_for(standins, tmp_path, mixpanel_project_id=99))

    with pytest.raises(ConfigError, match="does not reach project 99"):
        await other.zone()


@pytest.mark.parametrize(
    ("missing", "variable"),
    [
        ({"mixpanel_project_id": None}, "HANDRAIL_MIXPANEL_PROJECT_ID"),
        ({"mixpanel_username": ""}, "HANDRAIL_MIXPANEL_USERNAME"),
        ({"mixpanel_secret": None}, "HANDRAIL_MIXPANEL_SECRET"),
    ],
)
async def test_without_credentials_the_missing_setting_is_named(
    http: httpx2.AsyncClient, standins: Standin, tmp_path: Path, missing: dict[str, Any], variable: str
) -> None:
    with pytest.raises(ConfigError, match=variable):
        Mixpanel(http, settings_for(standins, tmp_path, **missing))


async def test_a_silent_server_is_given_up(
    http: httpx2.AsyncClient, standins: Standin, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(wire, "CHAT", 0.05)
    standins.faults.add({"neighbour": "mixpanel", "route": "/me", "fault": "stall", "seconds": 0.3})

    await refused(Mixpanel(http, settings_for(standins, tmp_path)).zone(), UpstreamError)


@pytest.mark.parametrize("secret", ["", "zqx"])
async def test_a_project_secret_is_refused_with_what_to_make_instead(
    http: httpx2.AsyncClient, standins: Standin, tmp_path: Path, secret: str
) -> None:
    name = "8f1b2c3d4e5f60718293a4b5c6d7e8f9"
    given = settings_for(standins, tmp_path, mixpanel_username=name, mixpanel_secret=SecretStr(secret))

    with pytest.raises(ConfigError, match="3 March 2027: create a service account") as refused:
        Mixpanel(http, given)

    assert name not in str(refused.value)
    assert standins.requests == []


async def test_the_zone_is_asked_once(mixpanel: Mixpanel, standins: Standin) -> None:
    assert [await mixpanel.zone(), await mixpanel.zone()] == ["America/New_York", "America/New_York"]
    assert len(standins.requests) == 1


async def test_saved_funnels_come_with_their_steps_and_windows(mixpanel: Mixpanel) -> None:
    found = {funnel.name: funnel for funnel in await mixpanel.funnels()}

    assert found["Connect a data source"] == Funnel(
        funnel_id=52110401,
        name="Connect a data source",
        steps=("Source Connect Started", "Source Type Chosen", "Source Access Checked", "Source Connected"),
        window_seconds=86_400,
    )
    assert {name: funnel.window_seconds for name, funnel in found.items()} == {
        "Connect a data source": 86_400,
        "Build a dashboard": 7 * 86_400,
        "Schedule an export": 3600,
        "Set up an alert": 14 * 86_400,
    }


@pytest.mark.parametrize("status", [402, 403, 404])
async def test_where_the_app_api_is_closed_funnels_come_from_the_query_api_by_name_alone(
    mixpanel: Mixpanel, standins: Standin, status: int
) -> None:
    answer(standins, "/bookmarks", status)

    found = await mixpanel.funnels()

    assert found[0] == Funnel(funnel_id=52110401, name="Connect a data source", steps=(), window_seconds=0)
    assert len(found) == 4
    assert [each["path"].rsplit("/", 2)[-2:] for each in standins.requests] == [
        ["2914077", "bookmarks"],
        ["funnels", "list"],
    ]


@pytest.mark.parametrize(
    "params", [{}, {"sections": {}}, {"sections": {"show": []}}, {"sections": {"show": [{"behavior": None}]}}]
)
async def test_a_funnel_whose_parameters_are_unknown_can_still_be_asked_by_id(
    mixpanel: Mixpanel, standins: Standin, params: dict[str, Any]
) -> None:
    report = {"id": 7, "name": "Odd", "type": "funnels", "params": params}
    other = {"id": 8, "name": "A report", "type": "insights", "params": {}}
    answer(standins, "/bookmarks", 200, {"status": "ok", "results": [report, other]})

    assert await mixpanel.funnels() == [Funnel(funnel_id=7, name="Odd")]


async def test_funnels_are_read_where_the_answer_wraps_them_twice_and_one_has_no_name(
    mixpanel: Mixpanel, standins: Standin
) -> None:
    report = {"id": 7, "name": None, "type": "funnels", "params": None}
    answer(standins, "/bookmarks", 200, {"status": "ok", "results": {"results": [report]}})

    assert await mixpanel.funnels() == [Funnel(funnel_id=7, name="no. 7")]


async def test_one_query_counts_a_funnel_for_every_account(
    mixpanel: Mixpanel, standins: Standin, acme_folder: Path
) -> None:
    counted = await mixpanel.funnel_by_account(FUNNEL, WEEK)

    accounts = ["acct_1001", "acct_1004", "acct_1008"]
    expected = oracle.count(acme_folder, WEEK.from_date, WEEK.to_date, accounts=accounts)["funnels"][0]
    told = {"$overall": expected["overall"], **expected["accounts"]}
    assert len(told) == 4
    for segment, rates in told.items():
        assert counted[segment] == FunnelCounts(events=tuple(expected["steps"]), users=tuple(rates["users"]))
    assert sum(each["counted"] for each in standins.requests) == 1


async def test_profiles_beyond_one_page_are_all_read_for_one_query(
    http: httpx2.AsyncClient, tmp_path: Path
) -> None:
    known = {f"u{number}": {"$name": f"N{number}"} for number in range(2500)}
    world = write_world(tmp_path / "world", [event("E", "u1", "2026-11-20T10:00:00")], profiles=known)

    with running(world) as state:
        found = await profiles(Mixpanel(http, settings_for(state, tmp_path)))

        assert sorted(found) == sorted(known)
        assert len(found) == 2500
        assert [each["counted"] for each in state.requests] == [True, False, False]


async def test_many_ids_are_asked_for_in_blocks_of_two_thousand(
    http: httpx2.AsyncClient, tmp_path: Path
) -> None:
    known = {f"u{number}": {"$name": f"N{number}"} for number in range(4001)}
    world = write_world(tmp_path / "world", [event("E", "u1", "2026-11-20T10:00:00")], profiles=known)

    with running(world) as state:
        mixpanel = Mixpanel(http, settings_for(state, tmp_path))
        found = await profiles(mixpanel, distinct_ids=[*known, "nobody"])

        assert found == list(known)
        assert sum(each["counted"] for each in state.requests) == 3
        assert await profiles(mixpanel, distinct_ids=["u7"]) == ["u7"]
        assert await profiles(mixpanel, distinct_ids=[]) == []
        assert await profiles(mixpanel, distinct_ids=["nobody"]) == []


async def test_only_the_properties_asked_for_are_fetched(mixpanel: Mixpanel, standins: Standin) -> None:
    [distinct_id] = list(standins.profiles)[:1]

    [profile] = [each async for each in mixpanel.profiles(["$name", "missing"], distinct_ids=[distinct_id])]

    assert profile.properties == {"$name": standins.profiles[distinct_id]["$name"]}


async def test_group_profiles_are_those_of_the_accounts(mixpanel: Mixpanel, standins: Standin) -> None:
    found = await profiles(mixpanel, group_id=standins.world.project["group_keys"]["company_id"])

    assert sorted(found) == sorted(standins.groups["company_id"])


def on_disk(folder: Path, *days: date) -> bytes:
    return b"".join(
        gzip.decompress((folder / "events" / f"{day.isoformat()}.jsonl.gz").read_bytes()) for day in days
    )


async def test_the_export_of_several_days_arrives_whole(mixpanel: Mixpanel, acme_folder: Path) -> None:
    """Each day is a gzip member of its own; HTTP clients stop after the first."""
    last = date(2026, 11, 12)

    found = await exported(mixpanel, DAY, last)

    assert found == on_disk(acme_folder, DAY, date(2026, 11, 11), last)


async def test_the_export_of_some_events_holds_those_alone(mixpanel: Mixpanel, acme_folder: Path) -> None:
    names = ["Source Connect Started", "Source Connected"]

    found = await exported(mixpanel, events=names)

    lines = on_disk(acme_folder, DAY).decode().split("\n")
    expected = [each for each in lines if each and json.loads(each)["event"] in names]
    assert found.decode().split("\n")[:-1] == expected
    assert expected


async def test_the_export_of_a_day_without_events_is_empty(mixpanel: Mixpanel) -> None:
    assert await exported(mixpanel, date(2026, 1, 1), date(2026, 1, 2)) == b""


async def test_an_export_that_is_cut_is_broken(mixpanel: Mixpanel, standins: Standin) -> None:
    standins.faults.add({"neighbour": "mixpanel", "route": "/export", "fault": "cut_stream"})

    await refused(exported(mixpanel), BrokenExport)


async def test_an_export_that_is_no_gzip_inside_is_broken(mixpanel: Mixpanel, standins: Standin) -> None:
    answer(standins, "/export", 200, headers={"Content-Encoding": "gzip"})

    await refused(exported(mixpanel), BrokenExport)
