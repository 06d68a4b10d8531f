"""The night's texts: few calls for many people, the document's own words when money or model is missing."""

from datetime import date

from agent import night, writing
from handrail.context import ToolContext
from standin.state import Standin
from tests.conftest import OpenWith

AS_OF = date(2026, 11, 19)


def calls(standins: Standin) -> int:
    """Answers that the Messages API was asked for, one by one or in batches."""
    return len(standins.prompts)


async def test_a_thousand_people_of_the_default_world_take_at_most_thirty_calls(
    ctx: ToolContext, standins: Standin
) -> None:
    """Everybody who is stuck, as often as it takes to be a thousand: they share the world's signatures."""
    await night.run(ctx)
    async with ctx.store.read() as work:
        found = await work.nights.struggles(AS_OF)
    thousand = [
        one.model_copy(update={"user_key": f"{one.user_key[:56]}{number:08d}"})
        for number in range(25)
        for one in found
    ]
    before = calls(standins)

    tutorials = await writing.write(ctx, [(one.signature, "plain") for one in thousand])

    assert len({one.user_key for one in thousand}) >= 1000
    assert all((one.signature.key, "plain") in tutorials for one in thousand)
    assert before == len({one.signature.key for one in found}) == 21
    assert 1000 * before / len(thousand) <= 30
    assert calls(standins) == before, "and the next thousand take none"


async def test_a_night_reports_what_its_texts_cost(ctx: ToolContext, standins: Standin) -> None:
    report = await night.run(ctx)

    assert report.model_calls == calls(standins) == 21
    assert report.input_tokens > 0
    assert report.output_tokens > 0
    assert report.cache_read_tokens > report.cache_write_tokens > 0
    assert 0 < report.model_usd < 0.01


async def test_without_money_the_documents_speak_and_with_money_the_model_is_asked_again(
    open_with: OpenWith, ctx: ToolContext, standins: Standin
) -> None:
    async with open_with(model_budget_usd=0) as poor:
        report = await night.run(poor, dry_run=True)
    assert (report.tutorials, report.tutorials_in_own_words, calls(standins)) == (21, 21, 0)

    report = await night.run(ctx)

    assert (report.tutorials_in_own_words, report.model_calls) == (0, 21)


async def test_a_model_without_a_price_is_said_in_the_report(open_with: OpenWith, ctx: ToolContext) -> None:
    async with open_with(model="claude-unheard-of-9") as unknown:
        report = await night.run(unknown, dry_run=True)

    assert "The prices of claude-unheard-of-9 are not known: it is counted as the dearest model that is." in (
        report.notes
    )
