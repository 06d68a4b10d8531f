"""Health and sentiments over REST."""

from datetime import date

from handrail.context import ToolContext
from handrail.flows.health import keep_scores
from handrail.settings import Settings
from tests.web.test_app import browser
from tools.get_account_health import get_account_health

AS_OF = date(2026, 11, 19)


async def test_health_is_what_the_tool_answers(ctx: ToolContext, settings: Settings) -> None:
    await keep_scores(ctx, AS_OF)
    told = await get_account_health(ctx, account="Acme", weeks=2)

    async with browser(settings) as client:
        answer = await client.get("/api/accounts/acct_1001/health?weeks=2")
        wrong = await client.get("/api/accounts/acct_1001/health?weeks=0")

    assert answer.json() == told.model_dump(mode="json")
    assert wrong.status_code == 422


async def test_a_sentiment_is_kept_listed_and_refused_from_another_site(
    ctx: ToolContext, settings: Settings
) -> None:
    path = "/api/accounts/Acme/sentiment"
    async with browser(settings) as client:
        empty = (await client.get(path)).json()
        kept = await client.post(path, json={"value": 4, "note": "Calls back at once."})
        foreign = await client.post(path, json={"value": 1}, headers={"sec-fetch-site": "cross-site"})
        wrong = await client.post(path, json={"value": 6})
        personal = await client.post(path, json={"value": 2, "note": "write to a@b.example"})
        listed = (await client.get(path)).json()
        several = await client.post("/api/accounts/acm/sentiment", json={"value": 2})

    assert empty["items"] == []
    assert kept.status_code == 200
    assert [foreign.status_code, wrong.status_code, personal.status_code] == [403, 422, 400]
    assert several.status_code == 409
    assert "Acme Labs" in {each["name"] for each in several.json()["candidates"]}
    assert [(each["value"], each["note"]) for each in listed["items"]] == [(4, "Calls back at once.")]
    assert listed["account"]["mixpanel_id"] == "acct_1001"
