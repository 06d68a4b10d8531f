"""Churn over REST."""

from handrail.context import ToolContext
from handrail.settings import Settings
from tests.web.test_app import browser


async def test_churn_over_rest_is_the_tools_answer(ctx: ToolContext, settings: Settings) -> None:
    async with browser(settings) as client:
        found = (await client.get("/api/churn", params={"days_before": 14})).json()
        refused = await client.get("/api/churn", params={"days_before": 3})
        unknown = await client.get("/api/churn", params={"survival_by": "luck"})

    assert found["compared"]["days_before"] == 14
    assert "handrail accounts import" in found["summary"]
    assert refused.status_code == 422
    assert 400 <= unknown.status_code < 500
    assert "events_change" in unknown.text
