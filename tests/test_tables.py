"""Every table of a sync equals the independent count, row for row, on worlds kind and hostile."""

import hashlib
import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from handrail.context import ToolContext, open_context
from handrail.domain.accounts import AccountFacts
from handrail.flows.sync import group_profiles, sync
from handrail.settings import Settings
from standin.server import running
from standin.world import load
from tests import databases, hostile_world, oracle_tables
from tests.conftest import settings_for
from tests.dungeon import DUNGEON, needs_dungeon
from tests.oracle_reading import accounts_of, read_feature

KB = Path(__file__).parents[1] / "kb"
SECRET = hashlib.sha256(b"a secret of the tests, long enough").digest()
MARKS_KEPT = timedelta(days=30)
PROPERTIES = ("$browser", "plan", "weird \"name' \\", "nobody has this")

Rows = dict[str, Any]


def in_the_database(data_dir: Path) -> Rows:
    """The tables as they lie on disk, read without the product; marks that are no longer kept are None."""
    with databases.tables(data_dir) as database:

        def rows(table: str, columns: str) -> Iterator[tuple[Any, ...]]:
            found = database.execute(
                f"select c.mixpanel_group_id, t.metric_date, {columns} "
                f"from {table} t join customers c on c.id = t.customer_id"
            )
            return ((account, date.fromisoformat(str(day)), *rest) for account, day, *rest in found)

        signals = "attempts, successes, errors, users_attempting, users_succeeding, rage_clicks, dead_clicks"
        events = rows("event_days", "event, total, users, marks")
        values = rows("value_days", "property, kind, value, total, users, marks")
        days = rows("mixpanel_metrics", "total_events, unique_users, sessions, avg_events_per_user")
        [coverage] = database.execute(
            "select events, events_with_account, users, users_with_account from syncs limit 1"
        )
        return {
            "account_days": {row[:2]: row[2:5] for row in days},
            "user_days": {row[:3]: row[3] for row in rows("user_days", "user_key, events")},
            "event_days": {row[:3]: (*row[3:5], _marks(row[5])) for row in events},
            "value_days": {row[:5]: (*row[5:7], _marks(row[7])) for row in values},
            "feature_days": {row[:3]: row[3:] for row in rows("feature_days", f"feature, {signals}")},
            "hours": {row[:3]: row[3] for row in rows("event_hours", "hour, total")},
            "coverage": tuple(coverage),
        }


def _marks(raw: bytes | None) -> frozenset[bytes] | None:
    return None if raw is None else frozenset(raw[at : at + 8] for at in range(0, len(raw), 8))


def as_kept(tables: oracle_tables.Tables, last: date) -> Rows:
    """The oracle's tables in the shape of the rows."""

    def marked(counted: dict[Any, tuple[int, frozenset[bytes]]]) -> Rows:
        return {
            key: (total, len(users), users if key[1] > last - MARKS_KEPT else None)
            for key, (total, users) in counted.items()
        }

    return {
        **vars(tables),
        "event_days": marked(tables.event_days),
        "value_days": marked(tables.value_days),
    }


def assert_equal(found: Rows, expected: Rows) -> None:
    for name in expected:
        assert found[name] == expected[name], name


async def synced(folder: Path, data: Path, first: date, last: date, **changes: Any) -> Settings:
    """A database after one sync of these days."""
    with running(load(folder)) as state:
        settings = settings_for(state, data, **changes)
        async with open_context(settings) as ctx:
            await sync(ctx, from_day=first, to_day=last)
    return settings


def counted(folder: Path, first: date, last: date, kb: Path, **options: Any) -> Rows:
    features = [read_feature(path) for path in sorted(kb.glob("*.md")) if path.name != "README.md"]
    tables = oracle_tables.tables(folder, first, last, secret=SECRET, features=features, **options)
    return as_kept(tables, last)


async def test_the_default_world_is_counted_like_the_oracle_counts_it(
    acme_folder: Path, tmp_path: Path
) -> None:
    first, last = date(2026, 10, 8), date(2026, 11, 19)
    properties = ("$browser", "$os", "mp_country_code")
    await synced(acme_folder, tmp_path, first, last)

    expected = counted(acme_folder, first, last, KB, properties=properties)

    assert_equal(in_the_database(tmp_path), expected)
    assert all(len(rows) > 100 for name, rows in expected.items() if name != "coverage")


@needs_dungeon
async def test_another_makers_world_is_counted_like_the_oracle_counts_it(tmp_path: Path) -> None:
    first, last = date(2026, 10, 22), date(2026, 11, 20)
    await synced(DUNGEON, tmp_path, first, last)

    expected = counted(
        DUNGEON, first, last, DUNGEON / "kb", properties=("$browser", "$os", "mp_country_code")
    )

    assert_equal(in_the_database(tmp_path), expected)
    assert len(expected["account_days"]) > 600


@pytest.mark.parametrize(("seed", "created"), [(1, "2024-05-01"), (2, "2022-12-31")], ids=["new", "old"])
async def test_a_hostile_world_is_counted_like_the_oracle_counts_it(
    seed: int, created: str, tmp_path: Path
) -> None:
    folder = hostile_world.generate(tmp_path / "world", seed=seed, created=created)
    first, last = hostile_world.FIRST, hostile_world.LAST
    await synced(folder, tmp_path / "data", first, last, mixpanel_breakdowns=PROPERTIES)

    expected = counted(folder, first, last, folder / "kb", properties=PROPERTIES)

    assert_equal(in_the_database(tmp_path / "data"), expected)
    kinds = {key[3] for key in expected["value_days"]}
    assert kinds == {"value", "unset", "other"}
    assert all(len(rows) > 15 for name, rows in expected.items() if name != "coverage")


def profiles_of(folder: Path) -> dict[str, dict[str, Any]]:
    rows = map(json.loads, (folder / "profiles.jsonl").read_text("utf-8").strip("\n").split("\n"))
    return {row["$distinct_id"]: row["$properties"] for row in rows}


async def test_an_event_without_an_account_is_that_of_its_users_profile_or_mail_domain(
    tmp_path: Path,
) -> None:
    folder = hostile_world.generate(tmp_path / "world", seed=3)
    first, last = hostile_world.FIRST, hostile_world.LAST
    domains = {"a@acme.example": ("acme",), "B@GLOBEX.example ": ("globex",)}
    homes = {
        user: accounts_of(properties["employer"]) or domains.get(properties["$email"], ())
        for user, properties in profiles_of(folder).items()
    }
    facts = [(2, AccountFacts(id="globex", domains=("globex.example", "gmail.com")))]
    with running(load(folder)) as state:
        settings = settings_for(
            state,
            tmp_path / "data",
            mixpanel_breakdowns=PROPERTIES,
            mixpanel_profile_property="employer",
            mixpanel_domain_accounts=True,
        )
        async with open_context(settings) as ctx:
            await describe(ctx, facts)
            async with ctx.store.begin() as work:
                await work.accounts.keep(await group_profiles(ctx), project_id=4242, now=ctx.clock.now())
            await sync(ctx, from_day=first, to_day=last)

    expected = counted(folder, first, last, folder / "kb", properties=PROPERTIES, homes=homes)

    assert_equal(in_the_database(tmp_path / "data"), expected)
    plain = counted(folder, first, last, folder / "kb")["coverage"]
    assert plain[1] < expected["coverage"][1] < expected["coverage"][0]
    for text in ("@acme.example", "GLOBEX.example", "c@gmail"):
        assert not any(text.encode() in each for each in databases.on_disk(tmp_path / "data").values())


async def test_two_ids_of_one_company_become_one_account_with_both_histories(tmp_path: Path) -> None:
    folder = hostile_world.generate(tmp_path / "world", seed=4)
    first, last = hostile_world.FIRST, hostile_world.LAST
    options = {"properties": PROPERTIES, "same": {"initech": "globex", "never seen": "globex"}}
    expected = counted(folder, first, last, folder / "kb", **options)
    with running(load(folder)) as state:
        settings = settings_for(state, tmp_path / "data", mixpanel_breakdowns=PROPERTIES)
        async with open_context(settings) as ctx:
            await sync(ctx, from_day=first, to_day=last)
            await describe(
                ctx, [(2, AccountFacts(id="globex", mixpanel_ids=("globex", "initech", "never seen")))]
            )
            united = in_the_database(tmp_path / "data")
            await sync(ctx, from_day=first, to_day=last)

    for name in ("user_days", "hours"):
        assert united[name] == expected[name]
    kept = last - MARKS_KEPT
    for name in ("event_days", "value_days"):
        assert {key: row for key, row in united[name].items() if key[1] > kept} == {
            key: row for key, row in expected[name].items() if key[1] > kept
        }
        assert {key: row[0] for key, row in united[name].items()} == {
            key: row[0] for key, row in expected[name].items()
        }
    assert {key: row[:2] for key, row in united["account_days"].items()} == {
        key: row[:2] for key, row in expected["account_days"].items()
    }
    assert {key: row[:3] for key, row in united["feature_days"].items()} == {
        key: row[:3] for key, row in expected["feature_days"].items()
    }
    assert_equal(in_the_database(tmp_path / "data"), expected)


async def test_an_event_that_names_both_ids_of_an_account_counts_once(tmp_path: Path) -> None:
    folder = hostile_world.generate(tmp_path / "world", seed=5)
    first, last = hostile_world.FIRST, hostile_world.LAST
    with running(load(folder)) as state:
        settings = settings_for(state, tmp_path / "data", mixpanel_breakdowns=PROPERTIES)
        async with open_context(settings) as ctx:
            await describe(ctx, [(2, AccountFacts(id="acme", mixpanel_ids=("acme", "globex", "17")))])
            await sync(ctx, from_day=first, to_day=last)
            async with ctx.store.read() as work:
                [acme] = [each for each in await work.accounts.all() if each.mixpanel_id == "acme"]

    same = {"globex": "acme", "17": "acme"}
    expected = counted(folder, first, last, folder / "kb", properties=PROPERTIES, same=same)
    assert_equal(in_the_database(tmp_path / "data"), expected)
    assert {"globex", "17"} <= set(acme.aliases)


async def describe(ctx: ToolContext, facts: list[tuple[int, AccountFacts]]) -> None:
    async with ctx.store.begin() as work:
        await work.accounts.describe(facts, project_id=4242, now=ctx.clock.now())
