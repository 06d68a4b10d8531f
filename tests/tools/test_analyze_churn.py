"""What told churned accounts from kept ones, over a world in which accounts fade before they leave."""

import json
from collections.abc import AsyncIterator, Iterator
from datetime import date, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from agent import night
from handrail.context import ToolContext, open_context
from handrail.domain.accounts import AccountFacts
from handrail.errors import CallerError
from handrail.flows.churn import analyse, keep_track, replay
from handrail.flows.health import definition
from handrail.flows.sync import sync
from standin.server import running
from standin.state import Standin
from standin.world import load
from tests import databases, leaving_world
from tests.conftest import settings_for
from tools.analyze_churn import analyze_churn

LAST = leaving_world.LAST


@pytest.fixture(scope="session")
def _leaving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    folder = tmp_path_factory.mktemp("worlds") / "leaving"
    leaving_world.write(folder)
    with running(load(folder)) as state:
        yield state


@pytest.fixture(scope="session")
def _read(_leaving: Standin, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory after a sync that read the churn dates from the group profiles."""
    import asyncio  # noqa: PLC0415

    data = tmp_path_factory.mktemp("leaving")

    async def fill() -> None:
        settings = settings_for(_leaving, data, mixpanel_churn_property="churned_on")
        async with open_context(settings) as ctx:
            await sync(ctx, from_day=LAST - timedelta(days=leaving_world.DAYS - 1))

    asyncio.run(fill())
    return data


@pytest.fixture
async def leaving(_leaving: Standin, _read: Path, tmp_path: Path) -> AsyncIterator[ToolContext]:
    databases.copy(_read, tmp_path / "data")
    settings = settings_for(_leaving, tmp_path / "data", mixpanel_churn_property="churned_on")
    async with open_context(settings) as ctx:
        yield ctx


def rows(ctx: ToolContext, sql: str, *values: Any) -> list[Any]:
    """What lies on disk, or a change to it, without the product."""
    with databases.tables(ctx.settings.data_dir) as database:
        done = database.execute(sql, values)
        return [tuple(row) for row in done] if done.returns_rows else []


async def test_a_sync_reads_the_days_on_which_accounts_left_from_the_group_property(
    leaving: ToolContext,
) -> None:
    async with leaving.store.read() as work:
        accounts = await work.accounts.all()

    assert {each.mixpanel_id: each.churned_at for each in accounts if each.churned_at} == (
        leaving_world.left_on()
    )


async def test_a_day_in_the_companys_file_goes_before_the_group_property(leaving: ToolContext) -> None:
    given = [(2, AccountFacts(id="gone-03", churned_at=date(2026, 10, 1))), (3, AccountFacts(id="kept-00"))]
    async with leaving.store.begin() as work:
        await work.accounts.describe(given, project_id=5151, now=leaving.clock.now())

    async with leaving.store.read() as work:
        known = {each.mixpanel_id: each.churned_at for each in await work.accounts.all()}
    assert known["gone-03"] == date(2026, 10, 1)
    assert known["gone-02"] == leaving_world.left_on()["gone-02"]
    assert known["kept-00"] is None


async def test_what_fades_before_accounts_leave_separates_them_and_the_rest_does_not(
    leaving: ToolContext,
) -> None:
    answer = await analyze_churn(leaving, limit=50)

    found = {each.metric: each for each in answer.metrics}
    assert (answer.compared.churned, answer.compared.kept) == (leaving_world.CHURNED, leaving_world.KEPT)
    for metric in ("score", "events", "events_change", "users_change", "sessions"):
        assert (found[metric].verdict, found[metric].direction) == ("separates", "lower"), metric
        assert (found[metric].churned, found[metric].kept) == (14, 32)
        low, auc, high = found[metric].low, found[metric].auc, found[metric].high
        assert low is not None
        assert auc is not None
        assert high is not None
        assert 0.5 < low < auc <= high <= 1
    assert found["features_used"].verdict == "no_sign", "nobody uses a feature here"
    [few] = [each for each in answer.caveats if each.startswith("Too few accounts to say")]
    assert "funnel_conversion" in few
    assert "errors_per_attempt" in few
    assert "separated churned from kept accounts" in answer.summary
    assert answer.period is not None
    assert (answer.period.from_date, answer.period.to_date) == (date(2026, 7, 26), date(2026, 11, 8))
    assert len(answer.model_dump_json()) / 4 < 2500


async def test_quarters_by_a_metric_show_who_was_still_there(leaving: ToolContext) -> None:
    answer = await analyze_churn(leaving, survival_by="events")

    assert answer.survival is not None
    assert sum(each.accounts for each in answer.survival.quartiles) == 46
    assert sum(each.churned for each in answer.survival.quartiles) == leaving_world.CHURNED
    assert answer.survival.after_days == 90


async def test_the_track_record_counts_who_was_flagged_and_who_for_nothing(leaving: ToolContext) -> None:
    record = await keep_track(leaving, LAST)

    risks = rows(
        leaving,
        "select mixpanel_churned_at, metric_date from past_days p join customers c on c.id = p.customer_id "
        "where band = 'at_risk' and mixpanel_churned_at is not null order by 1, 2",
    )
    ahead = [
        (left, (date.fromisoformat(str(left)) - date.fromisoformat(str(day))).days) for left, day in risks
    ]
    flagged = {left: days for left, days in reversed(ahead) if 7 <= days <= 90}
    assert (record.churned, record.kept) == (leaving_world.CHURNED, leaving_world.KEPT)
    assert record.flagged == len(flagged) >= 8
    assert record.false_alarms == 0
    assert record.warning_days == median(flagged.values())
    assert f"{record.flagged} of 14 churned accounts" in record.words
    async with leaving.store.read() as work:
        assert await work.churn.track_record() == record
    told = (await analyze_churn(leaving)).track_record
    assert told is not None
    assert told.words == record.words


async def test_a_past_day_is_what_it_was_whatever_came_after_it(leaving: ToolContext) -> None:
    seen = date(2026, 9, 27)
    settings = definition(leaving)
    before = (await replay(leaving, LAST, settings)).days

    for table, figure in (("mixpanel_metrics", "total_events"), ("mixpanel_metrics", "sessions")):
        rows(
            leaving, f"update {table} set {figure} = {figure} * 1000 where metric_date > ?", seen.isoformat()
        )
    rows(leaving, "update user_days set events = events * 1000 where metric_date > ?", seen.isoformat())
    rows(leaving, "delete from mixpanel_metrics where metric_date > ? and id % 2 = 0", seen.isoformat())
    rows(
        leaving,
        "update customers set mixpanel_churned_at = null where mixpanel_churned_at > ?",
        seen.isoformat(),
    )
    rows(leaving, "delete from replays")
    rows(leaving, "delete from past_days")
    after = (await replay(leaving, LAST, settings)).days

    assert [each for each in after if each.day <= seen] == [each for each in before if each.day <= seen]
    assert len({each.day for each in after if each.day <= seen}) == 10
    assert [each for each in after if each.day > seen] != [each for each in before if each.day > seen]


async def test_days_are_replayed_once_and_again_when_one_of_theirs_was_read_again(
    leaving: ToolContext,
) -> None:
    settings = definition(leaving)
    await replay(leaving, LAST, settings)
    rows(leaving, "update past_days set band = 'marked'")

    await replay(leaving, LAST, settings)
    marked = "select distinct metric_date from past_days where band = 'marked' order by 1"
    assert len(rows(leaving, marked)) == 16
    rows(leaving, "update synced_days set read_at = '2026-11-21 00:00:00' where metric_date = '2026-11-02'")
    await replay(leaving, LAST, settings)

    assert str(rows(leaving, marked)[-1][0]) == "2026-11-01", "only the 8th is made of the 2nd"


async def test_a_question_replays_the_newest_days_only_and_says_how_many_wait(leaving: ToolContext) -> None:
    book = leaving_world.CHURNED + leaving_world.KEPT

    found = await analyse(leaving, LAST, days_before=30, survival_by="score", most=3 * book + 1)

    assert (found.replayed.first, found.replayed.last) == (date(2026, 10, 25), date(2026, 11, 8))
    assert found.replayed.waiting == 13


async def test_accounts_that_become_one_are_replayed_anew(leaving: ToolContext) -> None:
    await replay(leaving, LAST, definition(leaving))
    one = AccountFacts(id="kept-00", mixpanel_ids=("kept-00", "kept-01"))

    async with leaving.store.begin() as work:
        await work.accounts.describe([(2, one)], project_id=5151, now=leaving.clock.now())

    assert rows(leaving, "select count(*) from replays") == [(0,)]
    days = (await replay(leaving, LAST, definition(leaving))).days
    assert len({each.account for each in days}) == leaving_world.CHURNED + leaving_world.KEPT - 1


async def test_without_churn_dates_it_says_how_to_import_them(ctx: ToolContext) -> None:
    answer = await analyze_churn(ctx)

    assert "handrail accounts import" in answer.summary
    assert "HANDRAIL_MIXPANEL_CHURN_PROPERTY" in answer.summary
    assert (answer.compared.churned, answer.compared.kept, answer.metrics) == (0, 0, [])
    assert answer.track_record is not None
    assert "No track record" in answer.track_record.words


async def test_too_few_churned_accounts_are_too_few_to_say(leaving: ToolContext) -> None:
    rows(leaving, "update customers set mixpanel_churned_at = null where mixpanel_group_id > 'gone-08'")

    answer = await analyze_churn(leaving)

    assert answer.summary.startswith("Too few to say: 9 of 9 churned accounts")
    assert answer.metrics == []
    assert answer.track_record is not None
    assert "10 churned accounts are needed" in answer.track_record.words


async def test_an_unknown_metric_is_told_with_those_that_exist(ctx: ToolContext) -> None:
    with pytest.raises(CallerError, match="events_change"):
        await analyze_churn(ctx, survival_by="luck")


async def test_a_night_keeps_the_track_record(leaving: ToolContext) -> None:
    await night.run(leaving)

    [(day, document)] = rows(leaving, "select as_of, document from track_records")
    assert str(day) == LAST.isoformat()
    assert json.loads(document)["churned"] == leaving_world.CHURNED
