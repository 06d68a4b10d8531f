"""Connecting a project: checked live, found out about, and its service account kept sealed."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet, InvalidToken

from handrail.context import ToolContext, follow_connection
from handrail.domain.connections import Credentials
from handrail.domain.metrics import Coverage
from handrail.errors import CallerError, ConfigError
from handrail.flows.connect import connect, look
from handrail.flows.doctor import check
from handrail.flows.sync import shape_of
from handrail.services.seal import seal, unseal
from handrail.settings import REGION_HOSTS
from standin.server import running
from standin.state import Standin
from standin.world import load
from tests import databases
from tests.conftest import OpenWith

UNSET: dict[str, Any] = {
    "mixpanel_project_id": None,
    "mixpanel_username": "",
    "mixpanel_secret": None,
    "mixpanel_group_id": "",
}


def credentials(standins: Standin, **changes: Any) -> Credentials:
    project = standins.world.project
    given = {
        "project_id": project["project_id"],
        "username": project["username"],
        "secret": project["secret"],
    }
    return Credentials.model_validate({**given, **changes})


async def test_connecting_tells_what_was_found(open_with: OpenWith, standins: Standin) -> None:
    async with open_with(**UNSET) as ctx:
        found = await connect(ctx, credentials(standins, group_id=group_id(standins)))

    assert found.kept
    assert (found.project_id, found.zone) == (2914077, "America/New_York")
    assert found.query_api
    assert found.saved_funnels == len(standins.world.project["funnels"])
    assert found.coverage == pytest.approx(0.985, abs=0.01)
    assert found.group_profiles == len((standins.world.folder / "groups.jsonl").read_text().splitlines())
    assert found.questions_left == 18, (
        "20 are chat's share; the funnels and the group profiles were asked for"
    )
    assert found.exports_left == 9
    assert found.notes == []


def group_id(standins: Standin) -> str:
    return str(next(iter(standins.world.project["group_keys"].values())))


async def test_a_connected_project_is_used_at_once_and_by_the_next_start(
    open_with: OpenWith, standins: Standin
) -> None:
    async with open_with(**UNSET) as ctx:
        with pytest.raises(ConfigError, match="No Mixpanel project is connected"):
            await look(ctx)
        await connect(ctx, credentials(standins))
        assert await ctx.zone() == "America/New_York"
    async with open_with(**UNSET) as again:
        found = await look(again)
        doctor = {one.name: one for one in await check(again)}

    assert found.credentials_from == "stored"
    assert "stored by connecting over REST" in doctor["Mixpanel credentials"].detail


async def test_the_environment_goes_before_and_then_nothing_is_kept(
    empty_ctx: ToolContext, standins: Standin
) -> None:
    found = await connect(empty_ctx, credentials(standins))

    assert not found.kept
    assert "the environment names a project" in found.notes[-1]
    async with empty_ctx.store.read() as work:
        assert await work.connections.sealed() is None


async def test_another_project_gets_nothing_of_the_one_that_was_connected_before(
    open_with: OpenWith, standins: Standin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not its group key, whose profiles would stand for other companies, and not its account property."""
    async with open_with(**UNSET) as ctx, open_with(**UNSET) as another_process:
        await connect(ctx, credentials(standins, group_id=group_id(standins), account_property="plan"))
        await follow_connection(another_process)
        assert another_process.settings.mixpanel_group_id == group_id(standins)
        monkeypatch.setitem(standins.world.project, "project_id", 4242)
        found = await connect(ctx, credentials(standins))
        await follow_connection(another_process)

    assert (found.project_id, found.account_property, found.group_profiles) == (4242, "company_id", None)
    assert another_process.settings.mixpanel_project_id == 4242
    assert another_process.settings.mixpanel_group_id == ""


async def test_the_same_project_with_a_new_secret_keeps_what_was_said_of_it(
    open_with: OpenWith, standins: Standin
) -> None:
    async with open_with(**UNSET) as ctx:
        await connect(ctx, credentials(standins, group_id=group_id(standins)))
        await connect(ctx, credentials(standins))
    async with open_with(**UNSET) as again:
        assert again.settings.mixpanel_group_id == group_id(standins)


@pytest.mark.parametrize(
    "wrong",
    [{"secret": "wrong"}, {"username": "nobody.at.all"}, {"project_id": 1}],
    ids=["secret", "username", "project"],
)
async def test_credentials_that_mixpanel_refuses_are_not_kept(
    wrong: dict[str, Any], open_with: OpenWith, standins: Standin
) -> None:
    async with open_with(**UNSET) as ctx:
        with pytest.raises(CallerError):
            await connect(ctx, credentials(standins, **wrong))

        assert ctx.connected is None
        async with ctx.store.read() as work:
            assert await work.connections.sealed() is None


async def test_neither_secret_nor_name_is_readable_in_the_files_of_the_database(
    open_with: OpenWith, standins: Standin
) -> None:
    project = standins.world.project
    async with open_with(**UNSET) as ctx:
        await connect(ctx, credentials(standins))
        while_open = databases.on_disk(ctx.settings.data_dir)
    after = databases.on_disk(ctx.settings.data_dir)

    for files in (while_open, after):
        held = b"".join(files.values())
        assert project["secret"].encode() not in held
        assert project["username"].encode() not in held
    assert b"gAAAA" in b"".join(after.values()), "the sealed text is there"


def test_the_key_that_seals_is_not_the_key_of_users() -> None:
    secret = bytes(range(32))
    sealed = seal(secret, "a text")

    assert unseal(secret, sealed) == "a text"
    with pytest.raises(InvalidToken):
        Fernet(base64.urlsafe_b64encode(secret)).decrypt(sealed.encode())


@pytest.fixture
def regions(standins: Standin, acme_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The project answers in the EU; the other regions do not know its service account."""
    elsewhere = load(acme_folder)
    elsewhere.project["secret"] = "of somebody else"
    with running(elsewhere) as other:
        for region, state in (("us", other), ("eu", standins), ("in", other)):
            base = f"{state.base_url}/mixpanel"
            monkeypatch.setitem(REGION_HOSTS, region, (base, base))
        yield


@pytest.mark.usefixtures("regions")
async def test_the_region_is_found_where_none_is_said(open_with: OpenWith, standins: Standin) -> None:
    async with open_with(**UNSET, mixpanel_query_url="", mixpanel_export_url="") as ctx:
        found = await connect(ctx, credentials(standins))
    async with open_with(**UNSET, mixpanel_query_url="", mixpanel_export_url="") as again:
        region = (await look(again)).region

    assert (found.region, region) == ("eu", "eu")


@pytest.mark.usefixtures("regions")
async def test_a_wrong_region_is_named_with_the_right_one(open_with: OpenWith, standins: Standin) -> None:
    async with open_with(**UNSET, mixpanel_query_url="", mixpanel_export_url="") as ctx:
        with pytest.raises(CallerError, match="say region eu"):
            await connect(ctx, credentials(standins, region="us"))


async def test_another_project_does_not_mix_into_the_figures_of_the_first(
    ctx: ToolContext, open_with: OpenWith, standins: Standin
) -> None:
    async with ctx.store.begin() as work:
        for row in (await work.syncs.days(shape_of(ctx, "America/New_York"))).values():
            await work.syncs.advance(
                row.sync_id, (row.day, row.day), counts=NOTHING, shape="1 UTC company_id", now=ctx.clock.now()
            )
    async with open_with(**UNSET) as other:
        with pytest.raises(CallerError, match="holds figures of project 1: set another HANDRAIL_DATA_DIR"):
            await connect(other, credentials(standins))


NOTHING = Coverage(0, 0, 0, 0)


async def test_a_plan_without_the_query_api_is_told_and_connects(
    open_with: OpenWith, standins: Standin
) -> None:
    standins.faults.add({"neighbour": "mixpanel", "route": "/api/query", "fault": "status", "status": 402})
    async with open_with(**UNSET) as ctx:
        found = await connect(ctx, credentials(standins))

    assert found.kept
    assert found.query_api is False
    assert "not in the project's plan" in found.notes[0]
    assert found.sampled_events > 0, "the raw export works all the same"


async def test_a_project_without_budget_connects_and_says_so(open_with: OpenWith, standins: Standin) -> None:
    standins.faults.add({"neighbour": "mixpanel", "route": "funnels/list", "fault": "rate_limit"})
    async with open_with(**UNSET) as ctx:
        found = await connect(ctx, credentials(standins))

    assert found.kept
    assert found.query_api is None
    assert "is not known" in found.notes[0]
