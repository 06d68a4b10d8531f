"""A night with bad data reports the data, and a braked night mails nobody; an ordinary one does neither."""

import gzip
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent import night
from handrail.context import ToolContext, open_context
from handrail.domain.deliveries import Reason, Status
from handrail.domain.feedback import FeedbackKind
from handrail.flows.detect import detect
from handrail.flows.preflight import check
from handrail.flows.sync import sync
from standin.server import running
from standin.state import Standin
from standin.world import load
from tests import oracle
from tests.conftest import OpenWith, settings_for
from tests.handrail.flows.test_brakes import mailed
from tools.control_sending import control_sending
from tools.find_struggling_users import find_struggling_users

AS_OF = date(2026, 11, 19)
KB = Path(__file__).parents[2] / "kb"
BROKEN = "connect-data-source"


async def test_no_day_of_the_sample_world_trips_a_guard(ctx: ToolContext) -> None:
    slugs = [feature.slug for feature in ctx.kb.features()]
    judged = list((await detect(ctx, ctx.kb.features(), AS_OF)).values())

    assert [each.feature for each in judged] == slugs
    for ago in range(30):
        assert await check(ctx, AS_OF - timedelta(days=ago), judged) == []


def _rewritten(
    acme_folder: Path, folder: Path, change: Callable[[str, dict[str, Any]], dict[str, Any] | None]
) -> Iterator[Standin]:
    """The default world whose events went through `change`, with their day; None leaves an event out."""
    shutil.copytree(acme_folder, folder)
    for path in (folder / "events").iterdir():
        lines = gzip.decompress(path.read_bytes()).decode().split("\n")
        changed = [change(path.name, json.loads(line)) for line in lines if line]
        kept = "".join(f"{json.dumps(each)}\n" for each in changed if each is not None)
        path.write_bytes(gzip.compress(kept.encode()))
    with running(load(folder)) as state:
        yield state


@pytest.fixture(scope="module")
def untracked(acme_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    """The default world whose app stopped to send the success of one feature two days before the end."""

    def change(day: str, event: dict[str, Any]) -> dict[str, Any] | None:
        return None if day >= "2026-11-18" and event["event"] == "Source Connected" else event

    yield from _rewritten(acme_folder, tmp_path_factory.mktemp("worlds") / "acme", change)


@pytest.fixture(scope="module")
def nameless(acme_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    """The default world whose app names the account in three events of ten only."""

    def change(_day: str, event: dict[str, Any]) -> dict[str, Any]:
        if int(event["properties"]["$insert_id"][:8], 16) % 10 > 2:
            event["properties"].pop("company_id", None)
        return event

    yield from _rewritten(acme_folder, tmp_path_factory.mktemp("worlds") / "acme", change)


async def test_where_an_event_vanished_the_data_is_reported_and_nobody_is_mailed_for_it(
    untracked: Standin, tmp_path: Path
) -> None:
    seeming = {
        slug: len(rows)
        for slug, rows in oracle.struggling(untracked.world.folder, AS_OF, KB)["features"].items()
    }
    async with open_context(settings_for(untracked, tmp_path / "data")) as ctx:
        report = await night.run(ctx)
        async with ctx.store.read() as work:
            decided = await work.deliveries.of_night(AS_OF)
        asked = await find_struggling_users(ctx, limit=200)
        acme = await control_sending(ctx, account="Acme")

    assert [(each.feature, each.kind.value) for each in report.data_problems] == [(BROKEN, "vanished")]
    assert report.withheld["data_problem"] == seeming[BROKEN] > 10
    assert {each.feature for each in report.struggles} == seeming.keys() - {BROKEN}
    assert Counter(each.feature for each in decided) == seeming, "everybody has a decision"
    assert {each.reason for each in decided if each.feature == BROKEN} == {Reason.DATA_PROBLEM}
    assert {each.feature for each in decided if each.status is Status.SENT} == seeming.keys() - {BROKEN}
    written = {each.tutorial_id for each in decided if each.feature == BROKEN}
    assert written == {""}, "no text was written for it"
    assert any("'Source Connected'" in note for note in report.notes)
    assert {card.feature for card in asked.cards} == seeming.keys() - {BROKEN}
    assert any("'Source Connected'" in caveat for caveat in asked.caveats)
    assert acme.withheld["data_problem"] == 7


async def test_where_most_events_name_no_account_that_is_reported_and_nobody_is_mailed(
    nameless: Standin, tmp_path: Path
) -> None:
    async with open_context(settings_for(nameless, tmp_path / "data")) as ctx:
        report = await night.run(ctx, backfill_from=nameless.world.days()[0])
        async with ctx.store.read() as work:
            decided = await work.deliveries.of_night(AS_OF)
        asked = await find_struggling_users(ctx, limit=200)

    assert nameless.mails == []
    assert [(each.feature, each.kind.value) for each in report.data_problems] == [("", "coverage")]
    assert len(decided) > 10
    assert {(each.status, each.reason) for each in decided} == {(Status.WITHHELD, Reason.DATA_PROBLEM)}
    assert report.withheld == {"data_problem": len(decided)}
    assert (report.struggles, report.struggling_users, report.tutorials) == ((), 0, 0)
    share = report.events_with_account / report.events
    words = f"Only {share:.0%} of the events name an account."
    assert f"All features: {words} Nobody is mailed." in report.notes
    assert asked.cards == []
    assert any(words in caveat for caveat in asked.caveats)


async def test_before_any_night_too_the_data_is_told_instead_of_strugglers(
    untracked: Standin, tmp_path: Path
) -> None:
    untracked.reset()
    async with open_context(settings_for(untracked, tmp_path / "data")) as ctx:
        await sync(ctx, from_day=untracked.world.days()[0])

        asked = await find_struggling_users(ctx, feature=BROKEN)

    assert asked.cards == []
    assert any("'Source Connected'" in caveat for caveat in asked.caveats)


async def test_a_braked_night_mails_nobody_until_an_operator_resumes(
    ctx: ToolContext, standins: Standin, open_with: OpenWith
) -> None:
    await mailed(ctx, 60, FeedbackKind.BOUNCED, 2, ago=timedelta(days=2))
    standins.mails.clear()

    stopped = await night.run(ctx)

    assert standins.mails == []
    assert stopped.withheld["braked"] >= 26
    assert any("2 of 60 mails of 7 days bounced" in note for note in stopped.notes)
    assert (await control_sending(ctx)).brakes == [
        "bounces: 2 of 60 mails of 7 days bounced, more than 2% (night of 2026-11-19)"
    ]
    await control_sending(ctx, action="resume")

    async with open_with(now=ctx.clock.now() + timedelta(hours=1)) as later:
        resumed = await night.run(later)
    assert "braked" not in resumed.withheld
    assert resumed.sent == 60 + 26
    assert len(standins.mails) == 26
