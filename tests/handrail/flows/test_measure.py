"""Funnels measured at night and for a chat: which figures are kept, made anew, and asked of whom."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from handrail.context import ToolContext, open_context
from handrail.domain.accounts import AccountFacts
from handrail.domain.funnels import MeasuredFunnel
from handrail.domain.periods import Period
from handrail.engine.periods import standard
from handrail.flows import measure
from handrail.flows.sync import sync
from standin.server import running
from standin.state import Standin
from tests.conftest import settings_for
from tests.standin.conftest import Raw, event, write_world
from tools.query_funnel import query_funnel

LAST = date(2026, 11, 20)


def report(*steps: str, hours: int = 1) -> dict[str, Any]:
    behavior = {
        "behaviors": [{"name": step} for step in steps],
        "conversionWindowDuration": hours,
        "conversionWindowUnit": "hour",
    }
    return {
        "id": 7,
        "name": "Export",
        "type": "funnels",
        "params": {"sections": {"show": [{"behavior": behavior}]}},
    }


def tried(user: str, day: str, steps: int = 1, account: str = "acme") -> list[Raw]:
    """So many steps of the funnel from noon on, a minute apart."""
    names = ("Started", "Chosen", "Done")[:steps]
    return [event(name, user, f"{day}T12:0{at}:00", company_id=account) for at, name in enumerate(names)]


@contextmanager
def world(folder: Path, *events: list[Raw], **changes: Any) -> Iterator[Standin]:
    written = [raw for some in events for raw in some]
    values = {"reports": [report("Started", "Chosen", "Done")], "now": "2026-11-21T02:00:00+00:00"} | changes
    with running(write_world(folder / "world", written, **values)) as state:
        yield state


@asynccontextmanager
async def opened(state: Standin, folder: Path, **changes: Any) -> AsyncIterator[ToolContext]:
    settings = settings_for(state, folder / "data", kb_dir=None, mixpanel_group_id="", **changes)
    if settings.now is not None:
        state.clock.set(settings.now)
    async with open_context(settings, actor="nightly") as ctx:
        yield ctx


async def one_night(ctx: ToolContext, as_of: date = LAST) -> list[str]:
    await sync(ctx, to_day=as_of)
    return await measure.count_nightly(ctx, await ctx.mixpanel.funnels(), as_of)


async def kept(ctx: ToolContext, first: date, last: date | None = None) -> list[MeasuredFunnel]:
    async with ctx.store.read() as work:
        return await work.funnels.of_period(Period(from_date=first, to_date=last or first, zone="UTC"))


def users(found: list[MeasuredFunnel]) -> list[tuple[int, ...]]:
    return [one.counts.users for one in found]


async def test_a_night_keeps_each_day_with_an_entrant_and_every_standard_period(tmp_path: Path) -> None:
    with world(
        tmp_path, tried("u1", "2026-11-18", 3), tried("u1", "2026-11-19"), tried("u2", "2026-11-19", 2)
    ) as state:
        async with opened(state, tmp_path) as ctx:
            await one_night(ctx)

            assert users(await kept(ctx, date(2026, 11, 18))) == [(1, 1, 1)]
            assert users(await kept(ctx, date(2026, 11, 19))) == [(2, 1, 0)]
            assert await kept(ctx, LAST) == [], "nobody entered on this day"
            week = await kept(ctx, LAST - timedelta(days=6), LAST)
            assert users(week) == [(2, 2, 1)], "u1 counts once, with the first attempt"
            assert week[0].counts.seconds == (None, 60.0, 60.0)
            for period in standard(LAST, "UTC").values():
                entered = period.to_date >= date(2026, 11, 19)
                assert len(await kept(ctx, period.from_date, period.to_date)) == entered
            assert {one.route for one in week} == {"export"}


async def test_a_chat_is_told_weeks_times_and_rates_of_the_night_without_a_question(tmp_path: Path) -> None:
    with world(
        tmp_path, tried("u1", "2026-11-18", 3), tried("u2", "2026-11-19"), tried("u3", "2026-11-05")
    ) as state:
        async with opened(state, tmp_path) as ctx:
            await one_night(ctx)
            state.requests.clear()
            for period in standard(LAST, "UTC"):
                await query_funnel(ctx, account="acme", period=period)
            (one,) = (await query_funnel(ctx, account="acme", period="last_7_days")).funnels

    assert not [each for each in state.requests if each["counted"] or "export" in each["path"]]
    assert one.weekly == [None, None, None, 0.0, None, 0.5]
    assert [step.median_seconds for step in one.steps] == [None, 60.0, 60.0]
    assert (one.finished, one.entered, one.before) == (1, 2, None), "nobody entered in the week before"


def write(state: Standin, *events: list[Raw]) -> None:
    """Events that arrive late."""
    state.written.extend(raw for some in events for raw in some)


async def test_late_events_move_recent_days_and_leave_settled_ones(tmp_path: Path) -> None:
    with world(tmp_path, tried("u1", "2026-11-19"), tried("u2", "2026-11-02")) as state:
        async with opened(state, tmp_path) as ctx:
            await one_night(ctx)
        write(state, tried("late", "2026-11-19"), tried("very late", "2026-11-02"))
        async with opened(state, tmp_path, now=datetime(2026, 11, 22, 2, tzinfo=UTC)) as ctx:
            await one_night(ctx, date(2026, 11, 21))

            assert users(await kept(ctx, date(2026, 11, 19))) == [(2, 0, 0)]
            assert users(await kept(ctx, date(2026, 11, 2))) == [(1, 0, 0)]


async def test_the_days_of_another_definition_are_counted_again(tmp_path: Path) -> None:
    with world(tmp_path, tried("u1", "2026-11-02", 2)) as state:
        async with opened(state, tmp_path) as ctx:
            await one_night(ctx)
            state.world.project["reports"][0] = report("Started", "Chosen")
            await one_night(ctx)

            assert users(await kept(ctx, date(2026, 11, 2))) == [(1, 1)]


async def test_a_period_that_is_no_standard_one_any_more_is_forgotten_after_a_week(tmp_path: Path) -> None:
    with world(tmp_path, tried("u1", "2026-11-19")) as state:
        async with opened(state, tmp_path) as ctx:
            await one_night(ctx)
        later = datetime(2026, 11, 29, 2, tzinfo=UTC)
        async with opened(state, tmp_path, now=later) as ctx:
            await one_night(ctx, date(2026, 11, 28))

            assert await kept(ctx, LAST - timedelta(days=6), LAST) == []
            assert users(await kept(ctx, date(2026, 11, 19))) == [(1, 0, 0)], "single days stay"


async def test_a_funnel_that_nobody_entered_is_asked_for_once(tmp_path: Path) -> None:
    with world(tmp_path, [event("Other", "u1", "2026-11-19T12:00:00", company_id="acme")]) as state:
        async with opened(state, tmp_path) as ctx:
            await sync(ctx)
            for _ in range(2):
                period = Period.of_days(3, LAST, "UTC")
                await measure.measure(ctx, await ctx.mixpanel.funnels(), period)

            assert sum("query/funnels" in each["path"] for each in state.requests) == 1


async def test_a_tracked_cohort_is_counted_alone_without_groups_under_five(tmp_path: Path) -> None:
    people = {f"u{number}": {"plan": "pro" if number < 11 else "free"} for number in range(20)}
    entered = [
        tried(user, "2026-11-19", 3 if number % 2 else 1, "acme" if number < 6 else "globex")
        for number, user in enumerate(people)
        if number not in (8, 9)
    ]
    cohort = {
        "id": 5,
        "name": "Pro users",
        "definition": {"selector": {"property": "user", "value": "plan", "operator": "==", "operand": "pro"}},
    }
    with world(tmp_path, *entered, profiles=people, cohorts=[cohort]) as state:
        async with opened(state, tmp_path, mixpanel_cohorts=("Pro users",)) as ctx:
            await one_night(ctx)
            async with ctx.store.read() as work:
                book = {account.mixpanel_id: account.id for account in await work.accounts.all()}
                week = Period.of_days(7, LAST, "UTC")
                found = {name: await work.funnels.of_account(book[name], week) for name in book}

    told = {name: {one.cohort: one.counts.users for one in rows} for name, rows in found.items()}
    assert told == {
        "acme": {"": (6, 3, 3), "Pro users": (6, 3, 3)},
        "globex": {"": (12, 6, 6)},
    }, "three of Globex' people are in the cohort: too few to be told alone"
    assert sum(each["counted"] for each in state.requests if "engage" in each["path"]) == 1


async def test_a_cohort_that_cannot_be_had_is_named_and_the_rest_is_counted(tmp_path: Path) -> None:
    with world(tmp_path, tried("u1", "2026-11-19")) as state:
        async with opened(state, tmp_path, mixpanel_cohorts=("Nobody's", "17")) as ctx:
            notes = await one_night(ctx)

            assert [note.split(":")[0] for note in notes] == [
                'There is no cohort "Nobody\'s"',
                "There is no cohort '17'",
            ]
            assert users(await kept(ctx, date(2026, 11, 19))) == [(1, 0, 0)]


async def test_an_answer_at_the_limit_of_segments_goes_down_a_route(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three accounts and everybody: an answer of four segments may have lost some at a limit of three."""
    monkeypatch.setattr(measure, "MOST_SEGMENTS", 3)
    events = [tried(f"u{number}", "2026-11-19", 1, f"acct-{number}") for number in range(3)]
    with world(tmp_path, *events) as state:
        async with opened(state, tmp_path) as ctx:
            await sync(ctx)
            week = Period.of_days(7, LAST, "UTC")
            await measure.measure(ctx, await ctx.mixpanel.funnels(), week)

            assert {one.route for one in await kept(ctx, week.from_date, LAST)} == {"insights"}


async def test_a_funnel_that_was_deleted_meanwhile_closes_no_route_of_another(tmp_path: Path) -> None:
    reports = [report("Started", "Done") | {"id": number, "name": f"Funnel {number}"} for number in (7, 8)]
    steps = {"steps": [{"event": "Started"}, {"event": "Done"}], "length": 1, "length_unit": "hour"}
    saved = [steps | {"funnel_id": one["id"], "name": one["name"]} for one in reports]
    with world(tmp_path, tried("u1", "2026-11-19", 3), reports=reports, funnels=saved) as state:
        async with opened(state, tmp_path) as ctx:
            await sync(ctx)
            gone, other = sorted(await ctx.mixpanel.funnels(), key=lambda one: one.funnel_id)
            state.faults.add(
                {
                    "neighbour": "mixpanel",
                    "route": "query/funnels",
                    "fault": "status",
                    "status": 404,
                    "times": 1,
                }
            )
            week = Period.of_days(7, LAST, "UTC")
            await measure.measure(ctx, [gone], week)
            await measure.measure(ctx, [other], week)
            async with ctx.store.read() as work:
                routes = {one.funnel_id: one.route for one in await work.funnels.of_period(week)}

    assert routes == {gone.funnel_id: "insights", other.funnel_id: "funnels"}


async def test_two_ids_of_one_company_are_counted_as_one_and_not_asked_of_mixpanel(tmp_path: Path) -> None:
    events = tried("u1", "2026-11-18", 3), tried("u2", "2026-11-18", 1, account="acme-old")
    span = Period(from_date=date(2026, 11, 17), to_date=date(2026, 11, 19), zone="UTC")
    with world(tmp_path, *events) as state:
        async with opened(state, tmp_path) as ctx:
            await sync(ctx, from_day=date(2026, 11, 15))
            async with ctx.store.begin() as work:
                facts = [AccountFacts(id="acme", mixpanel_ids=("acme", "acme-old"))]
                await work.accounts.describe(
                    list(enumerate(facts, 2)), project_id=ctx.mixpanel.project_id, now=ctx.clock.now()
                )
            await measure.measure(ctx, await ctx.mixpanel.funnels(), span)
            async with ctx.store.read() as work:
                (found,) = await work.funnels.of_period(span)

    assert (found.counts.users, found.route) == ((2, 1, 1), "export")
