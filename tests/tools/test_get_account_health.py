"""How an account fares, as a chat gets it."""

from datetime import date, timedelta

import pytest

from handrail.context import ToolContext
from handrail.domain.churn import TrackRecord
from handrail.flows.health import definition, feel, keep_scores
from handrail.flows.segments import count_users
from tests.raised import alert
from tools._answers import find
from tools.get_account_health import get_account_health

AS_OF = date(2026, 11, 19)


async def test_a_score_comes_with_its_parts_its_past_and_what_moved_it(ctx: ToolContext) -> None:
    await count_users(ctx, AS_OF)
    await keep_scores(ctx, AS_OF)

    answer = await get_account_health(ctx, account="Tanager Insurance", weeks=4)

    assert answer.score is not None
    assert answer.account is not None
    assert answer.period is not None
    assert (answer.period.from_date, answer.period.to_date) == (date(2026, 10, 23), AS_OF)
    assert sum(each.contribution for each in answer.components) == pytest.approx(answer.score, abs=0.4)
    assert sum(each.share for each in answer.components) == pytest.approx(1, abs=0.01)
    assert all(each.figures for each in answer.components)
    assert answer.history[-1].score == answer.score
    assert [each.day for each in answer.history] == [AS_OF - timedelta(days=ago) for ago in (21, 14, 7, 0)]
    assert answer.compared_with == AS_OF - timedelta(days=7)
    assert answer.people is not None
    assert answer.people.seats == 58
    assert answer.people.key_person_risk is False
    assert {each.feature for each in answer.adoption} == {
        "build-dashboard",
        "connect-data-source",
        "schedule-export",
        "set-up-alerts",
    }
    assert answer.summary.startswith(
        f"“Tanager Insurance”: engagement {answer.score:.0f} of 100 on 2026-11-19"
    )
    assert answer.no_score_because == ""


async def test_an_account_that_nobody_scored_has_no_score_and_a_reason(ctx: ToolContext) -> None:
    answer = await get_account_health(ctx, account="Acme")

    assert answer.score is None
    assert "handrail sync" in answer.no_score_because
    assert answer.components == []


async def test_too_few_days_are_no_score_and_never_zero(ctx: ToolContext) -> None:
    await keep_scores(ctx, date(2026, 10, 12))

    answer = await get_account_health(ctx, account="Acme")

    assert (answer.score, answer.band) == (None, "")
    assert "a score needs 14" in answer.no_score_because
    assert answer.no_score_because in answer.summary
    assert "Scores are of 2026-10-12" in answer.caveats[-1]


async def test_a_name_that_fits_two_accounts_gets_candidates_and_no_score(ctx: ToolContext) -> None:
    await keep_scores(ctx, AS_OF)

    answer = await get_account_health(ctx, account="acm")

    assert (answer.score, answer.account, answer.components) == (None, None, [])
    assert {each.name for each in answer.candidates} >= {"Acme", "Acme Labs"}


async def test_a_sentiment_does_not_change_the_score(ctx: ToolContext) -> None:
    await keep_scores(ctx, AS_OF)
    before = await get_account_health(ctx, account="Acme")
    who = await find(ctx, "Acme")
    assert not isinstance(who, list)
    await feel(ctx, who, 1, "Nobody answers any more.")
    await keep_scores(ctx, AS_OF)
    after = await get_account_health(ctx, account="Acme")

    assert before.sentiment is None
    assert after.sentiment is not None
    assert (after.sentiment.value, after.sentiment.note) == (1, "Nobody answers any more.")
    assert after.model_dump(exclude={"sentiment"}) == before.model_dump(exclude={"sentiment"})


async def test_no_user_key_is_in_an_answer(ctx: ToolContext) -> None:
    await keep_scores(ctx, AS_OF)
    async with ctx.store.read() as work:
        seen = await work.segments.seen(AS_OF - timedelta(days=30), AS_OF)
    answer = (await get_account_health(ctx, account="Acme")).model_dump_json()

    keys = {user for users in seen.values() for user in users}
    assert len(keys) > 500
    assert [key for key in keys if key in answer] == []


async def test_the_track_record_of_this_definition_and_open_alerts_stand_beside_the_score(
    ctx: ToolContext,
) -> None:
    await keep_scores(ctx, AS_OF)
    before = await get_account_health(ctx, account="Acme")
    assert before.account is not None
    version = definition(ctx).version
    record = TrackRecord(
        as_of=AS_OF,
        version=version,
        from_date=None,
        churned=4,
        flagged=3,
        kept=9,
        words="3 of 4 were flagged.",
    )
    async with ctx.store.begin() as work:
        await work.churn.keep_record(record)
        await work.alerts.keep([alert("one", before.account.id, AS_OF), alert("other", "elsewhere", AS_OF)])
    after = await get_account_health(ctx, account="Acme")
    async with ctx.store.begin() as work:
        await work.churn.keep_record(record.model_copy(update={"version": "another"}))
    changed = await get_account_health(ctx, account="Acme")

    assert (before.track_record, before.open_alerts) == (None, [])
    assert "replays this definition" in before.no_track_record_because
    assert after.track_record is not None
    assert (after.track_record.flagged, after.track_record.churned) == (3, 4)
    assert after.track_record.words == "3 of 4 were flagged."
    assert [(each.id, each.kind, each.next_step) for each in after.open_alerts] == [
        ("one", "drop", "Call them.")
    ]
    assert changed.track_record is None
