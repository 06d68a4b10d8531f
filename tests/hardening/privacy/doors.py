"""What strangers and colleagues bring to the doors of the app: canaries in every place of a request."""

import html
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote, unquote

import httpx2

from standin.sendgrid import events
from standin.state import Standin
from tests.hardening.privacy.canaries import Canaries, hits

PAGES = (
    "/", "/brief", "/metrics", "/results", "/reports", "/runs", "/settings", "/tonight", "/docs",
    "/accounts/acct_1001", "/accounts.csv", "/api/accounts", "/api/deliveries", "/api/alerts", "/api/runs",
    "/api/tutorials", "/api/reports", "/api/mixpanel/users/acct_1001", "/api/mixpanel/events/acct_1001",
    "/api/mixpanel/funnels/acct_1001", "/api/accounts/acct_1001/health", "/api/briefs/latest", "/readyz",
    "/openapi.json", "/api/alarms", "/api/churn",
)  # fmt: skip
PLACES = (
    "/accounts/{}", "/api/mixpanel/events/{}", "/api/mixpanel/funnels/{}", "/api/mixpanel/users/{}",
    "/api/accounts/{}/health", "/api/alerts/{}", "/api/runs/{}", "/api/briefs/{}", "/api/reports/{}",
    "/api/mixpanel/sync/{}", "/t/{}", "/u/{}", "/tutorials/{}", "/tutorials/{}/picture", "/runs/{}",
    "/tonight/{}", "/reports/{}", "/no/such/{}",
)  # fmt: skip
POSTS = (
    "/api/accounts/acct_1001/sentiment", "/api/alerts/nothing", "/api/mixpanel/sync", "/u/{}",
    "/tutorials/{}/answer", "/tutorials/{}/read", "/hooks/sendgrid", "/settings/reasons", "/settings/sending",
    "/tonight/{}/edit", "/accounts/acct_1001/sentiment", "/accounts/acct_1001/sending", "/mcp",
    "/api/integrations/mixpanel/connect",
)  # fmt: skip


PROTOCOL = "2026-07-28"


@dataclass
class Visitor:
    """Goes through every door; `leaks` are canaries in answers that the request itself did not bring."""

    client: httpx2.AsyncClient
    canaries: Canaries
    leaks: list[str] = field(default_factory=list)
    answers: int = 0

    def headers(self) -> dict[str, str]:
        new = self.canaries
        return {
            "User-Agent": new.agent("the User-Agent of a request"),
            "Referer": new.url("the Referer of a request"),
            "X-Forwarded-For": new.number("X-Forwarded-For", 3),
            "Cookie": f"mail={quote(new.address('a cookie'))}",
            "Idempotency-Key": new.address("an Idempotency-Key"),
            "From": new.address("the From of a request"),
        }

    async def look(self) -> None:
        """Every page as it is: nothing of anybody stands on it."""
        for path in PAGES:
            self.take(path, await self.client.get(path), ())

    async def ask_for_people(self) -> None:
        """Addresses in paths, query strings and headers."""
        address, agent = self.canaries.address("a path"), self.headers()
        for place in PLACES:
            path = place.format(quote(address, safe=""))
            self.take(path, await self.client.get(path, headers=agent), (address, *agent.values()))
        asked = self.canaries.address("a query string")
        for path in PAGES:
            params = dict.fromkeys(("account", "q", "cursor", "feature", "from_date", "sort", "token"), asked)
            answer = await self.client.get(path, params=params, headers=agent)
            self.take(path, answer, (asked, *agent.values()))

    async def post(self) -> None:
        """Bodies with canaries in every field, in JSON, as a form, and broken."""
        new, agent = self.canaries, self.headers()
        values = {
            "note": f"Ask {new.address('a note')}",
            "reason": new.text("the reason of a dismissal"),
            "username": new.address("a username"),
            "secret": new.text("a secret"),
            "project_id": 12,
            "value": 3,
            "state": "dismissed",
            "helpful": new.name("an answer of a reader"),
            "name": new.address("the name of a reason"),
            "subject": new.address("an edited subject"),
        }
        brought = (*map(str, values.values()), *agent.values())
        for post in POSTS:
            path = post.format(quote(new.address("the path of a post"), safe=""))
            for body in ({"json": values}, {"data": values}, {"content": json.dumps(values)[:-9].encode()}):
                answer = await self.client.post(path, headers=agent, **body)
                self.take(path, answer, (*brought, unquote(path)))

    async def call_tools(self) -> None:
        """Every tool, and one that is not there, with canaries for arguments."""
        new = self.canaries
        address, name = new.address("a tool's argument"), new.name("a tool's argument")
        listed = await self._rpc("tools/list", {})
        for tool in [each["name"] for each in listed["result"]["tools"]] + [new.address("a tool's name")]:
            arguments = dict.fromkeys(
                ("account", "feature", "user_key", "query", "event", "confirm"), address
            )
            for given in ({}, arguments, {**arguments, name: name, "period": name}):
                await self._rpc("tools/call", {"name": tool, "arguments": given}, (address, name, tool))
        await self._rpc("prompts/get", {"name": address}, (address,))
        await self._rpc("resources/read", {"uri": f"handrail://{address}"}, (address,))
        await self._rpc(address, {"anything": name}, (address, name))

    async def _rpc(self, method: str, params: dict[str, Any], brought: tuple[str, ...] = ()) -> Any:
        agent = self.headers()
        meta = {
            "io.modelcontextprotocol/protocolVersion": PROTOCOL,
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": {"name": agent["From"], "version": agent["User-Agent"]},
        }
        sent = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}
        wire = {"Accept": "application/json, text/event-stream", "Mcp-Protocol-Version": PROTOCOL}
        named = {"Mcp-Name": str(params["name"])} if "name" in params else {}
        headers = {**agent, **wire, "Mcp-Method": method, **named}
        answer = await self.client.post("/mcp", json=sent, headers=headers)
        self.take(f"/mcp {method}", answer, (*brought, *agent.values()))
        text = answer.text if answer.text.startswith("{") else answer.text.partition("data: ")[2]
        return json.loads(text) if text else {}

    async def tell_of_mails(self, standins: Standin, now: datetime) -> int:
        """SendGrid's events about the mails that left: whatever else it says of their readers."""
        new, told = self.canaries, []
        for at, mail in enumerate(standins.mails):
            kind = ("delivered", "open", "bounce", "click", "dropped", "spamreport", "deferred")[at % 7]
            more = {
                "reason": new.text("the reason of a bounce"),
                "response": new.text("the response of a server"),
                "useragent": new.agent("a webhook"),
                "ip": new.number("a webhook's IP number", 2),
                "url": new.url("a webhook's link"),
                "asm_group_id": new.address("a webhook's field"),
                "email": new.address("a webhook's email"),
                "category": [new.name("a webhook's category")],
            }
            told.append(events.event_of(mail, kind, int(now.timestamp()), **more))
        told.append({**told[0], "handrail_delivery": new.address("a webhook's delivery")})
        told.append({"event": new.text("a webhook's event"), "handrail_delivery": 17})
        status = await events.post_events(
            standins, f"{str(self.client.base_url).rstrip('/')}/hooks/sendgrid", told
        )
        forged = await self.client.post("/hooks/sendgrid", content=json.dumps(told), headers=self.headers())
        self.take("/hooks/sendgrid", forged, ())
        return status

    def take(self, what: str, answer: httpx2.Response, brought: tuple[str, ...]) -> None:
        """Look at an answer and its headers. What a request brought may be told to whoever brought it."""
        self.answers += 1
        text = f"{answer.headers!r}\n{answer.text}"
        where = f"{answer.request.method} {what}"
        if not brought:
            self.leaks += hits(text.encode("utf-8", "replace"), where)
            return
        text = unquote(html.unescape(text)).replace('\\"', '"')
        told = [each for each in self.canaries.planted.values() if each in text]
        self.leaks += [
            f"{where}: {each}"
            for each in told
            if not any(each in one or one.lower() in each.lower() for one in brought)
        ]
