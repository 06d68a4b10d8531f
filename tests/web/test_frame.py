"""The frame of the dashboard's pages, in a browser."""

import re
from collections import Counter
from typing import Literal

import pytest
from pydantic import SecretStr

from agent import night
from handrail.context import ToolContext
from handrail.flows.reports import read_report
from handrail.settings import Settings
from standin.state import Standin
from tests.web.dashboard import visit
from tests.web.test_app import browser
from tools.control_sending import control_sending
from web.frame import HERE, NAVIGATION

ACCOUNT = "/accounts/acct_1001"
REPORT = "52110502"
NOT_THERE = "console: Failed to load resource: the server responded with a status of 404 (Not Found)"
"""What Chromium says of each page among `NOWHERE`."""

NOWHERE = ["/accounts/nobody-here", "/runs/1999-01-01", "/u/nobody"]
"""Of nobody and nothing: in the frame, and as a reader of mails sees it."""

PAGES = [
    *(path for path, _ in NAVIGATION),
    ACCOUNT,
    f"/reports/{REPORT}",
    "/runs/2026-11-19",
    "/docs",
    *NOWHERE,
]


def all_pages(standins: Standin) -> list[str]:
    """With those that the first mail of the night leads to: its tutorial, and the way out."""
    text = standins.mails[0]["text"]
    return [*PAGES, *(re.findall(rf"/{door}/\S+", text)[0] for door in "tu")]


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_pages_are_free_of_what_axe_finds(
    ctx: ToolContext, settings: Settings, standins: Standin, scheme: Literal["light", "dark"]
) -> None:
    await night.run(ctx)
    await read_report(ctx, REPORT)
    complaints, pages = {}, all_pages(standins)

    async with visit(settings, scheme=scheme) as tab:
        for path in pages:
            await tab.go(path)
            complaints[path] = await tab.complaints()

    assert complaints == {path: [] for path in pages}
    assert tab.wrong == [NOT_THERE] * len(NOWHERE)


async def test_pages_fit_a_window_of_320_pixels(
    ctx: ToolContext, settings: Settings, standins: Standin
) -> None:
    await night.run(ctx)
    await read_report(ctx, REPORT)
    too_wide = []

    async with visit(settings, width=320) as tab:
        for path in all_pages(standins):
            await tab.go(path)
            if await tab.overflows():
                too_wide.append(path)

    assert too_wide == []


def test_no_rule_of_the_style_is_written_over_by_a_later_one_of_its_name() -> None:
    """A class that means two things shows on one page what was meant for another."""
    style = (HERE / "static" / "handrail.css").read_text("utf-8")
    rules = re.sub(r"/\*.*?\*/|@media[^{]*\{(?:[^{}]*\{[^{}]*\})*\s*\}", "", style, flags=re.DOTALL)
    found = [
        (selector.strip(), declared.partition(":")[0].strip())
        for selectors, body in re.findall(r"([^{}]+)\{([^{}]*)\}", rules)
        for selector in selectors.split(",")
        for declared in body.split(";")
        if declared.strip()
    ]

    assert len(found) > 300
    assert [each for each, times in Counter(found).items() if times > 1] == []


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


async def test_commands_in_messages_are_shown_as_such_and_whatever_is_in_them_as_text(
    ctx: ToolContext, settings: Settings
) -> None:
    typed = {"scope": "account", "account": "`<b>nobody</b>`", "action": "pause"}
    async with browser(settings) as client:
        account = (await client.get(ACCOUNT)).text
        refused = (await client.post("/settings/sending", data=typed)).text

    assert "run <code>handrail agent run</code>." in account
    assert "<code>&lt;b&gt;nobody&lt;/b&gt;</code>" in refused
    assert "<b>nobody" not in refused


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
