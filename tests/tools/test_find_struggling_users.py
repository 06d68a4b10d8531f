"""Evidence cards, against an independent count."""

import shutil
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from agent import night
from handrail.context import ToolContext
from handrail.engine.deep_links import account_view
from standin.acme.accounts import ACCOUNTS
from standin.state import Standin
from tests import oracle, oracle_signals
from tests.conftest import OpenWith
from tests.oracle_reading import read
from tools.find_struggling_users import find_struggling_users

KB = Path(__file__).parents[2] / "kb"
IDS = {account.name: account.id for account in ACCOUNTS}


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


async def test_the_pages_hold_everybody_once_where_no_night_has_judged_the_day(ctx: ToolContext) -> None:
    answer = await find_struggling_users(ctx, limit=30)
    cards = list(answer.cards)
    while answer.cursor:
        answer = await find_struggling_users(ctx, limit=30, cursor=answer.cursor)
        cards += answer.cards

    assert len({(card.user_key, card.feature) for card in cards}) == len(cards) == 42
    assert answer.showing == "31 to 42 of 42"


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


async def test_a_card_tells_thresholds_past_others_and_what_would_end_it(ctx: ToolContext) -> None:
    card = (await find_struggling_users(ctx, account="Acme", limit=1)).cards[0]

    assert card.model_dump(exclude={"user_key", "priority", "last_attempt", "others", "ends"}) == {
        "accounts": ["Acme"],
        "feature": "connect-data-source",
        "stuck_step": "credentials",
        "attempts": 9,
        "successes": 0,
        "completion": 0.0,
        "errors": 8,
        "main_reason": "ip_not_allowed",
        "rage_clicks": 4,
        "dead_clicks": 1,
        "abandoned": 9,
        "help_views": 0,
        "rules": ["low_completion", "errors"],
        "thresholds": {
            "more_than_attempts": 3,
            "completion_below": 0.3,
            "days": 7,
            "abandoned_after_minutes": 30,
            "repeated_help": 3,
        },
        "attempts_before": 0,
        "successes_before": 0,
        "mixpanel_url": "",
    }


async def test_the_others_on_a_card_are_those_of_an_independent_count(
    ctx: ToolContext, acme_folder: Path
) -> None:
    as_of = date(2026, 11, 19)
    fleet, accounts = oracle_signals.everybody(read(acme_folder), KB / "connect-data-source.md", as_of)

    answer = await find_struggling_users(ctx, feature="connect-data-source", limit=200)

    small = 0
    for card in answer.cards:
        *mine, everywhere = card.others
        assert everywhere.of == "all accounts"
        assert everywhere.users == fleet[0] - 1
        assert everywhere.completion == pytest.approx(
            (fleet[2] - card.successes) / (fleet[1] - card.attempts)
        )
        for others in mine:
            [users, attempts, successes] = accounts[IDS[others.of]]
            if users - 1 < 5:
                small += 1
                assert (others.users, others.attempts, others.completion) == (None, None, None)
            else:
                assert (others.users, others.attempts) == (users - 1, attempts - card.attempts)
                assert others.completion == pytest.approx(
                    (successes - card.successes) / (attempts - card.attempts)
                )
    assert small, "somebody's account is too small to be broken down"


async def test_where_an_event_does_not_occur_the_answer_says_that_it_is_not_measured(
    ctx: ToolContext, standins: Standin, open_with: OpenWith, tmp_path: Path
) -> None:
    kb = tmp_path / "kb"
    shutil.copytree(KB, kb)
    for path in kb.glob("*.md"):
        path.write_text(path.read_text("utf-8").replace("Help Article Viewed", "Manual Opened"), "utf-8")

    async with open_with(kb_dir=kb) as other:
        answer = await find_struggling_users(other, limit=200)

    assert {card.help_views for card in answer.cards} == {None}
    assert None not in {card.rage_clicks for card in answer.cards}
    assert answer.summary.endswith("Not measured: help views.")


async def test_the_days_that_a_document_sets_are_the_days_that_are_told(
    ctx: ToolContext, open_with: OpenWith, tmp_path: Path
) -> None:
    kb = tmp_path / "kb"
    shutil.copytree(KB, kb)
    page = kb / "schedule-export.md"
    page.write_text(page.read_text("utf-8").replace("\n---\n", "\nstruggle:\n  days: 14\n---\n", 1), "utf-8")

    async with open_with(kb_dir=kb) as other:
        one = await find_struggling_users(other, feature="schedule-export")
        all_of_them = await find_struggling_users(other)

    assert "in the 14 days to 2026-11-19" in one.summary
    assert "in the 7 to 14 days to 2026-11-19" in all_of_them.summary


def test_a_card_links_to_the_account_where_accounts_are_group_profiles() -> None:
    link = account_view("https://eu.mixpanel.com", 12345, "-1405123841946871899", "a/b&c")

    assert link == (
        "https://eu.mixpanel.com/project/12345/app/profile"
        "#distinct_id=a%2Fb%26c&data_group_id=-1405123841946871899"
    )
    assert account_view("https://mixpanel.com", 12345, "", "acme") == ""
