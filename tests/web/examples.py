"""The example answers of /openapi.json, asked of the real app over the demo's world by `make snap`."""

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

import httpx2

from agent import night
from handrail.context import open_context
from handrail.flows.health import keep_scores
from handrail.flows.sync import sync
from handrail.settings import Settings
from mcp_server.server import create_server
from standin import acme
from standin.server import running
from standin.state import Standin
from standin.world import load
from tests.conftest import settings_for
from web.app import create_app
from web.rest.document import EXAMPLES

BASE = "http://127.0.0.1:8321"
MOST = 2
"""Rows of a list in an example."""

ASKED: dict[str, str] = {
    "list_accounts": "GET /api/accounts?sort_by=engagement&detail=full",
    "get_events": "GET /api/mixpanel/events/acct_1001?period=last_7_days&breakdown=$browser",
    "get_funnels": "GET /api/mixpanel/funnels/acct_1001",
    "get_users": "GET /api/mixpanel/users/acct_1001",
    "get_health": "GET /api/accounts/acct_1001/health",
    "list_sentiments": "GET /api/accounts/acct_1001/sentiment",
    "analyze_churn": "GET /api/churn",
    "get_tutorial_results": "GET /api/tutorials?feature=schedule-export",
    "list_alerts": "GET /api/alerts",
    "list_alarms": "GET /api/alarms",
    "list_reports": "GET /api/reports",
    "get_report": "GET /api/reports/Account health",
    "list_runs": "GET /api/runs",
    "get_latest_run": "GET /api/runs/latest",
    "get_run": "GET /api/runs/2026-11-19",
    "get_latest_brief": "GET /api/briefs/latest",
    "get_brief": "GET /api/briefs/2026-11-19",
    "list_deliveries": "GET /api/deliveries?status=withheld",
    "healthz": "GET /healthz",
    "readyz": "GET /readyz",
}
COMMANDS: dict[str, tuple[str, dict[str, Any]]] = {
    "keep_sentiment": ("/api/accounts/acct_1001/sentiment", {"value": 4, "note": "Calls back at once."}),
    "start_sync": ("/api/mixpanel/sync", {"from_date": "2026-11-18", "to_date": "2026-11-19"}),
}


def short(value: Any) -> Any:
    """The same with the first rows of each list."""
    if isinstance(value, dict):
        return {name: short(each) for name, each in value.items()}
    return [short(each) for each in value[:MOST]] if isinstance(value, list) else value


async def told(settings: Settings, state: Standin) -> dict[str, dict[str, Any]]:
    """By operation: what was asked with, and what was answered."""
    found: dict[str, dict[str, Any]] = {}
    app = create_app(settings, create_server)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=BASE, timeout=60) as client,
    ):

        async def ask(name: str, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
            answer = await client.request(method, path, json=body)
            assert answer.status_code < 400, (name, answer.text)
            found[name] = {"answer": short(answer.json())} | ({"request": body} if body else {})
            return answer.json()

        for name, (path, body) in COMMANDS.items():
            await ask(name, "POST", path, body)
        await app.state.ctx.background.finish()
        for name, line in ASKED.items():
            method, _, path = line.partition(" ")
            await ask(name, method, path)
        await ask("get_sync", "GET", f"/api/mixpanel/sync/{found['start_sync']['answer']['id']}")
        report = found["get_report"]["answer"]["items"][0]["report_id"]
        await ask("get_report_history", "GET", f"/api/reports/{report}/history")
        alert = (await client.get("/api/alerts")).json()["items"][0]["id"]
        await ask("get_alert", "GET", f"/api/alerts/{alert}")
        closing = {"state": "dismissed", "reason": "A holiday of the whole company."}
        await ask("close_alert", "POST", f"/api/alerts/{alert}", closing)
        project = state.world.project
        account = {name: project[name] for name in ("project_id", "username", "secret")}
        await ask("connect_mixpanel", "POST", "/api/integrations/mixpanel/connect", account)
    return found


async def lived(settings: Settings, first: Any) -> None:
    """A sync of all days, a night, and an alert."""
    async with open_context(settings) as ctx:
        await sync(ctx, from_day=first)
        await night.run(ctx)
        await keep_scores(ctx)


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        acme.generate(Path(place) / "acme")
        with running(load(Path(place) / "acme")) as state:
            settings = settings_for(state, Path(place) / "data")
            asyncio.run(lived(settings, state.world.days()[0]))
            # The next hour, with a budget of its own.
            found = asyncio.run(told(settings, state))
    EXAMPLES.write_text(json.dumps(found, indent=1, ensure_ascii=False, sort_keys=True) + "\n", "utf-8")


if __name__ == "__main__":
    main()
