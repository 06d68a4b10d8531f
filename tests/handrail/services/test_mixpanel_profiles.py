"""Profiles chosen by properties, cohorts and acts, against an independent choice over the world's events."""

import json
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from handrail.domain.queries import Did
from handrail.errors import CallerError, HandrailError, NotInThePlan, NotOffered, UpstreamError
from handrail.services.mixpanel.client import Mixpanel
from handrail.services.mixpanel.expressions import any_of, equals, of_account
from handrail.services.mixpanel.profiles import Who, in_cohort, who_did, who_did_by_now, with_properties
from standin.acme.project import ADMINS, NEVER_CONNECTED
from standin.server import running
from standin.state import Standin
from tests.conftest import settings_for
from tests.oracle_reading import Reading
from tests.standin.conftest import event, write_world

STARTED, CONNECTED = "Source Connect Started", "Source Connected"
TRIED = Did(event=STARTED, days=14, at_least=2)
NEVER_DONE = Did(event=CONNECTED, days=14, at_least=0, at_most=0)
AS_OF = datetime(2026, 11, 20, 5, tzinfo=UTC)
"""Midnight in the project's zone."""

LEAK = "zqx ana@acme.example https://mixpanel.example/?token=zqx"

ASKS: dict[str, Who] = {
    "properties": with_properties(equals("role", "admin")),
    "cohort": in_cohort(ADMINS),
    "acts": who_did([TRIED, NEVER_DONE], AS_OF),
    "acts by now": who_did_by_now([TRIED]),
}


@pytest.fixture(scope="module")
def known(acme_folder: Path) -> dict[str, dict[str, Any]]:
    rows = map(json.loads, (acme_folder / "profiles.jsonl").read_text("utf-8").splitlines())
    return {row["$distinct_id"]: row["$properties"] for row in rows}


def times(world: Reading, name: str, until: datetime, days: int) -> Counter[str]:
    """How often each user did it in the window that ends at `until`."""
    end = until.timestamp()
    return Counter(
        one.user for one in world.events if one.name == name and end - days * 86_400 < one.time <= end
    )


async def found(mixpanel: Mixpanel, who: Who, **options: Any) -> list[str]:
    return [one.distinct_id async for one in mixpanel.profiles(["plan"], who=who, **options)]


async def refused(ask: Awaitable[Any], kind: type[HandrailError]) -> None:
    with pytest.raises(HandrailError) as caught:
        await ask
    assert type(caught.value) is kind
    said = f"{caught.value} {caught.value.__cause__}"
    assert not any(word in said for word in ("zqx", "acme", "secret-for", "http"))


async def test_those_who_tried_often_and_never_finished_are_found_with_the_properties_asked_for(
    mixpanel: Mixpanel, standins: Standin, world: Reading, known: dict[str, dict[str, Any]]
) -> None:
    tried, done = (times(world, name, AS_OF, 14) for name in (STARTED, CONNECTED))

    stuck = {
        one.distinct_id: one.properties
        async for one in mixpanel.profiles(["plan"], who=who_did([TRIED, NEVER_DONE], AS_OF))
    }

    expected = [user for user in known if tried[user] >= 2 and done[user] == 0]
    assert stuck == {user: {"plan": known[user]["plan"]} for user in expected}
    assert any(tried[user] >= 2 and done[user] > 0 for user in known)
    assert any(tried[user] == 1 for user in known)
    assert expected
    assert sum(each["counted"] for each in standins.requests) == 1


@pytest.mark.parametrize("days", [1, 30])
async def test_a_window_ends_when_it_is_told_to(
    mixpanel: Mixpanel, world: Reading, known: dict[str, dict[str, Any]], days: int
) -> None:
    did = Did(event=STARTED, days=days, at_least=1, at_most=2)

    counts = times(world, STARTED, AS_OF, days)
    assert set(await found(mixpanel, who_did([did], AS_OF))) == {
        user for user in known if 1 <= counts[user] <= 2
    }
    assert counts != times(world, STARTED, AS_OF - timedelta(days=1), days)


async def test_a_condition_on_properties_narrows_those_who_did_it(
    mixpanel: Mixpanel, world: Reading, known: dict[str, dict[str, Any]]
) -> None:
    where = any_of("role", ["admin", "viewer"])

    chosen = await found(mixpanel, who_did([TRIED], AS_OF, where=where))

    counts = times(world, STARTED, AS_OF, 14)
    tried = {user for user in known if counts[user] >= 2}
    expected = {user for user in tried if known[user].get("role") in ("admin", "viewer")}
    assert set(chosen) == expected
    assert 0 < len(expected) < len(tried)


async def test_properties_alone_choose_too(mixpanel: Mixpanel, known: dict[str, dict[str, Any]]) -> None:
    admins = {user for user, properties in known.items() if properties.get("role") == "admin"}

    assert set(await found(mixpanel, with_properties(equals("role", "admin")))) == admins
    assert admins


async def test_a_saved_cohort_and_the_same_one_unsaved_hold_the_same_people(
    mixpanel: Mixpanel, standins: Standin, world: Reading
) -> None:
    now = standins.clock.now()
    started, connected = (times(world, name, now, 30) for name in (STARTED, CONNECTED))
    acts = [Did(event=STARTED, days=30), Did(event=CONNECTED, days=30, at_least=0, at_most=0)]

    saved = await found(mixpanel, in_cohort(NEVER_CONNECTED))
    unsaved = await found(mixpanel, who_did_by_now(acts))

    expected = {user for user in started if user and not connected[user]}
    assert set(saved) == set(unsaved) == expected
    assert expected


async def test_a_cohort_is_narrowed_by_properties(
    mixpanel: Mixpanel, known: dict[str, dict[str, Any]]
) -> None:
    chosen = await found(mixpanel, in_cohort(ADMINS, where=equals("plan", "team")))

    assert set(chosen) == {
        user for user, its in known.items() if its.get("role") == "admin" and its.get("plan") == "team"
    }
    assert chosen


async def test_those_who_did_something_are_paged_for_one_query(
    http: httpx2.AsyncClient, tmp_path: Path
) -> None:
    profiles = {f"u{number}": {"plan": "pro"} for number in range(2100)}
    events = [event("A", user, "2026-11-20T10:00:00") for user in profiles]

    with running(write_world(tmp_path / "world", events, profiles=profiles)) as state:
        mixpanel = Mixpanel(http, settings_for(state, tmp_path))
        who = who_did([Did(event="A", days=7)], state.clock.now())
        assert sorted(await found(mixpanel, who)) == sorted(profiles)
        assert [each["counted"] for each in state.requests] == [True, False, False]
        assert len(await found(mixpanel, who, page_size=700)) == 2100
        assert len(state.requests) == 3 + 4


HOSTILE = [
    'x" or "1" == "1',
    'x\\" or \\"1\\" == \\"1',
    '"}]}], "where": "true',
    "\\",
    "O'Brien & Søn; 李 🙂",
    "line\u2028separator",
    "a%22b&limit=1#",
]


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_name_finds_exactly_the_one_who_did_that(
    http: httpx2.AsyncClient, tmp_path: Path, name: str
) -> None:
    names = [*HOSTILE, "x"]
    profiles = {f"u{number}": {"company": one} for number, one in enumerate(names)}
    events = [event(one, f"u{number}", "2026-11-19T10:00:00") for number, one in enumerate(names)]
    alone = [f"u{HOSTILE.index(name)}"]
    did = Did(event=name, days=7)

    with running(write_world(tmp_path / "world", events, profiles=profiles)) as state:
        mixpanel = Mixpanel(http, settings_for(state, tmp_path))
        now = state.clock.now()
        for who in (
            who_did([did], now),
            who_did_by_now([did]),
            who_did([did], now, where=of_account("company", name)),
            with_properties(equals("company", name)),
            who_did_by_now([did], where=of_account("company", name)),
        ):
            assert await found(mixpanel, who) == alone
        assert await found(mixpanel, who_did([did], now, where=equals("company", "nobody"))) == []


async def test_people_without_a_profile_are_in_cohorts_and_not_among_profiles(
    http: httpx2.AsyncClient, tmp_path: Path
) -> None:
    events = [event("A", user, "2026-11-19T10:00:00") for user in ("u1", "ghost")]

    with running(write_world(tmp_path / "world", events, profiles={"u1": {"plan": "pro"}})) as state:
        mixpanel = Mixpanel(http, settings_for(state, tmp_path))
        did = [Did(event="A", days=7)]
        assert await found(mixpanel, who_did(did, state.clock.now())) == ["u1"]
        assert await found(mixpanel, who_did_by_now(did)) == ["u1", "ghost"]
        assert await found(mixpanel, who_did_by_now(did, where=equals("plan", "pro"))) == ["u1"]


@pytest.mark.parametrize(
    "ask",
    [
        lambda: who_did([], AS_OF),
        lambda: who_did_by_now([]),
        lambda: who_did([Did(event="A", days=0)], AS_OF),
        lambda: who_did([Did(event="A", days=7, at_least=0)], AS_OF),
        lambda: who_did_by_now([Did(event="A", days=7, at_least=0)]),
    ],
)
def test_what_says_nothing_is_no_question(ask: Callable[[], Who]) -> None:
    with pytest.raises(CallerError):
        ask()


@pytest.mark.parametrize("what", ASKS)
@pytest.mark.parametrize(
    ("status", "kind"),
    [(200, UpstreamError), (400, CallerError), (402, NotInThePlan), (404, NotOffered), (500, UpstreamError)],
)
async def test_a_refusal_is_an_error_of_ours(
    mixpanel: Mixpanel, standins: Standin, what: str, status: int, kind: type[HandrailError]
) -> None:
    body = {"error": LEAK, "results": []}
    fault = {"neighbour": "mixpanel", "route": "/query/engage", "fault": "status"}
    standins.faults.add({**fault, "status": status, "body": body})

    await refused(found(mixpanel, ASKS[what]), kind)


async def test_a_cohort_that_is_not_there_is_not_offered(mixpanel: Mixpanel) -> None:
    await refused(found(mixpanel, in_cohort(1)), NotOffered)


async def test_a_snapshot_that_expires_between_pages_is_an_error_and_not_a_shorter_list(
    http: httpx2.AsyncClient, tmp_path: Path
) -> None:
    profiles: dict[str, Any] = {f"u{number}": {} for number in range(1500)}
    world = write_world(tmp_path / "world", [event("A", "u1", "2026-11-20T10:00:00")], profiles=profiles)

    with running(world) as state:
        pages = Mixpanel(http, settings_for(state, tmp_path)).profiles([])
        first = [await anext(pages) for _ in range(1000)]
        state.clock.set(state.clock.now() + timedelta(hours=1))
        with pytest.raises(CallerError):
            await anext(pages)

    assert len(first) == 1000
