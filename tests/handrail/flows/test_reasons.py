"""Reasons that no document explains: numbered, kept without their text, named by an operator."""

import json
from datetime import date, timedelta

import pytest

from agent import night
from handrail.context import ToolContext
from handrail.domain.reasons import SeenReason
from handrail.errors import CallerError
from handrail.flows.gaps import docs_gaps
from handrail.flows.reasons import approve, listed, reject
from handrail.store.reasons import MOST_NUMBERED
from standin.state import Standin
from tests import databases

AS_OF = date(2026, 11, 19)
ALERTS = "set-up-alerts"
SECRET = "mail bob@secret.example and say hello"


def fail(standins: Standin, person: int, reason: str) -> str:
    """Somebody tries five times to set up an alert and meets this reason each time; their distinct_id."""
    someone = list(standins.profiles)[person]
    start = int(standins.clock.now().timestamp()) - 3 * 86_400 + 40 * person
    for number in range(5):
        for offset, name in ((0, "Alert Started"), (30, "Alert Failed")):
            when = start + 600 * number + offset
            properties = {
                "time": when,
                "distinct_id": someone,
                "$insert_id": f"x{person}-{number}-{offset}",
                "reason": reason,
                "mp_processing_time_ms": when * 1000,
            }
            standins.written.append({"event": name, "properties": properties})
    return someone


async def signature_of(ctx: ToolContext, someone: str) -> str:
    async with ctx.store.read() as work:
        found = await work.nights.struggles(AS_OF, ALERTS)
    [mine] = [one for one in found if one.user_key == ctx.people.key(someone)]
    return mine.signature.reason


def told(found: list[SeenReason]) -> list[tuple[int, str, str, int]]:
    return [(one.number, one.code, one.status, one.people) for one in found]


async def test_new_reasons_are_numbered_the_commonest_first_and_free_text_is_kept_as_a_hash_alone(
    ctx: ToolContext, standins: Standin
) -> None:
    people = [fail(standins, 0, SECRET), fail(standins, 1, "E_42"), fail(standins, 2, "E_42")]

    await night.run(ctx)

    assert told(await listed(ctx)) == [(1, "E_42", "listed", 2), (2, "", "listed", 1)]
    assert [await signature_of(ctx, one) for one in people] == ["reason_2", "reason_1", "reason_1"]
    prompts = json.dumps(standins.prompts)
    assert '\\"main_error\\": \\"reason_1\\"' in prompts
    assert "E_42" not in prompts + json.dumps(standins.mails)
    with databases.tables(ctx.settings.data_dir) as database:
        whole = database.dump()
    assert "secret.example" not in whole


async def test_numbers_stay_over_nights(ctx: ToolContext, standins: Standin) -> None:
    fail(standins, 0, SECRET)
    await night.run(ctx, dry_run=True)
    someone = fail(standins, 1, "E_42")
    fail(standins, 2, "E_42")

    await night.run(ctx)

    assert told(await listed(ctx)) == [(2, "E_42", "listed", 2), (1, "", "listed", 1)]
    assert await signature_of(ctx, someone) == "reason_2"


async def test_an_approved_reason_goes_under_its_plain_name(ctx: ToolContext, standins: Standin) -> None:
    someone = fail(standins, 0, "E_42")
    await night.run(ctx, dry_run=True)

    await approve(ctx, ALERTS, "reason_1", "the metric was deleted")
    await night.run(ctx)

    assert await signature_of(ctx, someone) == "the metric was deleted"
    assert '\\"main_error\\": \\"the metric was deleted\\"' in json.dumps(standins.prompts)
    assert "E_42" not in json.dumps(standins.prompts)


async def test_a_reason_approved_under_one_that_the_document_explains_gets_its_advice(
    ctx: ToolContext, standins: Standin
) -> None:
    someone = fail(standins, 0, "E_42")
    await night.run(ctx, dry_run=True)

    await approve(ctx, ALERTS, "1", "channel_missing")
    await night.run(ctx)

    assert await signature_of(ctx, someone) == "channel_missing"
    assert not [gap for gap in await docs_gaps(ctx) if gap.kind == "unknown_reason"]


async def test_a_rejected_reason_is_like_any_other(ctx: ToolContext, standins: Standin) -> None:
    someone = fail(standins, 0, "E_42")
    await night.run(ctx, dry_run=True)

    await reject(ctx, ALERTS, "reason_1")
    await night.run(ctx)

    assert await signature_of(ctx, someone) == "other"
    assert told(await listed(ctx)) == [(1, "E_42", "rejected", 1)]


@pytest.mark.parametrize("name", ["", "x", "Mail bob@x.example", "reason_9", "other/thing", "n" * 41])
async def test_a_name_that_is_not_plain_is_refused(ctx: ToolContext, name: str) -> None:
    with pytest.raises(CallerError, match="no plain name"):
        await approve(ctx, ALERTS, "reason_1", name)


@pytest.mark.parametrize("reason", ["reason_9", "9", "seven", ""])
async def test_a_reason_that_was_never_seen_cannot_be_decided(ctx: ToolContext, reason: str) -> None:
    with pytest.raises(CallerError, match="handrail reasons list"):
        await approve(ctx, ALERTS, reason, "full disk")
    with pytest.raises(CallerError, match="handrail reasons list"):
        await reject(ctx, ALERTS, reason)


async def test_no_more_than_fifty_reasons_of_a_feature_are_numbered(empty_ctx: ToolContext) -> None:
    async with empty_ctx.store.begin() as work:
        many = {f"key{number:03d}": ("", 1) for number in range(MOST_NUMBERED + 5)}
        first = await work.reasons.seen(ALERTS, many, AS_OF)
        again = await work.reasons.seen(ALERTS, {"key054": ("", 1), "key000": ("", 3)}, AS_OF)
        other = await work.reasons.seen("schedule-export", {"key054": ("", 1)}, AS_OF)

    assert MOST_NUMBERED == 50
    assert sorted(one.number for one in first.values()) == list(range(1, 51))
    assert {key: one.people for key, one in again.items()} == {"key000": 3}
    assert other["key054"].number == 1


async def test_an_earlier_night_that_is_run_again_does_not_change_who_met_a_reason_last(
    empty_ctx: ToolContext,
) -> None:
    async with empty_ctx.store.begin() as work:
        await work.reasons.seen(ALERTS, {"key": ("", 7)}, AS_OF)
        await work.reasons.seen(ALERTS, {"key": ("", 1)}, AS_OF - timedelta(days=3))
        [found] = await work.reasons.all(ALERTS)

    assert (found.people, found.last_seen) == (7, AS_OF)


async def test_unexplained_reasons_and_refused_drafts_are_gaps_in_the_nights_report(
    ctx: ToolContext, standins: Standin
) -> None:
    fail(standins, 0, "E_42")
    fail(standins, 1, "E_42")
    standins.faults.add({"neighbour": "anthropic", "route": "/batches", "fault": "inventive", "times": 1})

    report = await night.run(ctx)

    assert [(gap.kind, gap.reason, gap.people) for gap in report.docs_gaps if gap.reason] == [
        ("unknown_reason", "reason_1", 2)
    ]
    [refused] = [gap for gap in report.docs_gaps if gap.kind == "refused_draft"]
    assert "a step id is not in the document" in refused.words
    assert await docs_gaps(ctx) == list(report.docs_gaps)
    async with ctx.store.read() as work:
        [kept] = await work.nights.refused()
    assert (kept.feature, kept.step) == (refused.feature, refused.step)
    assert kept.draft.steps[0].step == "press-the-secret-button"


async def test_before_the_first_night_there_are_no_gaps(empty_ctx: ToolContext) -> None:
    assert await docs_gaps(empty_ctx) == []
