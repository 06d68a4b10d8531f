"""A small host of MCP Apps in headless Chromium: it shows a tool's page and passes messages on.

The page runs as the specification of 2026-01-26 asks: another origin, `sandbox="allow-scripts"`, and the
restrictive content policy as a header. Requests to anywhere else are refused and noted.
"""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from mcp import Client
from mcp.client import advertise
from mcp.server.apps import APP_MIME_TYPE, EXTENSION_ID
from mcp.types import TextResourceContents
from playwright.async_api import Browser, FrameLocator, Page, Route, async_playwright

from handrail.context import ToolContext
from mcp_server.server import create_server
from tests.required import lacking
from tools._server import already_open

POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; media-src 'self' data:; connect-src 'none'"
)
APPS = advertise(EXTENSION_ID, {"mimeTypes": [APP_MIME_TYPE]})
HOST, VIEW = "http://host.example/", "http://view.example/"

HOST_PAGE = """<!doctype html><meta charset="utf-8">
<style>body { margin: 0 } iframe { border: 0; display: block; width: 100vw; height: 100vh }</style>
<iframe id="view" sandbox="allow-scripts" src="http://view.example/"></iframe>
<script>
const view = document.getElementById("view");
const post = (message) => view.contentWindow.postMessage({jsonrpc: "2.0", ...message}, "*");
window.addEventListener("message", async ({source, data}) => {
  if (source !== view.contentWindow || data.jsonrpc !== "2.0") return;
  await window.heard(data);
  if (data.method === "ui/initialize") post({id: data.id, result: await window.opening()});
  if (data.method === "ui/notifications/initialized") for (const each of await window.first()) post(each);
  if (data.method === "tools/call") post({id: data.id, ...await window.asked(data.params)});
});
</script>"""


def chromium() -> str:
    """Where Chromium is; without it the test is skipped, or fails where a browser is required."""
    found = shutil.which("chromium")
    if found is None:
        lacking("browser", "Chromium is not installed.")
    return found


@dataclass
class Shown:
    """One page on a host, and everything that passed between them."""

    page: Page
    view: FrameLocator
    heard: list[dict[str, Any]] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    strays: list[str] = field(default_factory=list)

    def height(self) -> int:
        """What the page last said of its own height."""
        told = [
            each["params"] for each in self.heard if each.get("method") == "ui/notifications/size-changed"
        ]
        return int(told[-1]["height"])

    async def table(self, title: str) -> list[list[str]]:
        """The cells of a chart's table, opened as a person opens it."""
        section = self.view.locator("section", has=self.view.locator(f'h2:text-is("{title}")'))
        if not await section.locator("details[open]").count():
            await section.locator("summary").click()
        rows = await section.locator("tbody tr").all()
        return [await row.locator("th, td").all_inner_texts() for row in rows]


def app_client(ctx: ToolContext, *, mode: Any = "auto") -> Client:
    """A client that says it shows MCP Apps."""
    return Client(create_server(already_open(ctx)), mode=mode, extensions=[APPS])


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    executable = chromium()
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        try:
            yield opened
        finally:
            await opened.close()


@asynccontextmanager
async def shown(
    client: Client,
    tool: str,
    arguments: dict[str, Any],
    *,
    theme: Literal["light", "dark"] = "light",
    width: int = 720,
    result: dict[str, Any] | None = None,
    capabilities: dict[str, Any] | None = None,
) -> AsyncIterator[Shown]:
    """The page of a tool, after the host has handed it the tool's answer (or `result` in its place)."""
    listed = {each.name: each for each in (await client.list_tools()).tools}
    uri = (listed[tool].meta or {})["ui"]["resourceUri"]
    [content] = (await client.read_resource(uri)).contents
    assert isinstance(content, TextResourceContents)
    answer = result or await called(client, {"name": tool, "arguments": arguments})
    async with browser() as opened:
        context = await opened.new_context(viewport={"width": width, "height": 900}, color_scheme="light")
        page = await context.new_page()
        found = Shown(page, page.frame_locator("#view"))

        async def serve(route: Route) -> None:
            if route.request.url == HOST:
                await route.fulfill(body=HOST_PAGE, content_type="text/html")
            elif route.request.url == VIEW:
                policy = {"Content-Security-Policy": POLICY}
                await route.fulfill(body=content.text, content_type="text/html", headers=policy)
            else:
                found.strays.append(route.request.url)
                await route.abort()

        async def heard(message: dict[str, Any]) -> None:
            found.heard.append(message)

        async def asked(params: dict[str, Any]) -> dict[str, Any]:
            found.calls.append(params)
            return {"result": await called(client, params)}

        async def opening() -> dict[str, Any]:
            able = {"serverTools": {}} if capabilities is None else capabilities
            return {
                "protocolVersion": "2026-01-26",
                "hostCapabilities": able,
                "hostContext": {"theme": theme},
            }

        async def first() -> list[dict[str, Any]]:
            return [
                {"method": "ui/notifications/tool-input", "params": {"arguments": arguments}},
                {"method": "ui/notifications/tool-result", "params": answer},
            ]

        page.on("console", lambda said: found.errors.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: found.errors.append(str(error)))
        page.on("popup", lambda other: found.strays.append(other.url))
        await context.route("**/*", serve)
        for answering in (heard, opening, first, asked):
            await page.expose_function(answering.__name__, answering)
        await page.goto(HOST)
        await found.view.locator("#state:not(:text-is('Waiting for the answer.'))").wait_for(state="attached")
        yield found


async def called(client: Client, params: dict[str, Any]) -> dict[str, Any]:
    """A tool's whole result as it goes over the wire."""
    answer = await client.call_tool(params["name"], params["arguments"])
    return answer.model_dump(by_alias=True, exclude_none=True, mode="json")
