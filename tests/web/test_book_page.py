"""The book of accounts as a page and as a file, held against an independent count."""

import csv
import io
import re
from datetime import date, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from handrail.context import ToolContext
from handrail.domain.accounts import GroupProfile
from handrail.flows.health import keep_scores
from handrail.settings import Settings
from tests import oracle
from tests.web.dashboard import visit
from tests.web.test_app import browser
from web.pages import book

FROM, TO = date(2026, 10, 21), date(2026, 11, 19)
ACME = "acct_1001"


@pytest.fixture(scope="module")
def counted(acme_folder: Path) -> dict[str, Any]:
    """What the oracle counts for the last 30 complete days of the default world."""
    return oracle.count(acme_folder, FROM, TO)


def rows(page: str) -> list[list[str]]:
    """The cells of the table of accounts, as they are read; drawings are left out."""
    body = page.partition('aria-label="Accounts">')[2].partition("<tbody>")[2].partition("</tbody>")[0]
    plain = re.sub(r"<svg.*?</svg>", "", body, flags=re.DOTALL)
    return [
        [
            unescape(" ".join(re.sub(r"<[^>]+>", " ", cell).split()))
            for cell in re.findall(r"<t[hd].*?</t[hd]>", row)
        ]
        for row in plain.split("</tr>")
        if "</th>" in row
    ]


def names(page: str) -> list[str]:
    return [row[0] for row in rows(page)]


async def test_rows_tell_what_an_independent_count_gives(
    ctx: ToolContext, settings: Settings, counted: dict[str, Any]
) -> None:
    async with browser(settings) as client:
        page = (await client.get("/")).text

    found = {row[0]: row for row in rows(page)}
    main = max(counted["funnels"], key=lambda each: sum(one["users"][0] for one in each["accounts"].values()))
    assert len(found) == 25
    for account, figures in counted["accounts"].items():
        row, period = found[figures["name"]], figures["period"]
        assert [row[3], row[5]] == [f"{period['total_events']:,}", f"{period['unique_users']:,}"]
        users = main["accounts"].get(account, {}).get("users")
        assert row[6] == (f"{users[-1] / users[0]:.0%} {users[-1]} of {users[0]}" if users else "no data")
    assert main["name"] in page
    shown = [int(row[5].replace(",", "")) for row in rows(page) if row[5] != "no data"]
    assert shown == sorted(shown, reverse=True)
    for name in counted["accounts_without_events"].values():
        assert found[name][3] == found[name][5] == "no data", "and not 0"


async def test_a_trend_draws_the_events_of_each_day(
    ctx: ToolContext, settings: Settings, counted: dict[str, Any]
) -> None:
    async with browser(settings) as client:
        page = (await client.get("/", params={"query": ACME})).text

    days = counted["accounts"][ACME]["days"]
    by_day = [
        days.get((FROM + timedelta(days=at)).isoformat(), {}).get("total_events", 0) for at in range(30)
    ]
    told = re.findall(r"<desc>(.*?)</desc>", page)
    assert len(told) == 1
    assert f"highest {max(by_day):,} (" in told[0]
    assert f"lowest {min(by_day):,} (" in told[0]
    assert f"last {by_day[-1]:,} (30)" in told[0]


async def test_the_book_is_sorted_searched_and_narrowed(ctx: ToolContext, settings: Settings) -> None:
    await keep_scores(ctx, TO)
    async with browser(settings) as client:

        async def ask(**asked: str) -> str:
            return (await client.get("/", params=asked)).text

        by_name, by_score = await ask(sort_by="name"), await ask(sort_by="engagement")
        found, near, nobody = (
            await ask(query="acme"),
            await ask(query="Marigld Helth"),
            await ask(query="zzzzqq"),
        )
        risky, which = await ask(only="at_risk"), await ask(only="uses_feature")
        using = await ask(only="uses_feature", feature="schedule-export")
        alone = await ask(query=ACME)
        wrong = await client.get("/", params={"sort_by": "colour"})

    assert names(by_name) == sorted(names(by_name), key=str.casefold)
    scores = [int(row[1].split()[0]) for row in rows(by_score) if row[1] != "no score"]
    assert scores == sorted(scores)
    assert len(scores) > 15
    assert sorted(names(found)) == ["Acme", "Acme Labs"]
    assert "2 accounts, chosen." in found
    assert "1 account, chosen." in alone
    assert "Marigold Health" in names(near)
    assert "No account fits." in nobody
    assert {row[1].split(" ", 1)[1] for row in rows(risky)} == {"at risk"}
    assert "Choose the feature that is meant." in which
    assert 0 < len(names(using)) < 25
    assert wrong.status_code == 422


async def test_pages_hold_every_account_once_and_know_an_old_cursor(
    ctx: ToolContext, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with browser(settings) as client:
        whole = names((await client.get("/")).text)
        monkeypatch.setattr(book, "PAGE", 10)
        path, last = "/", ""
        seen: list[str] = []
        said: list[str] = []
        while path:
            page = (await client.get(path)).text
            seen += names(page)
            said += re.findall(r"\d+ to \d+ of \d+", page)
            path = unescape("".join(re.findall(r'rel="next" href="([^"]+)"', page)))
            last = path or last
        other = (await client.get(f"{last}&sort_by=name")).text

    assert seen == whole
    assert len(set(seen)) == 25
    assert said == ["1 to 10 of 25", "11 to 20 of 25", "21 to 25 of 25"]
    assert ">First page</a>" in page
    assert "This cursor is of another question" in other


async def test_the_file_holds_the_list_of_the_page_and_no_formula(
    ctx: ToolContext, settings: Settings
) -> None:
    texts = ['=HYPERLINK("http://evil.example")', "+1", "-2+3", "@SUM(A1)"]
    async with ctx.store.begin() as work:
        await work.accounts.keep(
            [GroupProfile(mixpanel_id=f"acct_10{at:02}", name=name) for at, name in enumerate(texts, 2)],
            project_id=2914077,
            now=ctx.clock.now(),
        )
    asked = {"sort_by": "events", "query": "acct_10"}
    async with browser(settings) as client:
        page = (await client.get("/", params=asked)).text
        file = await client.get("/accounts.csv", params=asked)

    lines = list(csv.DictReader(io.StringIO(file.text)))
    assert file.headers["content-type"].startswith("text/csv")
    assert [each["account"].removeprefix("'") for each in lines] == names(page)
    assert sorted(each["account"] for each in lines if each["account"].startswith("'")) == sorted(
        f"'{each}" for each in texts
    )
    assert not [cell for each in lines for cell in each.values() if cell.startswith(("=", "+", "@"))]
    assert [each["events"] for each in lines if each["account"] == "Acme"] == [
        row[3].replace(",", "") for row in rows(page) if row[0] == "Acme"
    ]
    assert {(each["from_date"], each["to_date"], each["zone"]) for each in lines} == {
        (FROM.isoformat(), TO.isoformat(), "America/New_York")
    }


async def test_the_book_is_read_again_once_its_tables_change(ctx: ToolContext, settings: Settings) -> None:
    async with browser(settings) as client:
        before = (await client.get("/")).text
        async with ctx.store.begin() as work:
            profile = GroupProfile(mixpanel_id=ACME, name="Acme renamed")
            await work.accounts.keep([profile], project_id=2914077, now=ctx.clock.now() + timedelta(hours=1))
        renamed = (await client.get("/")).text
        await keep_scores(ctx, TO)
        scored = (await client.get("/")).text

    assert ("Acme" in names(before), "Acme renamed" in names(renamed)) == (True, True)
    assert {row[1] for row in rows(renamed)} == {"no score"}
    assert len({row[1] for row in rows(scored)}) > 5


async def test_the_book_by_keyboard_and_by_mouse(ctx: ToolContext, settings: Settings) -> None:
    async with visit(settings) as tab:
        await tab.go("/")
        await tab.page.keyboard.press("/")
        await tab.page.keyboard.type("acme")
        await tab.page.keyboard.press("Enter")
        await tab.page.wait_for_url("**query=acme**")
        searched = [row[0] for row in await tab.table("Accounts")]
        await tab.page.get_by_role("link", name="Account", exact=True).click()
        await tab.page.wait_for_url("**sort_by=name**")
        sorted_by = await tab.page.get_by_role("columnheader", name="Account").get_attribute("aria-sort")
        await tab.page.keyboard.press("j")
        await tab.page.keyboard.press("Enter")
        await tab.page.wait_for_url("**/accounts/*")
        title = await tab.page.get_by_role("heading", level=1).inner_text()

    assert sorted(searched) == ["Acme", "Acme Labs"]
    assert sorted_by == "ascending"
    assert title == "Acme"
    assert tab.wrong == []
