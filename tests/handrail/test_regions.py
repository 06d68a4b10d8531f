"""A project lives in one region: the doctor finds it, asked of two servers that play two regions."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import SecretStr

from handrail.context import open_context
from handrail.domain.checks import Check
from handrail.flows.doctor import check
from handrail.settings import Settings
from standin.server import running
from standin.state import Standin
from tests.conftest import settings_for
from tests.standin.conftest import event, write_world

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Standin]:
    """Another region: it knows neither the account nor the project."""
    with running(write_world(tmp_path / "elsewhere", [event("E", "u1", "2026-11-20T10:00:00")])) as state:
        yield state


def asked(home: Standin, elsewhere: Standin, data_dir: Path, **changes: object) -> Check:
    """What the doctor says of the credentials; the project lives in `eu`, and nobody answers in `in`."""
    hosts = {"us": f"{elsewhere.base_url}/mixpanel", "eu": f"{home.base_url}/mixpanel", "in": NOWHERE}

    class TwoRegions(Settings):
        region_hosts: ClassVar = {name: (host, host) for name, host in hosts.items()}

    fields = {**dict(settings_for(home, data_dir)), "mixpanel_query_url": "", "mixpanel_export_url": ""}
    settings = TwoRegions.load(_env_file=None, **{**fields, **changes})

    async def examine() -> list[Check]:
        async with open_context(settings) as ctx:
            return await check(ctx)

    return next(one for one in asyncio.run(examine()) if one.name == "Mixpanel credentials")


def test_the_doctor_names_the_region_in_which_the_project_lives(
    standins: Standin, elsewhere: Standin, tmp_path: Path
) -> None:
    found = asked(standins, elsewhere, tmp_path / "data", mixpanel_region="us")

    assert not found.ok
    assert found.detail == "the project lives in another region: set HANDRAIL_MIXPANEL_REGION=eu"


def test_in_its_own_region_the_project_answers_and_no_other_is_asked(
    standins: Standin, elsewhere: Standin, tmp_path: Path
) -> None:
    found = asked(standins, elsewhere, tmp_path / "data", mixpanel_region="eu")

    assert found.ok
    assert elsewhere.requests == []


def test_credentials_that_no_region_knows_are_said_to_be_wrong(
    standins: Standin, elsewhere: Standin, tmp_path: Path
) -> None:
    wrong = SecretStr("wrong")
    found = asked(standins, elsewhere, tmp_path / "data", mixpanel_region="us", mixpanel_secret=wrong)

    assert not found.ok
    assert found.detail.startswith("Mixpanel refuses the service account: check HANDRAIL_MIXPANEL_USERNAME")
    assert [
        each["status"] for each in (*standins.requests, *elsewhere.requests) if "/me" in each["path"]
    ] == [
        401,
        401,
    ]
