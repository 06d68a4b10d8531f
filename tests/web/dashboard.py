"""The dashboard as a person has it: the app on a port of its own, and headless Chromium before it."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Literal

import uvicorn
from playwright.async_api import Page, Route

from handrail.settings import Settings
from mcp_server.server import create_server
from tests.mcp_server.host import browser
from web.app import create_app
from web.listening import LIMITS

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@asynccontextmanager
async def served(settings: Settings) -> AsyncIterator[str]:
    """The app on a free port of loopback; answers its address."""
    config = uvicorn.Config(create_app(settings, create_server), port=0, **LIMITS)
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        await server.shutdown()


@dataclass
class Visit:
    """A browser's tab on the dashboard, and whatever happened in it that should not."""

    page: Page
    base: str
    wrong: list[str] = field(default_factory=list)
    """Errors of scripts, violations of the content policy, requests to elsewhere, dialogs."""

    async def go(self, path: str) -> None:
        await self.page.goto(self.base + path)

    async def table(self, name: str) -> list[list[str]]:
        """The cells of a table by its accessible name: a chart's is opened as a person opens it."""
        table = self.page.get_by_role("table", name=name, exact=True, include_hidden=True)
        if not await table.is_visible():
            await self.page.locator("details", has=table).locator("summary").click()
        return [
            await row.locator("th, td").all_inner_texts() for row in await table.locator("tbody tr").all()
        ]

    async def complaints(self) -> list[str]:
        """What axe finds on the page as it stands: rule, gravity, and the first place of each."""
        await self.page.evaluate(AXE)
        found: dict[str, Any] = await self.page.evaluate(
            f"axe.run(document, {{runOnly: {json.dumps(RULES)}, resultTypes: ['violations']}})"
        )
        return [
            f"{each['id']} ({each['impact']}): {each['nodes'][0]['html'][:200]}"
            for each in found["violations"]
        ]

    async def overflows(self) -> bool:
        """Whether the page is wider than its window, so that a reader has to scroll sideways."""
        wide: bool = await self.page.evaluate(
            "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        )
        return wide


@asynccontextmanager
async def visit(
    settings: Settings,
    *,
    width: int = 1200,
    scheme: Literal["light", "dark"] = "light",
    headers: dict[str, str] | None = None,
) -> AsyncIterator[Visit]:
    """A tab of a new browser before an app of its own over `settings`."""
    async with served(settings) as base, browser() as opened:
        context = await opened.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, extra_http_headers=headers
        )
        page = await context.new_page()
        found = Visit(page, base)

        async def only_ours(route: Route) -> None:
            if route.request.url.startswith((f"{base}/", "data:", "blob:")):
                await route.continue_()
            else:
                found.wrong.append(f"request to {route.request.url}")
                await route.abort()

        def violated(told: str) -> None:
            found.wrong.append(f"policy: {told}")

        await context.route("**/*", only_ours)
        await page.expose_function("violated", violated)
        await page.add_init_script(
            "document.addEventListener('securitypolicyviolation',"
            " (event) => window.violated(`${event.violatedDirective} ${event.blockedURI}`))"
        )
        page.on("pageerror", lambda error: found.wrong.append(f"script: {error}"))
        page.on(
            "console",
            lambda said: found.wrong.append(f"console: {said.text}") if said.type == "error" else None,
        )

        async def opened_dialog(dialog: Any) -> None:
            found.wrong.append(f"dialog: {dialog.message}")
            await dialog.dismiss()

        page.on("dialog", opened_dialog)
        yield found
