"""Writing to Mixpanel over HTTP: what arrives, what a repeat changes, and what is refused."""

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr

from handrail.domain.periods import Period
from handrail.domain.writes import Imported, NewEvent
from handrail.errors import (
    CallerError,
    ConfigError,
    HandrailError,
    NotOffered,
    RateLimited,
    Unavailable,
    UpstreamError,
)
from handrail.services.mixpanel.client import Mixpanel
from handrail.services.mixpanel.write import Ingest, insert_id
from handrail.settings import Settings
from standin.state import Standin
from tests.conftest import settings_for

AT = int(datetime(2026, 11, 20, 15, tzinfo=UTC).timestamp())
DAY = Period(from_date=date(2026, 11, 20), to_date=date(2026, 11, 20), zone="America/New_York")
LEAK = "zqx ana@acme.example https://mixpanel.example/?token=zqx"


def told(user: str = "u1", **changes: Any) -> NewEvent:
    values = {"event": "assist_told", "distinct_id": user, "time": AT, "insert_id": insert_id("told", user)}
    return NewEvent(**{**values, **changes})


Ask = Callable[[Ingest], Awaitable[Any]]
ASKS: dict[str, tuple[str, Ask]] = {
    "events": ("/import", lambda ingest: ingest.import_events([told()])),
    "profile": ("/engage", lambda ingest: ingest.set_profile("u1", {"a": 1})),
    "group": ("/groups", lambda ingest: ingest.set_group("company_id", "acme", {"a": 1})),
}


def writing(http: httpx2.AsyncClient, standins: Standin, tmp_path: Path, **changes: Any) -> Mixpanel:
    token = SecretStr(standins.world.project["token"])
    ingest = {"mixpanel_token": token, "mixpanel_ingest_url": f"{standins.base_url}/mixpanel/"}
    return Mixpanel(http, settings_for(standins, tmp_path, **{**ingest, **changes}))


@pytest.fixture
def mixpanel(http: httpx2.AsyncClient, standins: Standin, tmp_path: Path) -> Mixpanel:
    return writing(http, standins, tmp_path)


@pytest.fixture
def ingest(mixpanel: Mixpanel) -> Ingest:
    assert mixpanel.ingest is not None
    return mixpanel.ingest


async def refused(ask: Awaitable[Any], kind: type[HandrailError]) -> HandrailError:
    with pytest.raises(HandrailError) as caught:
        await ask
    assert type(caught.value) is kind
    said = f"{caught.value} {caught.value.__cause__}"
    assert not any(word in said for word in ("zqx", "acme", "b81f5c0e", "http"))
    return caught.value


def answer(standins: Standin, route: str, status: int, body: Any = LEAK, **details: Any) -> None:
    fault = {"neighbour": "mixpanel", "route": route, "fault": "status"}
    standins.faults.add({**fault, "status": status, "body": body, **details})


async def test_events_sent_twice_count_once(mixpanel: Mixpanel, ingest: Ingest) -> None:
    events = [told("u1"), told("u2", properties={"feature": "export", "time": 5, "distinct_id": "x"})]

    assert await ingest.import_events(events) == Imported(taken=2)
    assert await ingest.import_events(events) == Imported(taken=2)

    counted = await mixpanel.queries.segmentation("assist_told", DAY, by="distinct_id")
    assert {one.name: one.total for one in counted.series} == {"u1": 1, "u2": 1}
    [done] = await mixpanel.queries.activity(["u2"], DAY)
    assert (done.time, done.properties["feature"], done.properties["ip"]) == (AT, "export", 0)


async def test_many_events_go_in_batches_and_the_bad_ones_are_told_by_their_place(
    ingest: Ingest, standins: Standin
) -> None:
    events = [told(f"u{number}") for number in range(4100)]
    events[7] = told("undefined", insert_id="a-7")
    events[4050] = told("u4050", time=10, insert_id="a-4050")

    found = await ingest.import_events(events)

    assert found == Imported(taken=4098, refused=(7, 4050))
    assert [each["query"] for each in standins.requests] == [{"strict": "1"}] * 3
    assert len(standins.written) == 4098
    assert not any(each["counted"] for each in standins.requests)


async def test_large_events_are_spread_over_more_requests(ingest: Ingest, standins: Standin) -> None:
    long = "é" * 70_000

    found = await ingest.import_events([told(f"u{n}", properties={"text": long}) for n in range(10)])

    assert found == Imported(taken=10)
    assert len(standins.requests) > 1
    await refused(ingest.import_events([told(properties={"text": "x" * 1_000_000})]), CallerError)


@pytest.mark.parametrize("wrong", ["", "a" * 37, "has space", "ä", "a_b", "a\n"])
async def test_an_insert_id_that_mixpanel_would_refuse_is_not_sent(
    ingest: Ingest, standins: Standin, wrong: str
) -> None:
    await refused(ingest.import_events([told(insert_id=wrong)]), CallerError)

    assert standins.requests == []


def test_an_insert_id_is_the_same_for_the_same_parts_alone() -> None:
    assert insert_id("u1", "export") == insert_id("u1", "export")
    assert len({insert_id("u1", "export"), insert_id("u1e", "xport"), insert_id("u1")}) == 3
    assert len(insert_id("ü" * 500)) == 36


async def test_a_profile_is_changed_without_looking_active(ingest: Ingest, standins: Standin) -> None:
    user, before = next(iter(standins.world.profiles.items()))

    for _ in range(2):
        await ingest.set_profile(user, {"assist_last": "2026-11-20"}, union={"assist_told": ["a", "b"]})
    await ingest.set_profile(user, {}, union={"assist_told": ["b", "c"]})

    added = {"assist_last": "2026-11-20", "assist_told": ["a", "b", "c"]}
    assert standins.profiles[user] == {**before, **added}
    assert standins.requests[0]["query"] == {"ip": "0", "verbose": "1"}


async def test_a_group_is_changed_and_one_of_no_known_key_is_refused(
    ingest: Ingest, standins: Standin
) -> None:
    await ingest.set_group("company_id", "acct_1001", {"assist_open": 3}, union={"assist_told": ["a"]})

    changed = standins.groups["company_id"]["acct_1001"]
    assert (changed["assist_open"], changed["assist_told"]) == (3, ["a"])
    await refused(ingest.set_group("team", "x", {"a": 1}), UpstreamError)


async def test_nothing_to_write_is_not_sent(ingest: Ingest, standins: Standin) -> None:
    await ingest.set_profile("u1", {})

    assert await ingest.import_events([]) == Imported()
    assert standins.requests == []


async def test_without_a_token_nothing_can_be_written(
    http: httpx2.AsyncClient, standins: Standin, tmp_path: Path
) -> None:
    assert writing(http, standins, tmp_path, mixpanel_token=None).ingest is None


async def test_a_wrong_token_names_the_setting(
    http: httpx2.AsyncClient, standins: Standin, tmp_path: Path
) -> None:
    other = writing(http, standins, tmp_path, mixpanel_token=SecretStr("zqx")).ingest
    assert other is not None

    assert "HANDRAIL_MIXPANEL_TOKEN" in str(await refused(other.import_events([told()]), ConfigError))
    assert "HANDRAIL_MIXPANEL_TOKEN" in str(await refused(other.set_profile("u1", {"a": 1}), UpstreamError))


@pytest.mark.parametrize("what", ASKS)
@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, LEAK, UpstreamError),
        (200, {"zqx": "zqx"}, UpstreamError),
        (400, LEAK, CallerError),
        (401, LEAK, ConfigError),
        (403, LEAK, NotOffered),
        (413, LEAK, CallerError),
        (429, LEAK, RateLimited),
        (500, LEAK, UpstreamError),
        (503, LEAK, Unavailable),
    ],
)
async def test_each_refusal_is_an_error_of_ours_without_a_word_of_the_remote(
    ingest: Ingest, standins: Standin, what: str, status: int, body: Any, kind: type[HandrailError]
) -> None:
    route, ask = ASKS[what]
    answer(standins, route, status, body)

    error = await refused(ask(ingest), kind)

    assert "query" not in str(error)


async def test_a_400_that_names_no_event_is_a_refusal(ingest: Ingest, standins: Standin) -> None:
    answer(standins, "/import", 400, {"error": LEAK, "num_records_imported": 0})

    await refused(ingest.import_events([told()]), CallerError)


async def test_a_write_that_met_a_bad_moment_is_sent_again(ingest: Ingest, standins: Standin) -> None:
    answer(standins, "/import", 503, times=1)

    assert await ingest.import_events([told()]) == Imported(taken=1)
    assert len(standins.requests) == 2


@pytest.mark.parametrize(
    ("region", "url"),
    [
        ("us", "https://api.mixpanel.com"),
        ("eu", "https://api-eu.mixpanel.com"),
        ("in", "https://api-in.mixpanel.com"),
    ],
)
def test_each_region_has_its_own_host_to_write_to(region: str, url: str) -> None:
    assert Settings.load(_env_file=None, mixpanel_region=region, mixpanel_ingest_url="").ingest_url == url
