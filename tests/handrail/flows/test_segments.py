"""Users by account and segment, over the stand-ins, against an independent count of the world's files."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from handrail.context import ToolContext, open_context
from handrail.domain.segments import AccountUsers
from handrail.errors import ConfigError
from handrail.flows.segments import count_users
from handrail.flows.sync import sync
from standin.server import running
from standin.state import Standin
from standin.world import load
from tests import databases, oracle_reading, oracle_users
from tests.conftest import OpenWith, settings_for
from tests.dungeon import DUNGEON, needs_dungeon

AS_OF = date(2026, 11, 19)
FIGURES = {
    "users",
    "active_7_days",
    "active_30_days",
    "new_7_days",
    "quiet_14_days",
    "never_active",
    "active_without_profile",
}


async def by_mixpanel_id(ctx: ToolContext) -> dict[str, AccountUsers]:
    async with ctx.store.read() as work:
        accounts = await work.accounts.all()
        found = {account.mixpanel_id: await work.segments.of(account.id) for account in accounts}
    return {account: users for account, users in found.items() if users is not None}


def as_oracle(users: AccountUsers) -> dict[str, Any]:
    groups = {
        one.property: ({group.value: group.users for group in one.groups}, one.other)
        for one in users.breakdowns
    }
    return {**users.model_dump(include=FIGURES), "groups": groups}


NOTHING = {**dict.fromkeys(FIGURES, 0), "groups": {"plan": ({}, 0), "role": ({}, 0)}}


async def test_users_of_every_account_equal_an_independent_count(ctx: ToolContext, acme_folder: Path) -> None:
    await count_users(ctx, AS_OF)

    counted = await by_mixpanel_id(ctx)
    expected = oracle_users.count(acme_folder, AS_OF, ["plan", "role"])
    assert len(counted) >= 25
    assert sum(len(one["groups"]["role"][0]) for one in expected.values()) > 20, "there is something to fold"
    for account, users in counted.items():
        assert as_oracle(users) == expected.get(account, NOTHING), account
    assert {account for account, one in expected.items() if one["users"]} <= counted.keys()


@needs_dungeon
async def test_users_of_another_world_equal_an_independent_count(tmp_path: Path) -> None:
    with running(load(DUNGEON)) as state:
        async with open_context(settings_for(state, tmp_path / "data")) as ctx:
            record = await sync(ctx, from_day=state.world.days()[0])
            await count_users(ctx, record.to_date)

            counted = await by_mixpanel_id(ctx)

    expected = oracle_users.count(DUNGEON, record.to_date, ["plan", "role"])
    assert len(counted) > 40
    for account, users in counted.items():
        assert as_oracle(users) == expected.get(account, NOTHING), account


async def test_all_accounts_cost_one_question(ctx: ToolContext, standins: Standin) -> None:
    standins.requests.clear()

    census = await count_users(ctx, AS_OF)

    asked = [one for one in standins.requests if one["path"].startswith("/mixpanel/")]
    assert census is not None
    assert census.profiles == len(standins.profiles)
    assert sum(bool(one["counted"]) for one in asked) == 1


async def test_a_profile_without_account_belongs_where_its_user_was_active(
    ctx: ToolContext, standins: Standin, acme_folder: Path
) -> None:
    for profile in standins.profiles.values():
        profile.pop("company_id")

    census = await count_users(ctx, AS_OF)

    active = oracle_users.active_days(oracle_reading.read(acme_folder), AS_OF)
    recent = date(2026, 10, 21)
    counted = await by_mixpanel_id(ctx)
    assert counted["acct_1001"].users == sum(max(days) >= recent for days in active["acct_1001"].values())
    assert counted["acct_1001"].users == counted["acct_1001"].active_30_days > 0
    assert census is not None
    assert census.without_account > 0


async def test_a_profile_that_names_an_unknown_account_is_nobodys(
    ctx: ToolContext, standins: Standin
) -> None:
    await count_users(ctx, AS_OF)
    before = (await by_mixpanel_id(ctx))["acct_1001"]
    member = next(each for each in standins.profiles.values() if each["company_id"] == "acct_1001")
    member["company_id"] = "acct_of_nobody"

    census = await count_users(ctx, AS_OF)

    after = (await by_mixpanel_id(ctx))["acct_1001"]
    assert after.users == before.users - 1
    assert census is not None
    assert census.without_account == 1


async def test_a_value_of_a_list_counts_once_for_each_user(ctx: ToolContext, standins: Standin) -> None:
    members = [each for each in standins.profiles.values() if each["company_id"] == "acct_1001"]
    assert len(members) >= 21
    for number, profile in enumerate(members):
        profile["role"] = ["editor", "editor"] if number < 9 else ["editor", "viewer", 7][: 1 + number % 3]

    await count_users(ctx, AS_OF)

    users = (await by_mixpanel_id(ctx))["acct_1001"]
    role = next(one for one in users.breakdowns if one.property == "role")
    values = {value for profile in members for value in map(str, profile["role"])}
    sizes = {value: sum(value in map(str, each["role"]) for each in members) for value in values}
    assert {group.value: group.users for group in role.groups}.items() <= sizes.items()
    assert role.groups[0].value == "editor"
    assert role.groups[0].users == len(members)


async def test_no_word_of_a_small_group_and_no_person_reaches_the_disk(
    ctx: ToolContext, standins: Standin
) -> None:
    members = [each for each in standins.profiles.values() if each["company_id"] == "acct_1001"]
    for number, profile in enumerate(members):
        profile["plan"] = "smallgroupcanary" if number < 4 else f"everybody.{number % 3}"
        profile["role"] = "shared.canary@vendor.example" if number % 2 else "4915551234567"

    await count_users(ctx, AS_OF)

    kept = b"".join(databases.on_disk(ctx.settings.data_dir).values())
    assert b"everybody.0" in kept, "large groups are kept, so the files are the right ones"
    canaries = [b"smallgroupcanary", b"shared.canary", b"4915551234567"]
    canaries += [str(each[key]).encode() for each in members for key in ("$email", "$name") if key in each]
    assert len(canaries) > 20
    assert [each for each in canaries if each in kept] == []


async def test_before_the_first_sync_there_is_nothing_to_count(
    empty_ctx: ToolContext, standins: Standin
) -> None:
    assert await count_users(empty_ctx, AS_OF) is None
    assert not any("engage" in one["path"] for one in standins.requests)


@pytest.mark.parametrize("name", ["$email", "role, Work Email", "plan,$city", "userId"])
async def test_a_property_that_names_people_is_refused_before_anything_runs(
    open_with: OpenWith, name: str
) -> None:
    with pytest.raises(ConfigError, match=r"HANDRAIL_MIXPANEL_SEGMENT_PROPERTIES names .* take it out"):
        async with open_with(segment_properties=name):
            pass
