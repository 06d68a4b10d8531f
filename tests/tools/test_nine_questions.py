"""What a customer success manager asks, each answered by one call, against an independent computation."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from docs import asked
from handrail.context import DEFAULT_KB, ToolContext
from handrail.domain.metrics import AccountDay, Coverage, DayTables
from handrail.flows.health import keep_scores
from handrail.services.score_file import SHIPPED
from tests import databases, oracle, oracle_health, oracle_users
from tests.oracle_reading import read_feature
from tests.oracle_tables import Tables, tables
from tools.find_accounts import Accounts, find_accounts
from tools.get_account_health import get_account_health
from tools.get_user_segments import get_user_segments
from tools.query_events import query_events

AS_OF = date(2026, 11, 19)
FEATURES = [read_feature(path) for path in sorted(DEFAULT_KB.glob("*.md")) if path.name != "README.md"]


@pytest.fixture(scope="session")
def scores(acme_folder: Path) -> dict[str, dict[str, Any]]:
    return oracle_health.scores(acme_folder, AS_OF, DEFAULT_KB, SHIPPED)


@pytest.fixture(scope="session")
def rows(acme_folder: Path) -> Tables:
    """Of the 28 days of the scores."""
    return tables(acme_folder, AS_OF - timedelta(27), AS_OF, secret=b"any", features=FEATURES)


def events(folder: Path, first: date, last: date) -> dict[str, int]:
    """By account."""
    counted = oracle.count(folder, first, last)["accounts"]
    return {account: one["period"]["total_events"] for account, one in counted.items()}


def band(value: float | None) -> str:
    """By the bounds of the definition as it is shipped: 75 and 50."""
    if value is None:
        return ""
    return "healthy" if value >= 75 else "watch" if value >= 50 else "at_risk"


def used(rows: Tables) -> dict[str, set[str]]:
    """Features with an attempt or a success, by account."""
    found: dict[str, set[str]] = {account: set() for account, _ in rows.account_days}
    for (account, _, slug), signals in rows.feature_days.items():
        if signals[0] or signals[1]:
            found[account].add(slug)
    return found


def ids(answer: Accounts) -> list[str]:
    return [row.mixpanel_id for row in answer.accounts]


async def test_account_health_check(morning: ToolContext, scores: dict[str, dict[str, Any]]) -> None:
    answer = await get_account_health(morning, account="Acme")

    assert answer.score == pytest.approx(scores["acct_1001"]["value"], abs=0.05)
    assert {each.component for each in answer.components if each.value is not None} == set(
        scores["acct_1001"]["components"]
    )


async def test_accounts_down_by_a_fifth_or_more(morning: ToolContext, acme_folder: Path) -> None:
    now = events(acme_folder, date(2026, 11, 1), AS_OF)
    then = events(acme_folder, date(2026, 10, 13), date(2026, 10, 31))
    changes = {account: now.get(account, 0) / then[account] - 1 for account in then}
    down = sorted((change, account) for account, change in changes.items() if change <= -0.2)

    answer = await find_accounts(
        morning, only="declined", sort_by="decline", limit=50, from_date="2026-11-01", to_date="2026-11-19"
    )

    assert 0 < len(down) < len(changes)
    assert set(ids(answer)) == {account for _, account in down}
    assert [row.change_of_events for row in answer.accounts] == pytest.approx([c for c, _ in down], abs=1e-4)


async def test_a_month_that_cannot_be_compared_says_so_instead_of_naming_nobody(morning: ToolContext) -> None:
    answer = await find_accounts(morning, only="declined", period="last_30_days")

    assert answer.accounts == []
    assert any("Nothing to compare with" in each for each in answer.caveats)


async def test_adoption_gap_between_healthy_and_at_risk(
    morning: ToolContext, scores: dict[str, dict[str, Any]], rows: Tables
) -> None:
    answer = await find_accounts(morning, detail="full")

    bands = {account: band(one["value"]) for account, one in scores.items()}
    adopted = {
        (account, slug) for (account, _, slug), signals in rows.feature_days.items() if signals[1] >= 1
    }
    assert {row.mixpanel_id: row.band for row in answer.accounts} == {
        row.mixpanel_id: bands[row.mixpanel_id] for row in answer.accounts
    }
    assert len(answer.adoption_gap) == len(FEATURES)
    for gap in answer.adoption_gap:
        for name, told in (("healthy", gap.healthy), ("at_risk", gap.at_risk)):
            mine = [account for account, each in bands.items() if each == name]
            assert told == f"{sum((each, gap.feature) in adopted for each in mine)} of {len(mine)}", (
                gap.feature
            )


async def test_users_gone_quiet_for_14_days(
    morning: ToolContext, scores: dict[str, dict[str, Any]], acme_folder: Path
) -> None:
    book = await find_accounts(morning, only="quiet_users", sort_by="quiet_users", limit=50)
    acme = await get_user_segments(morning, account="Acme")

    quiet = {account: one["beside"]["quiet"] for account, one in scores.items() if one["beside"]["quiet"]}
    assert quiet
    assert {row.mixpanel_id: row.quiet_users for row in book.accounts} == quiet
    assert [row.quiet_users for row in book.accounts] == sorted(quiet.values(), reverse=True)
    assert acme.figures is not None
    counted = oracle_users.count(acme_folder, AS_OF, ["role"])["acct_1001"]
    assert acme.figures.quiet_14_days == counted["quiet_14_days"]


async def test_onboarding_status(ctx: ToolContext, rows: Tables) -> None:
    """Nobody is new in the default world: all that Acme did before November is taken away."""
    with databases.tables(ctx.settings.data_dir) as database:
        for table in ("mixpanel_metrics", "feature_days", "user_days"):
            database.execute(
                f"delete from {table} where metric_date < '2026-11-01' and customer_id in "
                "(select id from customers where mixpanel_group_id = 'acct_1001')"
            )
    await keep_scores(ctx, AS_OF)

    answer = await find_accounts(ctx, only="onboarding")

    november = {
        slug: [
            row for (each, day, of), row in rows.feature_days.items()
            if (each, of) == ("acct_1001", slug) and day >= date(2026, 11, 1)
        ]
        for slug in (feature.slug for feature in FEATURES)
    }  # fmt: skip
    (new,) = answer.onboarding
    assert ids(answer) == ["acct_1001"]
    begun = min(day for each, day in rows.account_days if each == "acct_1001" and day >= date(2026, 11, 1))
    assert new.days == (AS_OF - begun).days + 1
    assert set(new.adopted) == {slug for slug, mine in november.items() if any(row[1] for row in mine)}
    assert set(new.never_tried) == {slug for slug, mine in november.items() if not any(r[0] for r in mine)}
    assert len(new.adopted) + len(new.tried) + len(new.never_tried) == len(FEATURES)


async def test_accounts_on_one_or_two_features(morning: ToolContext, rows: Tables) -> None:
    two = await find_accounts(morning, only="narrow", limit=50)
    three = await find_accounts(morning, only="narrow", threshold=3, sort_by="breadth", limit=50)

    wide = {account: len(each) for account, each in used(rows).items()}
    assert {row.mixpanel_id for row in two.accounts} == {each for each, n in wide.items() if 1 <= n <= 2}
    assert {row.mixpanel_id: row.features_used for row in three.accounts} == {
        each: n for each, n in wide.items() if 1 <= n <= 3
    }
    everybody = await find_accounts(morning, limit=50)
    assert {row.features_used for row in everybody.accounts} == {0, *wide.values()}, "one was not there"


async def test_who_uses_a_feature_and_who_never_tried_it(morning: ToolContext, rows: Tables) -> None:
    slug = FEATURES[0].slug
    users = await find_accounts(morning, only="uses_feature", feature=slug, limit=50)

    assert set(ids(users)) == {account for account, each in used(rows).items() if slug in each}
    never = await find_accounts(morning, only="never_tried", feature=slug, limit=50)
    assert not set(ids(never)) & set(ids(users))


async def test_the_book_sorted_by_decline(morning: ToolContext, acme_folder: Path) -> None:
    answer = await find_accounts(morning, sort_by="decline", period="last_7_days", limit=50)

    now = oracle.count(acme_folder, AS_OF - timedelta(6), AS_OF)["accounts"]
    then = oracle.count(acme_folder, AS_OF - timedelta(13), AS_OF - timedelta(7))["accounts"]
    both = {
        each: now[each]["period"]["total_events"] / then[each]["period"]["total_events"] - 1
        for each in now
        if each in then
    }
    assert len(both) > 20
    changes = {row.mixpanel_id: row.change_of_events for row in answer.accounts}
    assert {each: changes[each] for each in both} == pytest.approx(both, abs=1e-4)
    known = [each for each in changes.values() if each is not None]
    assert known == sorted(known)


async def test_key_person_risk_of_80_percent(morning: ToolContext, scores: dict[str, dict[str, Any]]) -> None:
    shares = {account: one["beside"]["key_person_share"] for account, one in scores.items()}
    answer = await find_accounts(morning, only="key_person", limit=50)
    tenth = await find_accounts(morning, only="key_person", threshold=10, sort_by="key_person", limit=50)

    large = sorted((share for share in shares.values() if share and share >= 0.1), reverse=True)
    assert set(ids(answer)) == {account for account, share in shares.items() if share and share >= 0.8}
    assert 0 < len(large) < len(shares)
    assert [row.key_person_share for row in tenth.accounts] == pytest.approx(large, abs=5e-4)


async def test_this_quarter_against_last(ctx: ToolContext) -> None:
    """October to 19 November is 50 days: so are 1 July to 19 August, which got 3 events a day by hand."""
    async with ctx.store.begin() as work:
        own = {each.mixpanel_id: each.id for each in await work.accounts.all()}
        days = [date(2026, 7, 1) + timedelta(each) for each in range(92)]
        await work.metrics.replace_days(by_hand(days), own, (days[0], days[-1]))

    answer = await query_events(ctx, account="Acme", period="this_quarter")

    other, then = answer.compared_period, answer.compared
    assert other is not None
    assert then is not None
    assert (other.from_date, other.to_date) == (date(2026, 7, 1), date(2026, 8, 19))
    assert (then.total_events, then.sessions, then.active_days, then.days) == (150, 100, 50, 50)
    assert then.unique_users is None, "users are kept for 100 days"
    assert answer.figures is not None
    assert answer.change_of_events == pytest.approx(answer.figures.total_events / 150 - 1, abs=1e-4)
    assert "against 2026-07-01 to 2026-08-19" in answer.summary


def by_hand(days: list[date]) -> DayTables:
    return DayTables(
        account_days=[
            AccountDay(mixpanel_id="acct_1001", day=day, total_events=3, unique_users=1, sessions=2)
            for day in days
        ],
        user_days=[],
        event_days=[],
        value_days=[],
        feature_days=[],
        hours=[],
        coverage=Coverage(events=0, events_with_account=0, users=0, users_with_account=0),
    )


async def test_the_page_of_questions_has_the_answers_of_today(morning: ToolContext) -> None:
    page = Path(asked.__file__).parent / "ask.md"

    assert page.read_text("utf-8") == await asked.page(morning), "run `make docs`"
