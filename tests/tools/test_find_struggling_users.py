"""Evidence cards, against an independent count."""

from collections import Counter
from datetime import date
from pathlib import Path

from agent import night
from handrail.context import ToolContext
from standin.state import Standin
from tests import oracle
from tools.find_struggling_users import find_struggling_users

KB = Path(__file__).parents[2] / "kb"


async def test_the_people_found_are_those_of_an_independent_count(
    ctx: ToolContext, acme_folder: Path
) -> None:
    answer = await find_struggling_users(ctx, limit=200)

    counted = oracle.struggling(acme_folder, date(2026, 11, 19), KB)["features"]
    expected = Counter(
        (feature, one["attempts"], one["successes"], one["errors"], one["stuck_step"], tuple(one["rules"]))
        for feature, found in counted.items()
        for one in found
    )
    assert sum(expected.values()) == 42
    assert (
        Counter(
            (card.feature, card.attempts, card.successes, card.errors, card.stuck_step, tuple(card.rules))
            for card in answer.cards
        )
        == expected
    )
    assert answer.by_feature == {feature: len(found) for feature, found in counted.items()}


async def test_the_most_urgent_come_first(ctx: ToolContext) -> None:
    answer = await find_struggling_users(ctx, limit=200)

    priorities = [card.priority for card in answer.cards]
    assert priorities == sorted(priorities, reverse=True)


async def test_one_account_is_answered_alone(ctx: ToolContext) -> None:
    answer = await find_struggling_users(ctx, account="Acme")

    assert len(answer.cards) == 7
    assert {name for card in answer.cards for name in card.accounts} == {"Acme"}
    assert {card.main_reason for card in answer.cards} == {"ip_not_allowed"}


async def test_after_a_night_the_answer_costs_no_query(ctx: ToolContext, standins: Standin) -> None:
    await night.run(ctx)
    standins.requests.clear()

    answer = await find_struggling_users(ctx)

    assert answer.cards
    assert [each for each in standins.requests if each["counted"]] == []


async def test_people_are_shown_by_key_only(ctx: ToolContext, standins: Standin) -> None:
    text = (await find_struggling_users(ctx, limit=200)).model_dump_json()

    for distinct_id, profile in standins.profiles.items():
        assert distinct_id not in text
        assert str(profile.get("$email", "no address at all")) not in text
