"""Scoring the book: equal to an independent computation, kept by day, and no look into the future."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent import night
from handrail.context import DEFAULT_KB, ToolContext
from handrail.domain.health import Health
from handrail.domain.periods import Period
from handrail.engine.score import score
from handrail.errors import CallerError, ConfigError
from handrail.flows.health import definition, facts_at, feel, felt, keep_scores, look_up
from handrail.flows.measure import count_nightly
from handrail.services.score_file import SHIPPED
from tests import databases, oracle_health

AS_OF = date(2026, 11, 19)


@pytest.fixture(scope="module")
def expected(acme_folder: Path) -> dict[str, dict[str, Any]]:
    return oracle_health.scores(acme_folder, AS_OF, DEFAULT_KB, SHIPPED)


async def book(ctx: ToolContext) -> dict[str, Health]:
    """By Mixpanel id."""
    async with ctx.store.read() as work:
        ids = {each.id: each.mixpanel_id for each in await work.accounts.all()}
        found = {ids[account]: await work.health.of(account) for account in await work.health.book()}
    return {account: one for account, one in found.items() if one is not None}


async def delete_after(ctx: ToolContext, day: date, tables: tuple[str, ...]) -> None:
    await run(ctx, *(f"delete from {table} where metric_date > '{day}'" for table in tables))


async def run(ctx: ToolContext, *statements: str) -> None:
    """What no code of the product does to the database."""
    with databases.tables(ctx.settings.data_dir) as database:
        for each in statements:
            database.execute(each)


async def test_a_night_scores_every_account_as_an_independent_computation_does(
    empty_ctx: ToolContext, expected: dict[str, dict[str, Any]]
) -> None:
    report = await night.run(empty_ctx)
    found = await book(empty_ctx)

    assert report.scored == len(found) == len(expected) == 25
    for account, one in found.items():
        told = expected[account]
        made = one.score
        figures = {each.name: each.raw for part in made.components for each in part.figures}
        assert figures == pytest.approx(told["figures"]), account
        values = {each.name: each.value for each in made.components if each.value is not None}
        assert values == pytest.approx(told["components"]), account
        assert made.value == pytest.approx(told["value"]), account
        assert made.coverage == pytest.approx(told["coverage"]), account
        people = one.facts.people
        assert people is not None
        assert [people.users_7, people.users_28, people.users_84] == told["beside"]["users"]
        assert people.quiet == told["beside"]["quiet"]
        assert one.facts.key_person_share == pytest.approx(told["beside"]["key_person_share"])
        assert one.facts.quiet_champion_share == pytest.approx(told["beside"]["quiet_champion_share"])


async def test_scores_of_missing_days_are_made_and_what_was_said_stays(ctx: ToolContext) -> None:
    assert await keep_scores(ctx, AS_OF - timedelta(days=7)) == 25
    said = await book(ctx)
    async with ctx.store.begin() as work:
        dull = [
            each.model_copy(update={"score": each.score.model_copy(update={"value": 1.0})})
            for each in said.values()
        ]
        await work.health.keep(AS_OF - timedelta(days=7), dull)

    await keep_scores(ctx, AS_OF)

    acme = (await book(ctx))["acct_1001"]
    async with ctx.store.read() as work:
        days = await work.health.days(acme.facts.account, Period.of_days(60, AS_OF, ""))
    by_day = {each.day: each.value for each in days}
    assert list(by_day) == sorted(by_day)
    assert set(by_day) == {AS_OF - timedelta(days=ago) for ago in (28, 21, 14, 7, 0)}
    assert by_day[AS_OF - timedelta(days=7)] == 1.0
    assert acme.score.as_of == AS_OF
    assert by_day[AS_OF] == acme.score.value


async def test_an_older_night_does_not_take_the_place_of_the_newest(ctx: ToolContext) -> None:
    await keep_scores(ctx, AS_OF)
    await keep_scores(ctx, AS_OF - timedelta(days=3))

    assert {each.score.as_of for each in (await book(ctx)).values()} == {AS_OF}


async def test_a_replay_of_a_past_day_reads_nothing_of_later_days(ctx: ToolContext) -> None:
    past = AS_OF - timedelta(days=10)
    async with ctx.store.read() as work:
        history = await work.health.history(past, AS_OF)
        knowing = await facts_at(work, ctx, history, past)
    tables = ("mixpanel_metrics", "user_days", "event_days", "feature_days", "synced_days")
    await delete_after(ctx, past, tables)
    async with ctx.store.read() as work:
        history = await work.health.history(past, past)
        blind = await facts_at(work, ctx, history, past)

    assert knowing == blind
    assert len(blind) == 25
    settings = definition(ctx)
    assert all(score(each, settings).value for each in blind.values() if each.days_silent < 28)


async def test_users_whose_days_are_no_longer_kept_stay_as_numbers(ctx: ToolContext) -> None:
    await keep_scores(ctx, AS_OF)
    async with ctx.store.read() as work:
        accounts = [each.id for each in await work.accounts.all()]
        counted = await work.health.people(AS_OF, accounts)
    await delete_after(ctx, date(2026, 1, 1), ("user_days",))
    later = AS_OF + timedelta(days=60)
    await run(ctx, f"update mixpanel_metrics set metric_date = '{later}' where metric_date = '{AS_OF}'")
    async with ctx.store.read() as work:
        after = await work.health.people(AS_OF, accounts)
        never = await work.health.people(AS_OF - timedelta(days=40), accounts)

    assert after == counted
    assert counted[accounts[0]].users_28 > 0
    assert never == {}


async def test_users_of_days_before_events_were_counted_have_no_key_person(ctx: ToolContext) -> None:
    await run(ctx, "update user_days set events = null where metric_date = '2026-11-02'")
    async with ctx.store.read() as work:
        accounts = [each.id for each in await work.accounts.all() if each.mixpanel_id == "acct_1001"]
        found = (await work.health.people(AS_OF, accounts))[accounts[0]]

    assert found.users_28 > 0
    assert (found.events, found.top_events) == (None, None)


async def test_what_moved_a_score_is_told_against_a_week_before(ctx: ToolContext) -> None:
    await count_nightly(ctx, await ctx.mixpanel.funnels(), AS_OF)
    await keep_scores(ctx, AS_OF)
    async with ctx.store.read() as work:
        [who] = [each for each in await work.accounts.all() if each.name == "Tanager Insurance"]
    found = await look_up(ctx, who, weeks=3)

    assert found is not None
    assert found.since == AS_OF - timedelta(days=7)
    assert [each.day for each in found.history] == [AS_OF - timedelta(days=ago) for ago in (14, 7, 0)]
    now, before = found.history[-1].value, found.history[-2].value
    assert now is not None
    assert before is not None
    assert now < before
    assert sum(each.points for each in found.moves) == pytest.approx(now - before)


async def test_scores_of_another_definition_are_not_compared(
    ctx: ToolContext, tmp_path: Path, open_with: Any
) -> None:
    await keep_scores(ctx, AS_OF - timedelta(days=7))
    mine = tmp_path / "mine.toml"
    mine.write_text("[weights]\ntrend = 50\n", "utf-8")
    async with open_with(score_file=mine) as changed:
        await keep_scores(changed, AS_OF)
        async with changed.store.read() as work:
            who = (await work.accounts.all())[0]
        found = await look_up(changed, who, weeks=3)
        assert definition(changed).weights["trend"] == 50
        assert definition(changed).weights["depth"] == definition(ctx).weights["depth"]

    assert found is not None
    assert (found.moves, found.since) == ((), None)
    assert "definition of the score has changed" in found.notes[0]


@pytest.mark.parametrize(
    ("text_", "named"),
    [
        ("[weights]\nmood = 1\n", "weights.mood"),
        ("[figures.silence]\npoints = [[1, 0], [0, 100]]\n", "figures.silence"),
        ("[figures.silence]\npoints = [[0, 0], [1, 100], [2, 50]]\n", "figures.silence"),
        ("[bands]\nwatch = 90\n", "bands"),
        ("weights = 3\n", "weights"),
        ("not toml", "is not TOML"),
    ],
)
async def test_a_definition_that_cannot_be_used_is_named(
    text_: str, named: str, tmp_path: Path, open_with: Any
) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(text_, "utf-8")
    async with open_with(score_file=mine) as changed:
        with pytest.raises(ConfigError, match=r"mine\.toml") as refused:
            definition(changed)
    assert named in str(refused.value)


async def test_a_definition_that_is_not_there_is_named(tmp_path: Path, open_with: Any) -> None:
    async with open_with(score_file=tmp_path / "gone.toml") as changed:
        with pytest.raises(ConfigError, match="HANDRAIL_SCORE_FILE"):
            definition(changed)


async def test_a_sentiment_stands_beside_the_score_and_names_nobody(ctx: ToolContext) -> None:
    async with ctx.store.read() as work:
        who = (await work.accounts.all())[0]
    await feel(ctx, who, 2, "Their champion left.")
    await feel(ctx, who, 4)

    assert [(each.value, each.note) for each in await felt(ctx, who)] == [
        (4, ""),
        (2, "Their champion left."),
    ]
    for value, note in ((0, ""), (6, ""), (3, "ask a@b.example"), (3, "+49 170 1234567"), (3, "x" * 121)):
        with pytest.raises(CallerError):
            await feel(ctx, who, value, note)
    assert len(await felt(ctx, who)) == 2
