"""What all routes of the API have in common: limits, tags, ages, keys, cursors, errors, the record."""

import asyncio
import re
from collections import Counter
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from agent import night
from handrail.context import ToolContext
from handrail.domain.access import ToolCall
from handrail.settings import Settings
from standin.state import Standin
from tests.conftest import settings_for
from tests.web.test_access import ADMIN, APPROVE, OPENED, READ, bearer
from tests.web.test_app import browser

SENTIMENT = "/api/accounts/acct_1001/sentiment"
PROBLEM = "application/problem+json"


async def on_record(ctx: ToolContext) -> list[ToolCall]:
    async with ctx.store.read() as work:
        return list(reversed(await work.calls.newest(100)))


async def pages(client: httpx2.AsyncClient, path: str, **asked: Any) -> list[list[dict[str, Any]]]:
    """The items of every page of a list."""
    found, cursor = [], ""
    while True:
        answer = await client.get(path, params={**asked, **({"cursor": cursor} if cursor else {})})
        assert answer.status_code == 200, answer.text
        found.append(answer.json()["items"])
        cursor = answer.json()["next_cursor"]
        if cursor is None:
            return found


@pytest.mark.parametrize(
    ("method", "path", "sent", "status"),
    [
        ("GET", "/api/no/such/route", {}, 404),
        ("GET", "/api/alerts/nothing", {}, 404),
        ("GET", "/api/alerts?account=nobody-like-this-at-all", {}, 404),
        ("GET", "/api/deliveries?account=nobody-like-this-at-all", {}, 404),
        ("GET", "/api/accounts/acm/health", {}, 409),
        ("GET", "/api/mixpanel/funnels/acm", {}, 409),
        ("GET", "/api/alerts?account=acm", {}, 409),
        ("GET", "/api/deliveries?account=acm", {}, 409),
        ("GET", "/api/accounts?limits=5", {}, 422),
        ("GET", "/api/accounts?cursor=abc", {}, 400),
        ("GET", "/api/deliveries?cursor=abc", {}, 400),
        ("GET", "/api/reports/99999999999999999999/history", {}, 422),
        ("DELETE", "/api/accounts", {}, 405),
        ("PUT", SENTIMENT, {}, 405),
        ("POST", SENTIMENT, {"json": {"value": 4, "note": "a" * 11_000}}, 413),
        ("POST", SENTIMENT, {"content": b"value=4", "headers": {"content-type": "text/plain"}}, 415),
        ("POST", SENTIMENT, {"content": b"{", "headers": {"content-type": "application/json"}}, 422),
        ("POST", SENTIMENT, {"json": {"value": 4}, "headers": {"idempotency-key": "a" * 201}}, 422),
    ],
)
async def test_every_error_is_a_problem_document(
    method: str, path: str, sent: dict[str, Any], status: int, ctx: ToolContext, settings: Settings
) -> None:
    async with browser(settings) as client:
        answer = await client.request(method, path, **sent)

    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == PROBLEM
    told = answer.json()
    assert (told["type"], told["status"]) == ("about:blank", status)
    assert told["detail"]
    assert ("candidates" in told) == (status == 409)


async def test_a_path_of_two_routes_names_the_methods_of_both(ctx: ToolContext, settings: Settings) -> None:
    async with browser(settings) as client:
        answer = await client.delete(SENTIMENT)

    assert answer.headers["allow"] == "GET, POST"


async def test_a_tag_spares_the_answer_until_something_changes_and_tells_its_age(
    ctx: ToolContext, settings: Settings
) -> None:
    async with ctx.store.read() as work:
        last = await work.metrics.last_sync()
    assert last is not None
    later = settings.model_copy(update={"now": last.finished_at + timedelta(hours=2)})
    async with browser(later) as client:
        first = await client.get("/api/accounts")
        tag = {"if-none-match": f'"other", W/{first.headers["etag"]}'}
        again = await client.get("/api/accounts", headers=tag)
        other = await client.get("/api/accounts", params={"limit": 3}, headers=tag)
        before = await client.get(SENTIMENT)
        await client.post(SENTIMENT, json={"value": 4})
        after = await client.get(SENTIMENT, headers={"if-none-match": before.headers["etag"]})

    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert (other.status_code, after.status_code) == (200, 200)
    assert 7200 <= int(first.headers["age"]) < 7200 + 600
    assert "age" not in before.headers


async def test_more_requests_than_the_limit_are_refused_by_token_until_the_minute_is_over(
    ctx: ToolContext, standins: Standin, settings: Settings
) -> None:
    limited = settings_for(standins, settings.data_dir, **OPENED, api_rate=3)
    async with browser(limited) as client:
        mine = [await client.get("/api/alarms", headers=bearer(READ)) for _ in range(4)]
        other = await client.get("/api/alarms", headers=bearer(APPROVE))
        free = [
            await client.get(path, headers=bearer(READ))
            for path in ("/healthz", "/t/x", "/static/handrail.css")
        ]

    assert [each.status_code for each in mine] == [200, 200, 200, 429]
    assert mine[3].headers["content-type"] == PROBLEM
    assert 1 <= int(mine[3].headers["retry-after"]) <= 60
    assert other.status_code == 200
    assert 429 not in {each.status_code for each in free}


async def test_without_a_limit_nobody_is_refused(ctx: ToolContext, settings: Settings) -> None:
    async with browser(settings.model_copy(update={"api_rate": 0})) as client:
        answers = [(await client.get("/api/alarms")).status_code for _ in range(5)]

    assert answers == [200] * 5


KEY = {"idempotency-key": '"8e03978e-40d5-43e8-bc93-6894a57f9324"'}


async def test_a_repeat_with_the_same_key_gets_the_first_answer_and_changes_nothing(
    ctx: ToolContext, settings: Settings
) -> None:
    async with browser(settings) as client:
        first = await client.post(SENTIMENT, json={"value": 4}, headers=KEY)
        await client.post(SENTIMENT, json={"value": 2})
        again = await client.post(SENTIMENT, json={"value": 4}, headers=KEY)
        another = await client.post(SENTIMENT, json={"value": 5}, headers=KEY)
        kept = (await client.get(SENTIMENT)).json()["items"]
    async with browser(settings) as client:
        restarted = await client.post(SENTIMENT, json={"value": 4}, headers=KEY)
    async with browser(settings.model_copy(update={"now": ctx.clock.now() + timedelta(hours=25)})) as client:
        late = await client.post(SENTIMENT, json={"value": 4}, headers=KEY)

    assert [each.outcome for each in await on_record(ctx)][:4] == ["ok", "ok", "ok", "error"]
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert [each["value"] for each in kept] == [2, 4]
    assert (another.status_code, another.headers["content-type"]) == (422, PROBLEM)
    assert restarted.json() == first.json()
    assert [each["value"] for each in late.json()["items"]] == [4, 2, 4]


async def test_a_key_whose_first_request_is_still_running_is_refused(
    ctx: ToolContext, settings: Settings, standins: Standin
) -> None:
    project = standins.world.project
    account = {name: project[name] for name in ("project_id", "username", "secret")}
    path = "/api/integrations/mixpanel/connect"
    async with browser(settings) as client:
        both = await asyncio.gather(*(client.post(path, json=account, headers=KEY) for _ in range(2)))
        later = await client.post(path, json=account, headers=KEY)

    done, refused = sorted(both, key=lambda each: each.status_code)
    assert (done.status_code, refused.status_code) == (200, 409)
    assert refused.headers["content-type"] == PROBLEM
    assert later.json() == done.json()


async def test_the_key_of_a_request_that_failed_may_try_again(ctx: ToolContext, settings: Settings) -> None:
    async with browser(settings) as client:
        failed = await client.post("/api/alerts/none", json={"state": "resolved"}, headers=KEY)
        again = await client.post("/api/alerts/none", json={"state": "dismissed"}, headers=KEY)
        elsewhere = await client.post(SENTIMENT, json={"value": 4}, headers=KEY)

    assert (failed.status_code, again.status_code, elsewhere.status_code) == (404, 400, 200)


async def test_keys_are_forgotten_after_a_day_by_the_night(ctx: ToolContext, settings: Settings) -> None:
    async with browser(settings) as client:
        await client.post(SENTIMENT, json={"value": 4}, headers=KEY)
    now = ctx.clock.now()
    async with ctx.store.begin() as work:
        await work.repeats.claim("of today", "", now + timedelta(hours=25))
        await work.repeats.forget(now + timedelta(hours=25))
        gone = await work.repeats.claim("of today", "", now + timedelta(hours=25))

    assert gone is not None, "what is younger than a day stays"


async def test_commands_are_on_record_with_a_hash_of_their_body_and_nothing_else_of_it(
    ctx: ToolContext, standins: Standin, settings: Settings
) -> None:
    opened = settings_for(standins, settings.data_dir, **OPENED)
    async with browser(opened) as client:
        await client.post(SENTIMENT, json={"value": 4, "note": "Ring them"}, headers=bearer(APPROVE))
        await client.post(SENTIMENT, json={"value": 9}, headers=bearer(ADMIN))
        await client.post("/api/accounts/acm/sentiment", json={"value": 3}, headers=bearer(ADMIN))
        await client.get(SENTIMENT, headers=bearer(ADMIN))
    calls = await on_record(ctx)
    async with ctx.store.read() as work:
        acme = next(each.id for each in await work.accounts.all() if each.name == "Acme")

    what = "POST /api/accounts/{customer_id}/sentiment"
    assert [(each.caller, each.tool, each.account_id, each.outcome) for each in calls] == [
        ("ben", what, acme, "ok"),
        ("eve", what, "", "error"),
        ("eve", what, "", "error"),
    ]
    assert "Ring them" not in str(calls)


async def test_every_row_of_a_list_comes_once_page_by_page(ctx: ToolContext, settings: Settings) -> None:
    await night.run(ctx)
    async with browser(settings) as client:
        accounts = await pages(client, "/api/accounts", limit=7)
        decisions = await pages(client, "/api/deliveries", limit=9)
        alerts = await pages(client, "/api/alerts", state="all", limit=1)
        whole = (await client.get("/api/deliveries", params={"limit": 200})).json()

    assert [len(each) for each in accounts] == [7, 7, 7, 4]
    assert len({row["mixpanel_id"] for rows in accounts for row in rows}) == 25
    assert [row for rows in decisions for row in rows] == whole["items"]
    assert all(len(rows) == 9 for rows in decisions[:-1])
    ids = [row["id"] for rows in alerts for row in rows]
    assert len(ids) == len(set(ids)) > 1


async def test_deliveries_are_told_by_state_and_reason_without_persons(
    ctx: ToolContext, settings: Settings
) -> None:
    report = await night.run(ctx)
    async with ctx.store.read() as work:
        kept = await work.deliveries.of_night(report.night)
    async with browser(settings) as client:
        every = await client.get("/api/deliveries", params={"limit": 200})
        withheld = await client.get("/api/deliveries", params={"status": "withheld", "reason": "no_address"})
        own = await client.get("/api/deliveries", params={"account": "acct_1001", "limit": 200})
        none = await client.get("/api/deliveries", params={"feature": "no-such-feature"})

    counts = Counter((each.status.value, each.reason) for each in kept)
    told = {(each["status"], each["reason"]): each["deliveries"] for each in every.json()["counts"]}
    assert len(kept) > 30
    assert told == counts
    assert [each["reason"] for each in withheld.json()["items"]] == ["no_address"] * counts[
        "withheld", "no_address"
    ]
    acme = own.json()["items"][0]["account_ids"][0]
    assert len(own.json()["items"]) == sum(acme in each.account_ids for each in kept)
    assert (none.json()["items"], none.json()["counts"]) == ([], [])
    assert not [each.user_key for each in kept if each.user_key in every.text]


async def test_nights_are_listed_newest_first_with_the_figures_of_their_reports(
    ctx: ToolContext, settings: Settings
) -> None:
    report = await night.run(ctx)
    async with ctx.store.begin() as work:
        earlier = report.model_copy(update={"night": report.night - timedelta(days=1), "sent": 3})
        await work.nights.keep_report(earlier)
    async with browser(settings) as client:
        found = await pages(client, "/api/runs", limit=1)
        one = (await client.get(f"/api/runs/{earlier.night}")).json()

    assert [row["night"] for rows in found for row in rows] == [str(report.night), str(earlier.night)]
    assert [row["sent"] for rows in found for row in rows] == [report.sent, 3]
    assert found[0][0]["withheld"] == report.withheld
    assert one["report"]["sent"] == 3


async def test_the_page_of_the_api_names_every_route_and_loads_nothing_from_elsewhere(
    settings: Settings, standins: Standin
) -> None:
    async with browser(settings) as client:
        page = await client.get("/docs")
        document = (await client.get("/openapi.json")).json()

    assert page.status_code == 200
    assert [path for path in document["paths"] if f"{path}</code>" not in page.text] == []
    linked = re.findall(r'(?:src|href)="([^"]*)"', page.text)
    assert [each for each in linked if "//" in each] == []
