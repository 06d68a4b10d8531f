"""The frame of the dashboard's pages, in a browser."""

from typing import Literal

import pytest
from pydantic import SecretStr

from agent import night
from handrail.context import ToolContext
from handrail.flows.reports import read_report
from handrail.settings import Settings
from tests.web.dashboard import visit
from tests.web.test_app import browser
from tools.control_sending import control_sending
from web.frame import NAVIGATION

ACCOUNT = "/accounts/acct_1001"
REPORT = "52110502"
NOBODY = "/accounts/nobody-here"
NOT_THERE = "console: Failed to load resource: the server responded with a status of 404 (Not Found)"
"""What Chromium says of the one page among `PAGES` that is of nobody."""

PAGES = [
    *(path for path, _ in NAVIGATION),
    ACCOUNT,
    f"/reports/{REPORT}",
    "/runs/2026-11-19",
    "/docs",
    NOBODY,
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_pages_are_free_of_what_axe_finds(
    ctx: ToolContext, settings: Settings, scheme: Literal["light", "dark"]
) -> None:
    await night.run(ctx)
    await read_report(ctx, REPORT)
    complaints = {}

    async with visit(settings, scheme=scheme) as tab:
        for path in PAGES:
            await tab.go(path)
            complaints[path] = await tab.complaints()

    assert complaints == {path: [] for path in PAGES}
    assert tab.wrong == [NOT_THERE]


async def test_pages_fit_a_window_of_320_pixels(ctx: ToolContext, settings: Settings) -> None:
    await night.run(ctx)
    await read_report(ctx, REPORT)
    too_wide = []

    async with visit(settings, width=320) as tab:
        for path in PAGES:
            await tab.go(path)
            if await tab.overflows():
                too_wide.append(path)

    assert too_wide == []


async def test_keys_reach_the_content_the_search_and_the_rows(ctx: ToolContext, settings: Settings) -> None:
    async with visit(settings) as tab:
        await tab.go("/")
        focused = tab.page.locator(":focus")
        await tab.page.keyboard.press("Tab")
        await tab.page.keyboard.press("Enter")
        assert await focused.get_attribute("id") == "content"
        await tab.page.keyboard.press("j")
        first = await focused.inner_text()
        await tab.page.keyboard.press("j")
        second = await focused.inner_text()
        await tab.page.keyboard.press("k")
        assert await focused.inner_text() == first != second
        await tab.page.keyboard.press("/")
        assert await focused.get_attribute("type") == "search"
        await tab.page.keyboard.type("jk")
        assert await focused.input_value() == "jk", "letters typed into the search move nothing"
        await tab.page.keyboard.press("Enter")
        await tab.page.wait_for_url("**/?query=jk*")

    assert tab.wrong == []


async def test_every_page_says_that_sending_is_paused(ctx: ToolContext, settings: Settings) -> None:
    async with browser(settings) as client:
        before = (await client.get("/")).text
        await control_sending(ctx, action="pause")
        after = [(await client.get(path)).text for path in ("/", ACCOUNT)]

    assert "Sending: auto" in before
    assert all("Sending is paused" in each for each in after)


async def test_a_read_only_installation_changes_nothing_over_rest(
    ctx: ToolContext, settings: Settings
) -> None:
    closed = settings.model_copy(update={"read_only": True})
    async with browser(closed) as client:
        refused = await client.post("/api/mixpanel/sync")
        read = await client.get("/api/accounts")

    assert (refused.status_code, read.status_code) == (403, 200)
    assert "HANDRAIL_READ_ONLY" in refused.json()["detail"]


async def test_a_browser_with_a_token_as_its_password_sees_the_pages(
    ctx: ToolContext, settings: Settings
) -> None:
    locked = settings.model_copy(update={"api_tokens": SecretStr("ann:read:a-token-of-enough-length-1234")})
    async with browser(locked) as client:
        without = await client.get("/")
        within = await client.get("/", auth=("ann", "a-token-of-enough-length-1234"))

    assert (without.status_code, within.status_code) == (401, 200)
