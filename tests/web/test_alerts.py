"""Alerts over REST, and on an account's page."""

from datetime import date
from html import escape

from handrail.context import ToolContext
from handrail.flows.alerts import raise_alerts
from handrail.settings import Settings
from tests.web.test_app import browser
from tools.list_alerts import list_alerts

NIGHT = date(2026, 11, 19)


async def test_alerts_are_what_the_tool_answers_and_one_has_all_its_days(
    ctx: ToolContext, settings: Settings
) -> None:
    await raise_alerts(ctx, NIGHT, {})
    told = await list_alerts(ctx, kind="errors", limit=50)

    async with browser(settings) as client:
        listed = await client.get("/api/alerts", params={"kind": "errors"})
        of_acme = (await client.get("/api/alerts", params={"account": "Acme", "kind": "errors"})).json()
        one = (await client.get(f"/api/alerts/{of_acme['items'][0]['id']}")).json()
        none = await client.get("/api/alerts/0000000000")
        wrong = await client.get("/api/alerts", params={"kind": "moods"})

    assert listed.json()["items"] == [each.model_dump(mode="json") for each in told.alerts]
    assert len(told.alerts) == 3
    assert [each["account"] for each in of_acme["items"]] == ["Acme"]
    assert (one["kind"], one["state"]) == ("errors", "open")
    assert one["points"][-1]["day"] == str(NIGHT)
    assert none.status_code == 404
    assert none.headers["content-type"] == "application/problem+json"
    assert 400 <= wrong.status_code < 500


async def test_an_alert_is_closed_once_with_a_reason_and_not_from_another_site(
    ctx: ToolContext, settings: Settings
) -> None:
    await raise_alerts(ctx, NIGHT, {})
    [alert] = (await list_alerts(ctx, account="Acme", kind="errors")).alerts
    path = f"/api/alerts/{alert.id}"

    async with browser(settings) as client:
        foreign = await client.post(
            path, json={"state": "resolved"}, headers={"sec-fetch-site": "cross-site"}
        )
        silent = await client.post(path, json={"state": "dismissed", "reason": " "})
        odd = await client.post(path, json={"state": "open"})
        still = (await client.get(path)).json()
        done = await client.post(path, json={"state": "dismissed", "reason": "A load test"})
        again = await client.post(path, json={"state": "resolved"})
        left = (await client.get("/api/alerts", params={"account": "Acme", "kind": "errors"})).json()

    assert [foreign.status_code, silent.status_code, odd.status_code] == [403, 400, 422]
    assert still["state"] == "open"
    assert (done.status_code, done.json()["state"], done.json()["reason"]) == (
        200,
        "dismissed",
        "A load test",
    )
    assert again.status_code == 409
    assert left["items"] == []


async def test_an_accounts_page_tells_its_open_alerts_and_only_those(
    ctx: ToolContext, settings: Settings
) -> None:
    await raise_alerts(ctx, NIGHT, {})
    [alert] = (await list_alerts(ctx, account="Acme")).alerts
    [other] = (await list_alerts(ctx, account="Tanager Insurance")).alerts

    async with browser(settings) as client:
        page = (await client.get("/accounts/acct_1001")).text
        await client.post(f"/api/alerts/{alert.id}", json={"state": "resolved"})
        after = (await client.get("/accounts/acct_1001")).text

    for said in (alert.evidence, alert.next_step):
        assert escape(said) in page
        assert escape(said) not in after
    assert escape(other.evidence) not in page
