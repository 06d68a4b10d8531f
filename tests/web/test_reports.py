"""Users in numbers and saved reports over REST."""

from datetime import date

import pytest

from handrail.context import ToolContext, open_context
from handrail.flows.segments import count_users
from handrail.settings import Settings
from standin.state import Standin
from tests.handrail.flows.test_reports import ACTIVE, ERRORS, use_up
from tests.web.test_app import browser

AS_OF = date(2026, 11, 19)


async def test_users_of_an_account_are_numbers_without_identities(
    ctx: ToolContext, settings: Settings, standins: Standin
) -> None:
    await count_users(ctx, AS_OF)

    async with browser(settings) as client:
        answer = await client.get("/api/mixpanel/users/acme")

    found = answer.json()
    members = {id_: one for id_, one in standins.profiles.items() if one["company_id"] == "acct_1001"}
    assert found["account"]["mixpanel_id"] == "acct_1001"
    assert found["period"]["to_date"] == "2026-11-19"
    assert found["figures"]["users"] >= len(members) > 30
    assert {each["by"] for each in found["segments"]} == {"role"}
    assert found["summary"].startswith(f"“Acme”: {found['figures']['users']} users with a profile")
    persons = [str(each) for id_, one in members.items() for each in (id_, one["$name"])]
    assert [each for each in persons if each in answer.text] == []


async def test_users_that_were_never_counted_are_no_data_and_no_zero(
    ctx: ToolContext, settings: Settings
) -> None:
    async with browser(settings) as client:
        found = (await client.get("/api/mixpanel/users/acct_1001")).json()
        which = await client.get("/api/mixpanel/users/acm")

    assert found["figures"] is None
    assert found["segments"] == []
    assert "handrail sync" in found["no_data_because"]
    assert which.status_code == 409
    assert {each["name"] for each in which.json()["candidates"]} >= {"Acme", "Acme Labs"}


async def test_reports_are_listed_read_and_followed_back(ctx: ToolContext, settings: Settings) -> None:
    async with browser(settings) as client:
        board = (await client.get("/api/reports/Account health")).json()
        listed = (await client.get("/api/reports")).json()["items"]
        history = (await client.get(f"/api/reports/{ERRORS}/history")).json()["items"]

    assert {each["report_id"] for each in board["items"]} == {ACTIVE, ERRORS}
    assert {each["report_id"] for each in listed if each["read_at"]} == {ACTIVE, ERRORS}
    assert len(listed) == 6
    assert len(history) == 1
    shown = next(each["rows"] for each in board["items"] if each["report_id"] == ERRORS)
    assert [" / ".join(row["path"]) for row in history[0]["report"]["rows"][:5]] == [
        row["what"] for row in shown
    ]


@pytest.mark.parametrize("path", ["/api/reports/Zebra", "/api/mixpanel/users/nobody-like-this-at-all"])
async def test_a_name_that_fits_nothing_is_a_problem_document(
    path: str, ctx: ToolContext, settings: Settings
) -> None:
    async with browser(settings) as client:
        answer = await client.get(path)

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_report_that_cannot_be_asked_for_now_says_when_it_can(
    ctx: ToolContext, settings: Settings
) -> None:
    async with open_context(settings, actor="web") as web:
        await use_up(web, 0)

    async with browser(settings) as client:
        reading = (await client.get(f"/api/reports/{ERRORS}")).json()

    assert reading["items"] == []
    assert "the next one is possible in" in reading["caveats"][0]
