"""The pages of MCP Apps in a real browser, beside an independent count."""

import re
from base64 import b64decode
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.types import ImageContent, TextContent, TextResourceContents

from handrail.charts.specification import Bar, Bars, Sheet
from handrail.context import ToolContext
from handrail.domain.deliveries import Status
from handrail.settings import SendMode
from mcp_server.server import create_server
from tests import oracle
from tests.conftest import OpenWith
from tests.mcp_server.host import Shown, app_client, shown
from tests.tools.test_decide_review import reviewed_night
from tools import catalogue
from tools._answers import Answer
from tools._server import already_open
from tools._text import told
from tools._views import KEY, Viewed, seen

ERAS: list[Any] = ["auto", "legacy"]
PAGES = {"query_events": "events", "query_funnel": "funnel", "get_night_report": "review"}
EVIL = '"><script>fetch("http://evil.example/1")</script><img src=http://evil.example/2 onerror=alert(1)>'


@pytest.fixture(scope="session")
def acme_counted(acme_folder: Path) -> dict[str, Any]:
    """What the oracle counts for Acme in the last 30 complete days."""
    return dict(oracle.count(acme_folder, date(2026, 10, 21), date(2026, 11, 19))["accounts"]["acct_1001"])


def unharmed(seen_page: Shown) -> None:
    """Nothing broke the content policy, nothing was thrown, nothing was asked of anybody."""
    assert seen_page.errors == []
    assert seen_page.strays == []


async def test_the_page_of_events_shows_what_an_independent_count_finds(
    ctx: ToolContext, acme_counted: dict[str, Any]
) -> None:
    async with app_client(ctx) as client, shown(client, "query_events", {"account": "Acme"}) as page:
        volume = await page.table("Events and users by day")
        top = await page.table("Top events")
        hours = await page.table("Events by weekday and hour")
        figures = await page.view.locator("dd").all_inner_texts()
        unharmed(page)

    days = acme_counted["days"]
    nothing = {"total_events": 0, "unique_users": 0}
    listed = [date(2026, 10, 21 + each) if each < 11 else date(2026, 11, each - 10) for each in range(30)]
    assert volume == [
        [f"{day.day} {day:%b}", str(counted["total_events"]), str(counted["unique_users"])]
        for day in listed
        for counted in [days.get(str(day), nothing)]
    ]
    assert [[name, total] for name, total, *_ in top] == [
        [name, f"{total:,}"] for name, total in acme_counted["top_events"][: len(top)]
    ]
    assert [[int(cell) for cell in row[1:]] for row in hours] == acme_counted["heatmap"]
    period = acme_counted["period"]
    assert figures[:3] == [f"{period[name]:,}" for name in ("unique_users", "total_events", "sessions")]


async def test_the_page_of_funnels_shows_what_an_independent_count_finds(
    ctx: ToolContext, acme_folder: Path
) -> None:
    counted = oracle.count(acme_folder, date(2026, 10, 21), date(2026, 11, 19))
    [funnel] = [one for one in counted["funnels"] if one["name"] == "Connect a data source"]
    users = funnel["accounts"]["acct_1001"]["users"]
    arguments = {"account": "Acme", "funnel": "Connect a data source"}
    async with app_client(ctx) as client, shown(client, "query_funnel", arguments) as page:
        steps = await page.table("Connect a data source")
        weeks = await page.table("Connect a data source: conversion by week")
        unharmed(page)

    assert [int(users_of_step) for _, users_of_step, _ in steps] == users
    assert [share for *_, share in steps[1:]] == [
        f"{after / before:.1%}" for before, after in pairwise(users)
    ]
    assert len(weeks) == 6
    assert [row[0] for row in weeks][-1] == "13 Nov"


async def test_a_yes_on_the_page_lets_exactly_that_text_go(ctx: ToolContext, open_with: OpenWith) -> None:
    async with open_with(send_mode=SendMode.REVIEW) as opened:
        waiting = await reviewed_night(opened)
        async with app_client(opened) as client, shown(client, "get_night_report", {}) as page:
            assert await page.view.locator("article").count() == len(waiting)
            first = page.view.locator("article").first
            await first.get_by_role("button", name="Approve").click()
            assert page.calls == [], "a yes takes two clicks"
            await first.get_by_role("button", name="Yes, mail").click()
            await first.get_by_text("Approved for").wait_for()
            second = page.view.locator("article").nth(1)
            await second.get_by_role("button", name="Reject").click()
            await second.get_by_text("Rejected:").wait_for()
            unharmed(page)
        async with opened.store.read() as work:
            approved = await work.reviews.get(waiting[0].review.id)
            rejected = await work.reviews.get(waiting[1].review.id)
            mails = await work.deliveries.of_night(waiting[0].review.night)

    assert approved is not None
    assert rejected is not None
    assert (approved.status, rejected.status) == ("approved", "rejected")
    let_go = {each.id for each in mails if each.review_id == approved.id and each.status is Status.PLANNED}
    assert let_go == set(approved.deliveries)


async def test_the_page_asks_for_another_period(ctx: ToolContext, acme_counted: dict[str, Any]) -> None:
    async with app_client(ctx) as client, shown(client, "query_events", {"account": "Acme"}) as page:
        await page.view.get_by_label("Period").select_option("last_7_days")
        await page.view.get_by_text("2026-11-13 to 2026-11-19").first.wait_for()
        volume = await page.table("Events and users by day")
        unharmed(page)

    assert page.calls == [{"name": "query_events", "arguments": {"account": "Acme", "period": "last_7_days"}}]
    days = acme_counted["days"]
    assert [row[1] for row in volume] == [
        str(days.get(f"2026-11-{day}", {"total_events": 0})["total_events"]) for day in range(13, 20)
    ]


class Hostile(Answer, Viewed):
    """An answer whose every name is written by somebody else."""


async def test_names_from_strangers_open_nothing_and_ask_nobody(ctx: ToolContext) -> None:
    chart = Bars(title=EVIL, about=EVIL, bars=(Bar(name=EVIL, value=1, note=EVIL),), noted=EVIL)
    answer = Hostile(summary=EVIL).seen_as(Sheet(title=EVIL, about=EVIL, charts=(chart,)))
    result = seen(told(answer), answer, page=True, picture=False).model_dump(
        by_alias=True, mode="json", exclude_none=True
    )
    # A server that forgot to escape, too: what is no shape is left out.
    for drawing in ("wide", "narrow"):
        result["_meta"][KEY]["charts"][0][drawing] = result["_meta"][KEY]["charts"][0][drawing].replace(
            "</svg>",
            "<script>parent.hit = 1</script><rect onclick='parent.hit = 1' width='9' height='9'/>"
            "<a href='http://evil.example/3'><text>go</text></a><image href='http://evil.example/4'/>"
            "<foreignObject><iframe xmlns='http://www.w3.org/1999/xhtml' src='http://evil.example/5'/>"
            "</foreignObject></svg>",
        )
    async with (
        app_client(ctx) as client,
        shown(client, "query_events", {"account": "Acme"}, result=result) as page,
    ):
        await page.view.locator("summary").click()
        strange = page.view.locator("img, a, iframe, image, foreignObject, main script, [onclick], [onerror]")
        assert await strange.count() == 0
        assert await page.view.locator("h1").inner_text() == EVIL
        await page.page.wait_for_load_state("networkidle")
        unharmed(page)


async def test_dark_and_narrow_pages_fit_and_can_be_read(ctx: ToolContext) -> None:
    async with (
        app_client(ctx) as client,
        shown(client, "query_events", {"account": "Acme"}, theme="dark", width=300) as page,
    ):
        body = page.view.locator("body")
        background = await body.evaluate("body => getComputedStyle(body).backgroundColor")
        letters = await page.view.locator(".narrow text").first.evaluate(
            "node => getComputedStyle(node).fill"
        )
        wide = await body.evaluate("body => body.ownerDocument.documentElement.scrollWidth")
        outside = await body.evaluate(
            "() => [...document.querySelectorAll('.narrow text')].filter(each => {"
            " const box = each.getBoundingClientRect(); return box.left < 0 || box.right > 300; })"
            ".map(each => each.textContent)"
        )
        shown_drawings = await page.view.locator(".wide:visible, .narrow:visible").evaluate_all(
            "nodes => nodes.map(node => node.className)"
        )

    assert background == "rgb(22, 32, 43)"
    assert letters in {"rgb(230, 235, 240)", "rgb(180, 192, 204)"}
    assert wide <= 300
    assert outside == []
    assert set(shown_drawings) == {"narrow"}


async def test_a_host_that_lets_no_page_call_tools_gets_a_page_without_buttons(
    ctx: ToolContext, open_with: OpenWith
) -> None:
    async with open_with(send_mode=SendMode.REVIEW) as opened:
        await reviewed_night(opened)
        async with (
            app_client(opened) as client,
            shown(client, "get_night_report", {}, capabilities={}) as page,
        ):
            assert await page.view.locator("article button").count() == 0
            assert "handrail tutorials approve" in await page.view.locator("#state").inner_text()


async def test_an_error_and_an_account_that_may_be_two_are_told_in_words(ctx: ToolContext) -> None:
    async with app_client(ctx) as client, shown(client, "query_events", {"account": "acm"}) as page:
        assert "Which one is meant" in await page.view.locator("#state").inner_text()
        assert await page.view.locator("section").count() == 0
        unharmed(page)


@pytest.mark.parametrize("era", ERAS)
async def test_each_page_is_one_small_text_that_names_no_address(era: Any, ctx: ToolContext) -> None:
    async with app_client(ctx, mode=era) as client:
        listed = {tool.name: tool for tool in (await client.list_tools()).tools}
        for tool, name in PAGES.items():
            uri = (listed[tool].meta or {})["ui"]["resourceUri"]
            [content] = (await client.read_resource(uri)).contents
            assert uri == f"ui://handrail/{name}"
            assert isinstance(content, TextResourceContents)
            assert content.mime_type == "text/html;profile=mcp-app"
            assert len(content.text.encode()) < 300_000
            assert set(re.findall(r"https?://[^\s\"']+", content.text)) == (
                set() if name == "review" else {"http://www.w3.org/2000/svg"}
            )
            assert "{{" not in content.text


@pytest.mark.parametrize("era", ERAS)
async def test_a_model_gets_the_same_text_with_a_page_and_without(era: Any, ctx: ToolContext) -> None:
    async with app_client(ctx, mode=era) as client:
        with_page = await client.call_tool("query_events", {"account": "Acme"})
    async with Client(create_server(already_open(ctx)), mode=era) as client:
        plain = await client.call_tool("query_events", {"account": "Acme"})

    assert with_page.content == plain.content
    assert with_page.structured_content == plain.structured_content
    assert "<svg" not in str(with_page.content) + str(with_page.structured_content)
    assert len((with_page.meta or {})[KEY]["charts"]) == 3
    assert KEY not in (plain.meta or {})


@pytest.mark.parametrize("tool", ["query_events", "query_funnel"])
async def test_a_chat_client_without_pages_gets_a_picture_for_the_person(tool: str, ctx: ToolContext) -> None:
    async with Client(create_server(already_open(ctx))) as client:
        answer = await client.call_tool(tool, {"account": "Acme", "output": "chart"})
        asked_back = await client.call_tool(tool, {"account": "acm", "output": "chart"})

    text, picture = answer.content
    assert isinstance(text, TextContent)
    assert isinstance(picture, ImageContent)
    assert b64decode(picture.data).startswith(b"\x89PNG")
    assert picture.annotations is not None
    assert picture.annotations.audience == ["user"]
    assert [type(each) for each in asked_back.content] == [TextContent]


@pytest.mark.parametrize("era", ERAS)
async def test_the_tool_of_a_page_is_listed_only_where_the_host_keeps_it_from_the_model(
    era: Any, ctx: ToolContext
) -> None:
    async with Client(create_server(already_open(ctx)), mode=era) as client:
        plain = {tool.name for tool in (await client.list_tools()).tools}
    async with app_client(ctx, mode=era) as client:
        listed = {tool.name: tool for tool in (await client.list_tools()).tools}

    assert listed.keys() == {tool.name for tool in catalogue()}
    assert listed.keys() - plain == {"decide_review"}
    assert (listed["decide_review"].meta or {})["ui"]["visibility"] == ["app"]
