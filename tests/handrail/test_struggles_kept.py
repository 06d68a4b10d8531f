"""A night's struggles as they are kept: in their order, piece by piece, and by the mail that would help."""

import sqlite3
from datetime import UTC, date, datetime
from pathlib import Path

from handrail.context import ToolContext
from handrail.domain.accounts import AccountFacts
from handrail.domain.struggles import Signature, Struggle
from handrail.engine.keys import delivery_id
from handrail.store.database import open_store, upgrade

NIGHT = date(2026, 11, 19)
STUCK = Signature(feature="schedule-export", stuck_step="destination", reason="", band="never")


def struggle(
    user_key: str, priority: float, feature: str = "schedule-export", accounts: tuple[str, ...] = ("a",)
) -> Struggle:
    return Struggle(
        feature=feature, user_key=user_key, account_ids=accounts, attempts=5, successes=0, completion=0,
        errors=0, main_reason="", rules=(), stuck_step="destination", rage_clicks=0, dead_clicks=0,
        last_attempt=datetime(2026, 11, 19, tzinfo=UTC), priority=priority, signature=STUCK,
    )  # fmt: skip


async def test_the_most_urgent_come_first_and_equals_by_user_key_and_feature(ctx: ToolContext) -> None:
    async with ctx.store.begin() as work:
        await work.nights.replace_struggles(
            NIGHT, "schedule-export", [struggle("c", 4), struggle("a", 4), struggle("b", 9)]
        )
        await work.nights.replace_struggles(NIGHT, "set-up-alerts", [struggle("a", 4, "set-up-alerts")])

    async with ctx.store.read() as work:
        everybody = await work.nights.struggles(NIGHT)
        light = await work.nights.strugglers(NIGHT)
        pages = [await work.nights.struggles(NIGHT, after=at, limit=3) for at in (0, 3, 6)]

    expected = [("b", "schedule-export"), ("a", "schedule-export"), ("a", "set-up-alerts")]
    expected.append(("c", "schedule-export"))
    assert [(one.user_key, one.feature) for one in everybody] == expected
    assert [(one.user_key, one.feature) for one in light] == expected
    assert light[0].signature == STUCK
    assert [[one.user_key for one in page] for page in pages] == [["b", "a", "a"], ["c"], []]


async def test_an_accounts_struggles_are_found_and_counted_without_those_of_others(ctx: ToolContext) -> None:
    alerts = "set-up-alerts"
    many = [struggle("a", 1), struggle("b", 9, accounts=("b",)), struggle("c", 5, accounts=("b", "a"))]
    async with ctx.store.begin() as work:
        await work.nights.replace_struggles(NIGHT, "schedule-export", many)
        await work.nights.replace_struggles(NIGHT, alerts, [struggle("a", 3, alerts)])
        await work.nights.replace_struggles(date(2026, 11, 18), alerts, [struggle("d", 3, alerts)])

    async with ctx.store.read() as work:
        theirs = [one.user_key for one in await work.nights.struggles(NIGHT, account_id="a")]
        of_feature = await work.nights.struggles(NIGHT, "schedule-export", account_id="a")
        by_key = await work.nights.struggles(NIGHT, "schedule-export", key="c")
        counted = await work.nights.count_struggles(NIGHT, account_id="a")
        everybody = await work.nights.count_struggles(NIGHT)

    assert theirs == ["c", "a", "a"]
    assert [one.user_key for one in of_feature] == ["c", "a"]
    assert [one.user_key for one in by_key] == ["c"]
    assert counted == ({"schedule-export": 2, alerts: 1}, 2), "two people, one of them with two features"
    assert everybody == ({"schedule-export": 3, alerts: 1}, 3)


async def test_an_accounts_struggles_go_with_the_night_they_were_replaced_in(ctx: ToolContext) -> None:
    async with ctx.store.begin() as work:
        await work.nights.replace_struggles(NIGHT, "schedule-export", [struggle("a", 1), struggle("b", 2)])
        await work.nights.replace_struggles(NIGHT, "schedule-export", [struggle("b", 2, accounts=("b",))])

    async with ctx.store.read() as work:
        before = [len(await work.nights.struggles(NIGHT, account_id=each)) for each in ("a", "b")]

    assert before == [0, 1]


async def test_struggles_are_found_by_the_mail_that_would_help_with_them(ctx: ToolContext) -> None:
    later = date(2026, 11, 20)
    async with ctx.store.begin() as work:
        for night in (NIGHT, later):
            many = (struggle(f"user-{number:04}", number % 7) for number in range(1500))
            await work.nights.replace_struggles(night, "schedule-export", many)
    asked = [delivery_id(later, f"user-{number:04}", "schedule-export") for number in range(0, 1500, 2)]

    async with ctx.store.read() as work:
        found = await work.nights.struggles_of([*asked, delivery_id(later, "nobody", "schedule-export")])

    assert sorted(found) == sorted(asked)
    assert all(delivery_id(later, one.user_key, one.feature) == key for key, one in found.items())
    order = [(-one.priority, one.user_key) for one in found.values()]
    assert order == sorted(order)


async def test_struggles_that_were_kept_before_they_had_a_place_get_one(tmp_path: Path) -> None:
    file = tmp_path / "old.db"
    url = f"sqlite+aiosqlite:///{file}"
    upgrade(url, "0017")
    kept = [struggle("a", 1.5), struggle("b", 7)]
    with sqlite3.connect(file) as old:
        old.executemany(
            "insert into struggles (night, user_key, feature, document, signature, attempts)"
            " values (?, ?, ?, ?, '', 5)",
            [(str(NIGHT), one.user_key, one.feature, one.model_dump_json()) for one in kept],
        )

    store = await open_store(url)
    async with store.read() as work:
        ordered = await work.nights.struggles(NIGHT)
        found = await work.nights.struggles_of([delivery_id(NIGHT, "a", "schedule-export")])
        of_account = await work.nights.struggles(NIGHT, account_id="a")
    await store.close()

    assert ordered == of_account == [kept[1], kept[0]]
    assert list(found.values()) == [kept[0]]


async def test_whoever_struggles_in_two_accounts_that_become_one_is_counted_there_once(
    ctx: ToolContext,
) -> None:
    united = AccountFacts(id="acct_1001", mixpanel_ids=("acct_1001", "acct_1002"))
    async with ctx.store.begin() as work:
        ids = await work.accounts.ids()
        acme, labs = ids["acct_1001"], ids["acct_1002"]
        many = [struggle("a", 2, accounts=(acme, labs)), struggle("b", 1, accounts=(labs,))]
        await work.nights.replace_struggles(NIGHT, "schedule-export", many)

        await work.accounts.describe([(2, united)], project_id=ctx.mixpanel.project_id, now=ctx.clock.now())

        kept = await work.nights.struggles(NIGHT)
        counted = await work.briefs.struggling(NIGHT)
    assert [(one.user_key, one.account_ids) for one in kept] == [("a", (acme,)), ("b", (acme,))]
    assert counted == {(acme, "schedule-export"): 2}
