"""Mixpanel behind each fault: the export of a sync, then the people whom a night would mail."""

import asyncio
import json
from typing import Any

import pytest

from handrail.context import ToolContext, open_context
from handrail.domain.metrics import SyncState
from handrail.errors import HandrailError, UpstreamError
from handrail.flows.sync import sync
from handrail.settings import Settings
from standin.state import Standin
from tests.conftest import moved
from tests.hardening.conftest import Promise
from tests.hardening.upstream.choice import chosen
from tests.hardening.upstream.conftest import PEOPLE, behind, measured, plain
from tests.hardening.upstream.faults import FAULTS, Fault, made_up, met, unavailable
from tests.hardening.upstream.night import EVERYBODY, mail_the_others, recipients, try_night
from tests.hardening.upstream.proxy import Way

EVENTS = 5 * PEOPLE
MOST_MEGABYTES = {"gzip bomb": 350, "a gigabyte": 1100}
"""Two pieces of 64 MB each take turns, and DuckDB may have 600 MB; an answer to a question may have 64 MB."""

WHOLE = {"slow close": EVENTS, "empty": 0, "a gigabyte": None}
"""Faults under which an export is whole all the same, and its events; None: so many that nobody counted."""

SHORT = {"mixpanel_seconds": 1.0, "export_seconds": 1.0}


async def newest(ctx: ToolContext) -> SyncState:
    async with ctx.store.read() as work:
        state = await work.syncs.newest()
    assert state is not None
    return state


async def try_sync(settings: Settings) -> tuple[str, SyncState]:
    """What the operator reads of a sync, nothing if it went well; and how it stands on record."""
    said = ""
    async with open_context(settings) as ctx:
        try:
            await sync(ctx)
        except HandrailError as error:
            said = str(error)
        return said, await newest(ctx)


def patience(fault: Fault) -> dict[str, Any]:
    return SHORT if fault.slow else {}


@pytest.mark.parametrize("name", chosen("mixpanel"))
async def test_mixpanel_behind_a_fault(
    name: str, settings: Settings, three: Standin, promise: Promise
) -> None:
    fault = FAULTS[name]
    async with asyncio.timeout(300):
        await an_export_is_whole_or_nothing_of_it_is_kept(name, fault, settings, three)
        await nobody_is_mailed_who_was_not_looked_up(name, fault, settings, three)
        await mail_the_others(settings)

    assert recipients(three) == EVERYBODY
    promise(f"Mixpanel, {name}: ended in time with our words, and then everybody got one mail")


async def an_export_is_whole_or_nothing_of_it_is_kept(
    name: str, fault: Fault, settings: Settings, three: Standin
) -> None:
    async with met(fault, three.base_url) as proxy:
        exported = behind(
            moved(settings, settings.data_dir / "export"),
            mixpanel_export_url=f"{proxy.base_url}/mixpanel",
            **patience(fault),
        )
        with measured(fault) as peak:
            said, state = await try_sync(exported)

    assert peak.megabytes <= MOST_MEGABYTES.get(name, 0)
    if name in WHOLE:
        assert (said, state.status) == ("", "done")
        assert WHOLE[name] in (None, state.events)
        return
    assert plain(said)
    assert (state.status, state.message, state.events) == ("failed", said, 0)


async def nobody_is_mailed_who_was_not_looked_up(
    name: str, fault: Fault, settings: Settings, three: Standin
) -> None:
    async with met(fault, three.base_url, "/engage") as proxy:
        asked = behind(settings, mixpanel_query_url=f"{proxy.base_url}/mixpanel", **patience(fault))
        with measured(fault) as peak:
            told = await try_night(asked)

    assert peak.megabytes <= MOST_MEGABYTES.get(name, 0)
    if fault.harmless:
        assert recipients(three) == EVERYBODY
        return
    assert recipients(three) == []
    assert told
    assert [each for each in told if not plain(each)] == []


async def test_an_empty_export_wipes_nothing_out(settings: Settings, three: Standin) -> None:
    """The last days are read again every night: an empty answer would make them days without anybody."""
    async with open_context(settings) as ctx:
        await sync(ctx)
    async with met(FAULTS["empty"], three.base_url) as proxy:
        spoilt = behind(settings, mixpanel_export_url=f"{proxy.base_url}/mixpanel")
        said, state = await try_sync(spoilt)
        async with open_context(spoilt) as ctx, ctx.store.read() as work:
            read = await work.metrics.last_sync()
        async with open_context(spoilt) as ctx:
            named = await sync(ctx, from_day=state.to_date)

    assert f"{EVENTS} events were read of these days before: nothing was replaced" in said
    assert state.status == "failed"
    assert read is not None
    assert read.events == EVENTS
    assert named.events == 0


async def test_nobody_is_mailed_where_the_export_is_empty_and_others_tell_of_struggles(
    settings: Settings, three: Standin
) -> None:
    async with met(FAULTS["empty"], three.base_url) as proxy:
        told = await try_night(behind(settings, mixpanel_export_url=f"{proxy.base_url}/mixpanel"))

    assert three.mails == []
    assert any("held no event of the last 5 days" in each for each in told)


async def test_profiles_of_which_a_page_is_missing_are_no_answer(settings: Settings, three: Standin) -> None:
    """A page that is short ends an answer; the first one told of a page more."""
    people = [{"$distinct_id": "person-0", "$properties": {}}]
    page = {"results": people, "page_size": 2, "session_id": "s", "total": 3}

    async def answer(way: Way) -> None:
        await way.send(made_up("200 OK", json.dumps(page).encode()))

    async with met(Fault(answer), three.base_url, "/engage") as proxy:
        asked = behind(settings, mixpanel_query_url=f"{proxy.base_url}/mixpanel")
        async with open_context(asked) as ctx:
            with pytest.raises(UpstreamError, match="Mixpanel gave 1 of 3 profiles: try again later"):
                [each async for each in ctx.mixpanel.profiles(["$email"])]


async def test_in_chat_all_tries_together_have_the_time_of_one(settings: Settings, three: Standin) -> None:
    """Three tries that fail at their leisure would keep somebody waiting three times as long."""

    async def slowly_unavailable(way: Way) -> None:
        await asyncio.sleep(0.5)
        await unavailable(way)

    async with met(Fault(slowly_unavailable), three.base_url) as proxy:
        asked = behind(settings, mixpanel_query_url=f"{proxy.base_url}/mixpanel", mixpanel_seconds=0.8)
        async with open_context(asked) as ctx:
            with pytest.raises(UpstreamError, match="takes too long over event names"):
                await ctx.mixpanel.queries.event_names()

    assert len(proxy.paths) <= 2
