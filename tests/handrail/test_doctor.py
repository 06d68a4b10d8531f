"""The doctor: each thing that can be wrong is found and named, with what to do."""

import pytest
from pydantic import SecretStr

from handrail.context import ToolContext
from handrail.domain.checks import Check
from handrail.flows.doctor import check
from standin.state import Standin
from tests.conftest import OpenWith


def of(found: list[Check], name: str) -> Check:
    return next(one for one in found if one.name == name)


async def test_a_connected_installation_is_well(ctx: ToolContext, open_with: OpenWith) -> None:
    async with open_with(public_url="https://handrail.vendor.example") as well:
        found = await check(well)

    assert [one.name for one in found if not one.ok] == []
    assert of(found, "Mixpanel credentials").detail.endswith("America/New_York")
    assert of(found, "account coverage").detail.startswith("98.")


@pytest.mark.parametrize(
    ("changes", "name", "words"),
    [
        ({"mixpanel_secret": SecretStr("wrong")}, "Mixpanel credentials", "HANDRAIL_MIXPANEL_SECRET"),
        ({"mixpanel_project_id": None}, "Mixpanel credentials", "HANDRAIL_MIXPANEL_PROJECT_ID"),
        ({"mail_from": ""}, "sender", "HANDRAIL_MAIL_FROM"),
        ({"public_url": "http://127.0.0.1:8321"}, "mail links", "HANDRAIL_PUBLIC_URL"),
    ],
)
async def test_what_is_wrong_is_named(
    changes: dict[str, object], name: str, words: str, ctx: ToolContext, open_with: OpenWith
) -> None:
    async with open_with(**changes) as ill:
        found = of(await check(ill), name)

    assert not found.ok
    assert words in found.detail


async def test_a_key_that_may_not_send_is_found_without_sending(ctx: ToolContext, standins: Standin) -> None:
    standins.faults.add({"neighbour": "sendgrid", "route": "/scopes", "fault": "status", "status": 401})

    found = of(await check(ctx), "sender")

    assert not found.ok
    assert "mail.send" in found.detail
    assert standins.mails == []


async def test_a_plan_without_the_query_api_is_explained(ctx: ToolContext, standins: Standin) -> None:
    standins.faults.add({"neighbour": "mixpanel", "route": "/api/query", "fault": "status", "status": 402})

    found = of(await check(ctx), "Mixpanel plan")

    assert found.ok, "the raw export still works"
    assert "raw" in found.detail
    assert "nobody can be mailed" in found.detail


async def test_before_the_first_sync_coverage_is_told_from_a_sample_and_freshness_says_what_to_run(
    empty_ctx: ToolContext,
) -> None:
    found = await check(empty_ctx)

    assert "sampled events carry company_id" in of(found, "account coverage").detail
    assert "handrail sync" in of(found, "freshness").detail


async def test_a_wrong_account_property_is_found_before_the_first_sync(open_with: OpenWith) -> None:
    async with open_with(mixpanel_account_property="tenant") as ctx:
        found = of(await check(ctx), "account coverage")

    assert not found.ok
    assert "only 0.0%" in found.detail
    assert "HANDRAIL_MIXPANEL_ACCOUNT_PROPERTY" in found.detail


async def test_the_doctor_says_where_the_credentials_come_from(ctx: ToolContext) -> None:
    assert "credentials from the environment" in of(await check(ctx), "Mixpanel credentials").detail


async def test_a_role_that_may_not_export_is_named(empty_ctx: ToolContext, standins: Standin) -> None:
    standins.faults.add({"neighbour": "mixpanel", "route": "/export", "fault": "status", "status": 403})

    found = of(await check(empty_ctx), "account coverage")

    assert not found.ok
    assert "role Analyst" in found.detail


async def test_the_doctor_says_whether_opens_are_measured(ctx: ToolContext, open_with: OpenWith) -> None:
    async with open_with(track_opens=True) as tracking:
        told = [each for each in await check(tracking) if each.name == "opens of mails"]
    [plain] = [each for each in await check(ctx) if each.name == "opens of mails"]

    assert [(each.ok, each.detail.partition(" ")[0]) for each in [plain, *told]] == [
        (True, "not"),
        (True, "measured"),
    ]
