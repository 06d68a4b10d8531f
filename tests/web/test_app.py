"""Pages, REST, mail links and /mcp, over the whole HTTP stack."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from agent import night
from handrail.context import ToolContext
from handrail.flows import sync_job
from handrail.settings import Settings
from mcp_server.server import create_server
from standin.state import Standin
from tools.get_tutorial_results import get_tutorial_results
from web.app import create_app

BASE = "http://127.0.0.1:8321"


@asynccontextmanager
async def browser(settings: Settings) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the app, with its lifespan running."""
    app = create_app(settings, create_server)
    transport = httpx2.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url=BASE) as client,
    ):
        yield client


async def test_the_book_shows_accounts_and_last_night(ctx: ToolContext, settings: Settings) -> None:
    await night.run(ctx)

    async with browser(settings) as client:
        page = await client.get("/")

    assert page.status_code == 200
    assert "Cobalt Ridge Freight" in page.text
    assert "<b>26</b> mailed" in page.text
    assert "no address in Mixpanel" in page.text


async def test_an_account_page_marks_where_people_are_lost(ctx: ToolContext, settings: Settings) -> None:
    async with browser(settings) as client:
        page = await client.get("/accounts/acct_1001")

    assert "Connect a data source: 14.3%, 3 of 21 users." in page.text
    assert "Most are lost before step 3, Source Access Checked:" in page.text


async def test_an_account_page_shows_the_rest_where_mixpanel_refuses_a_part(
    ctx: ToolContext, settings: Settings, standins: Standin
) -> None:
    standins.faults.add({"neighbour": "mixpanel", "route": "bookmarks", "fault": "status", "status": 500})
    async with browser(settings) as client:
        page = await client.get("/accounts/acct_1001")

    assert (page.status_code, page.headers["content-type"].partition(";")[0]) == (200, "text/html")
    assert "Mixpanel failed at saved funnels (status 500): try again later." in page.text
    assert "Who is stuck" in page.text


async def test_an_account_page_tells_why_people_were_not_mailed(ctx: ToolContext, settings: Settings) -> None:
    async with browser(settings) as client:
        before = await client.get("/accounts/acct_1008")
        await night.run(ctx)
        after = await client.get("/accounts/acct_1008")

    assert "Nobody was held back." in before.text
    assert '<th scope="row">the account opted out</th><td class="n">3</td>' in after.text
    assert "0 people were mailed from 2026-10-21 to 2026-11-19." in after.text


async def test_an_account_page_tells_how_many_people_did_each_event(
    ctx: ToolContext, settings: Settings
) -> None:
    async with browser(settings) as client:
        page = await client.get("/accounts/acct_1001")

    row = re.search(r'<th scope="row">Dashboard Viewed</th>(.*?)</tr>', page.text)
    assert row
    assert re.findall(r">([\d,]+)<", row[1]) == ["460", "38"], "as query_events tells them"


async def test_before_the_first_sync_the_page_says_what_to_do(settings: Settings, standins: Standin) -> None:
    async with browser(settings) as client:
        page = await client.get("/")

    assert page.status_code == 200
    assert "handrail sync" in page.text


async def test_pages_load_nothing_from_elsewhere_and_run_no_script_but_their_own(
    ctx: ToolContext, settings: Settings
) -> None:
    async with browser(settings) as client:
        pages = [await client.get(path) for path in ("/", "/accounts/acct_1001")]

    for page in pages:
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert "script-src 'self'" in page.headers["content-security-policy"]
        assert re.findall(r"<script[^>]*>.*?</script>", page.text) == [
            '<script src="/static/handrail.js" defer></script>'
        ]
        assert not re.findall(r'(?:src|href)="(?:https?:)?//', page.text)


async def test_rest_gives_the_same_answers_as_the_tools(ctx: ToolContext, settings: Settings) -> None:
    async with browser(settings) as client:
        events = (await client.get("/api/mixpanel/events/Acme")).json()
        funnels = (await client.get("/api/mixpanel/funnels/acct_1001")).json()
        accounts = (await client.get("/api/accounts", params={"limit": 50})).json()

    assert events["figures"]["unique_users"] == 39
    assert funnels["funnels"][0]["steps"][0]["users"] == 21
    assert len(accounts["items"]) == 25


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/mixpanel/events/nobody-like-this-at-all", 404),
        ("/api/accounts?limit=0", 422),
        ("/api/runs/2001-01-01", 404),
        ("/api/accounts?limits=5", 422),
        ("/api/no/such/route", 404),
        ("/no/such/page", 404),
        ("/api/accounts?cursor=abc", 400),
    ],
)
async def test_errors_are_problem_documents(
    path: str, status: int, ctx: ToolContext, settings: Settings
) -> None:
    async with browser(settings) as client:
        answer = await client.get(path)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    assert answer.json()["detail"]


async def test_another_host_name_is_refused_everywhere(ctx: ToolContext, settings: Settings) -> None:
    async with browser(settings) as client:
        answers = [
            await client.get(path, headers={"host": "evil.example"})
            for path in ("/", "/api/accounts", "/mcp")
        ]

    assert {answer.status_code for answer in answers} <= {400, 421}


async def mail_links(ctx: ToolContext, standins: Standin) -> tuple[str, str]:
    """(button, unsubscribe) paths of a mail of a night."""
    await night.run(ctx)
    text = standins.mails[0]["text"]
    return re.findall(r"(/t/\S+)", text)[0], re.findall(r"(/u/\S+)", text)[0]


async def test_a_mails_button_leads_to_its_page_and_the_page_to_the_stuck_step_in_the_companys_own_guide(
    ctx: ToolContext, settings: Settings, standins: Standin
) -> None:
    button, _ = await mail_links(ctx, standins)

    async with browser(settings) as client:
        opened = await client.get(button)
        page = await client.get(opened.headers["location"])
        guide = await client.get(re.findall(r'href="(/t/[^"]+)"', page.text)[0])

    known = {step.url for feature in ctx.kb.features() for step in feature.steps}
    assert [answer.status_code for answer in (opened, page, guide)] == [302, 200, 302]
    assert opened.headers["location"].startswith("/tutorials/")
    assert guide.headers["location"] in known
    assert {answer.headers["cache-control"] for answer in (opened, page, guide)} == {"no-store"}


async def test_a_get_never_unsubscribes_and_a_post_does_for_good(
    ctx: ToolContext, settings: Settings, standins: Standin
) -> None:
    _, way_out = await mail_links(ctx, standins)
    who = standins.mails[0]["to"]
    async with browser(settings) as client:
        asked = await client.get(way_out)
        async with ctx.store.read() as work:
            before = await work.deliveries.opted_out()
        answers = [
            await client.post(way_out, data={"List-Unsubscribe": "One-Click"}),
            await client.post(way_out, data={"List-Unsubscribe": "One-Click"}),
        ]

    async with ctx.store.read() as work:
        after = await work.deliveries.opted_out()
    assert asked.status_code == 200
    assert before == 0
    assert [answer.status_code for answer in answers] == [200, 200]
    assert after == 1
    assert who not in asked.text


@pytest.mark.parametrize("path", ["/t/unknown", "/u/unknown", "/t/%00", "/u/..%2f..%2fetc"])
async def test_unknown_links_lead_nowhere(path: str, ctx: ToolContext, settings: Settings) -> None:
    async with browser(settings) as client:
        answer = await client.get(path)

    assert answer.status_code == 404
    assert "unknown" not in answer.text.replace("not known", "")


async def test_a_click_token_is_no_unsubscribe_token(
    ctx: ToolContext, settings: Settings, standins: Standin
) -> None:
    button, _ = await mail_links(ctx, standins)

    async with browser(settings) as client:
        answer = await client.post(button.replace("/t/", "/u/"))

    assert answer.status_code == 404


@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_chat_clients_reach_the_tools_at_mcp(era: str, ctx: ToolContext, settings: Settings) -> None:
    app = create_app(settings, create_server)
    transport = httpx2.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url=BASE) as http,
        Client(streamable_http_client(f"{BASE}/mcp", http_client=http), mode=era) as client,
    ):
        answer = await client.call_tool("query_events", {"account": "Acme"})

    assert answer.structured_content is not None
    assert answer.structured_content["figures"]["unique_users"] == 39


@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_who_asks_for_progress_is_told_day_by_day_until_the_sync_is_done(
    era: str, settings: Settings, standins: Standin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync_job, "WATCHED_SECONDS", 3600)
    told: list[tuple[float, float | None, str | None]] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        told.append((progress, total, message))

    days = {"from_date": "2026-11-10", "to_date": "2026-11-19"}
    app = create_app(settings, create_server)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=BASE) as http,
        Client(streamable_http_client(f"{BASE}/mcp", http_client=http), mode=era) as client,
    ):
        answer = await client.call_tool("sync_mixpanel", days, progress_callback=note)

    assert answer.structured_content is not None
    assert answer.structured_content["status"] == "done"
    assert answer.structured_content["days_done"] == 10
    assert [done for done, _, _ in told] == sorted({done for done, _, _ in told})
    assert told[0][:2] == (0, 10)
    assert told[-1][:2] == (10, 10)
    assert "10 days" in (told[0][2] or "")


async def test_health_and_readiness_are_told_apart(
    ctx: ToolContext, settings: Settings, standins: Standin
) -> None:
    unconnected = settings.model_copy(update={"mixpanel_project_id": None})
    async with browser(unconnected) as client:
        healthy, ready = await client.get("/healthz"), await client.get("/readyz")
    async with browser(settings) as client:
        connected = await client.get("/readyz")

    assert (healthy.status_code, ready.status_code, connected.status_code) == (200, 503, 200)


UNSET = {"mixpanel_project_id": None, "mixpanel_username": "", "mixpanel_secret": None}


def unconnected(settings: Settings) -> Settings:
    """The same installation before a project is connected."""
    return settings.model_copy(update=UNSET)


def service_account(standins: Standin, **changes: object) -> dict[str, object]:
    project = standins.world.project
    given = {name: project[name] for name in ("project_id", "username", "secret")}
    return {**given, **changes}


async def test_a_project_is_connected_synced_and_asked_over_rest_alone(
    settings: Settings, standins: Standin
) -> None:
    async with browser(unconnected(settings)) as client:
        before = await client.post("/api/mixpanel/sync")
        found = await client.post("/api/integrations/mixpanel/connect", json=service_account(standins))
        started = await client.post("/api/mixpanel/sync", json={"from_date": "2026-10-21"})
        again = await client.post("/api/mixpanel/sync")
        await client._transport.app.state.ctx.background.finish()  # type: ignore[attr-defined]
        followed = await client.get(f"/api/mixpanel/sync/{started.json()['id']}")
        events = await client.get("/api/mixpanel/events/acct_1001")
    async with browser(unconnected(settings)) as client:
        ready = await client.get("/readyz")

    assert before.status_code == 503
    assert found.status_code == 200
    assert found.json()["kept"]
    assert found.json()["zone"] == "America/New_York"
    assert "secret" not in found.text
    assert (started.status_code, started.json()["status"]) == (202, "running")
    assert (again.status_code, again.json()["id"]) == (202, started.json()["id"])
    assert (followed.json()["status"], followed.json()["days_done"]) == ("done", 30)
    assert events.json()["figures"]["unique_users"] == 39
    assert ready.status_code == 200, "the next start knows the project"


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"secret": "wrong-secret"}, 400, "check username, secret, project_id and region"),
        ({"project_id": "no number"}, 422, "project_id"),
        ({"username": ""}, 422, "username"),
        ({"region": "mars"}, 422, "region"),
        ({"password": "hunter2"}, 422, "password"),
    ],
)
async def test_wrong_credentials_are_a_problem_in_our_words_and_are_not_echoed(
    body: dict[str, object], status: int, words: str, settings: Settings, standins: Standin
) -> None:
    given = service_account(standins, **body)
    async with browser(unconnected(settings)) as client:
        answer = await client.post("/api/integrations/mixpanel/connect", json=given)
        ready = await client.get("/readyz")

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert words in answer.json()["detail"]
    assert str(given["secret"]) not in answer.text
    assert ready.status_code == 503


@pytest.mark.parametrize(
    ("path", "status"),
    [("/api/mixpanel/sync/77", 404), ("/api/mixpanel/sync/0", 422), ("/api/mixpanel/sync/no-number", 422)],
)
async def test_an_unknown_sync_is_a_problem(
    path: str, status: int, settings: Settings, standins: Standin
) -> None:
    async with browser(settings) as client:
        answer = await client.get(path)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "headers", [{"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}, {"origin": "null"}]
)
@pytest.mark.parametrize("path", ["/api/mixpanel/sync", "/api/integrations/mixpanel/connect"])
async def test_a_page_of_another_site_cannot_start_anything(
    path: str, headers: dict[str, str], settings: Settings, standins: Standin
) -> None:
    async with browser(settings) as client:
        answer = await client.post(path, headers=headers, json=service_account(standins))

    assert answer.status_code == 403
    assert standins.requests == []


async def test_the_pages_show_what_has_to_be_known_of_the_figures(
    ctx: ToolContext, settings: Settings, standins: Standin
) -> None:
    later = settings.model_copy(update={"now": ctx.clock.now() + timedelta(hours=31)})
    standins.clock.set(ctx.clock.now() + timedelta(hours=31))
    async with browser(later) as client:
        pages = [await client.get(path) for path in ("/", "/accounts/acct_1001")]

    for page in pages:
        assert "30 hours ago" in page.text


BROWSER = {"user-agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Gecko/20100101 Firefox/140.0"}


async def follow_link(settings: Settings, guide: str, at: datetime) -> tuple[list[int], list[int]]:
    """As a scanner, a program without a name, and a reader who clicks twice: (statuses, clicks then told)."""
    async with browser(settings.model_copy(update={"now": at})) as client:
        answers = [
            await client.head(guide, headers=BROWSER),
            await client.get(guide, headers={"user-agent": ""}),
            await client.get(guide, headers=BROWSER),
            await client.get(guide, headers=BROWSER),
        ]
        told = (await client.get("/api/tutorials")).json()["features"]
    return [answer.status_code for answer in answers], [each["clicked"] for each in told]


async def test_a_click_is_kept_once_for_the_reader_and_never_for_a_machine(
    ctx: ToolContext, settings: Settings, standins: Standin
) -> None:
    guide, _ = await mail_links(ctx, standins)
    async with ctx.store.read() as work:
        found = await work.deliveries.link_target(guide.removeprefix("/t/"), "click")
        assert found is not None
        delivery = await work.deliveries.get(found[0])
        assert delivery is not None
    later = delivery.decided_at + timedelta(hours=3)

    at_once, clicks_at_once = await follow_link(settings, guide, delivery.decided_at)
    standins.clock.set(later)
    hours_after, clicks_after = await follow_link(settings, guide, later)
    async with ctx.store.read() as work:
        kept = await work.feedback.of([delivery.id])

    assert at_once == hours_after == [302, 302, 302, 302]
    assert sum(clicks_at_once) == 0
    assert sorted(clicks_after) == [0, 0, 0, 1]
    assert [kind for kind, _ in kept[delivery.id]] == ["clicked"]


async def test_the_results_over_rest_are_those_of_the_tool(ctx: ToolContext, settings: Settings) -> None:
    await night.run(ctx)

    asked = {"feature": "schedule-export", "period": "last_30_days"}
    expected = await get_tutorial_results(ctx, feature="schedule-export", period="last_30_days")
    async with browser(settings) as client:
        answer = await client.get("/api/tutorials", params=asked)
        unknown = await client.get("/api/tutorials", params={"feature": "nothing"})

    assert answer.json() == expected.model_dump(mode="json")
    assert [each["sent"] for each in answer.json()["features"]] == [7]
    assert unknown.status_code == 400
