"""One account's page in a browser: its charts hold an independent count, and its buttons act at once."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from handrail.context import ToolContext
from handrail.domain.accounts import GroupProfile
from handrail.domain.alerts import Alert, Point
from handrail.flows.health import felt, keep_scores
from handrail.settings import Settings
from standin.state import Standin
from tests import oracle
from tests.raised import alert
from tests.web.dashboard import visit
from tests.web.test_app import browser

FROM, TO = date(2026, 10, 21), date(2026, 11, 19)
ACME = "acct_1001"
PAGE = f"/accounts/{ACME}"
HOURS = range(24)


@pytest.fixture(scope="module")
def counted(acme_folder: Path) -> dict[str, Any]:
    """What the oracle counts of Acme in the last 30 complete days."""
    return oracle.count(acme_folder, FROM, TO, [ACME])


def whole(number: int) -> str:
    return f"{number:,}"


async def acme_id(ctx: ToolContext) -> str:
    async with ctx.store.read() as work:
        return (await work.accounts.ids())[ACME]


async def test_charts_hold_the_numbers_of_an_independent_count(
    ctx: ToolContext, settings: Settings, counted: dict[str, Any]
) -> None:
    acme = counted["accounts"][ACME]
    async with visit(settings) as tab:
        await tab.go(PAGE)
        volume = await tab.table("Events and users by day")
        top = await tab.table("Top events")
        heat = await tab.table("Events by weekday and hour")
        funnels = {each["name"]: await tab.table(each["name"]) for each in counted["funnels"]}

    none = {"total_events": 0, "unique_users": 0}
    days = [acme["days"].get((FROM + timedelta(days=at)).isoformat(), none) for at in range(30)]
    assert [row[1:] for row in volume] == [
        [whole(day["total_events"]), whole(day["unique_users"])] for day in days
    ]
    assert (volume[0][0], volume[-1][0]) == ("21 Oct", "19 Nov")
    assert [row[:2] for row in top] == [[name, whole(total)] for name, total in acme["top_events"][:15]]
    assert [[row[1 + hour] for hour in HOURS] for row in heat] == [
        list(map(whole, row)) for row in acme["heatmap"]
    ]
    for each in counted["funnels"]:
        rates = each["accounts"][ACME]
        assert [row[1] for row in funnels[each["name"]]] == list(map(whole, rates["users"]))
        assert [row[2] for row in funnels[each["name"]][1:]] == [
            "no data" if rate is None else f"{rate:.1%}" for rate in rates["step_conversion"][1:]
        ]
    assert tab.wrong == []


async def test_a_period_is_chosen_at_once_and_every_figure_follows(
    ctx: ToolContext, settings: Settings
) -> None:
    async with visit(settings) as tab:
        await tab.go(PAGE)
        await tab.page.get_by_label("Period").select_option("last_7_days")
        await tab.page.wait_for_url("**period=last_7_days**")
        days = [row[0] for row in await tab.table("Events and users by day")]
        text = await tab.page.inner_text("main")

    assert days == [f"{day} Nov" for day in range(13, 20)]
    assert "2026-11-13 to 2026-11-19 (America/New_York)" in text
    assert tab.wrong == []


async def test_an_account_is_held_by_keyboard_and_let_go_by_mouse(
    ctx: ToolContext, settings: Settings
) -> None:
    async def held() -> bool:
        async with ctx.store.read() as work:
            return f"account:{await acme_id(ctx)}" in await work.deliveries.pauses()

    async with visit(settings) as tab:
        await tab.go(PAGE)
        await tab.page.get_by_role("button", name="Hold this account").focus()
        await tab.page.keyboard.press("Enter")
        await tab.page.get_by_text("nobody there is mailed until").wait_for()
        after_hold = await held()
        await tab.page.get_by_role("button", name="Resume mail to this account").click()
        await tab.page.get_by_role("button", name="Hold this account").wait_for()
        after_resume = await held()

    assert (after_hold, after_resume) == (True, False)
    assert tab.wrong == []


def an_alert(account_id: str) -> Alert:
    days = [TO - timedelta(days=27 - at) for at in range(28)]
    points = tuple(Point(day=day, value=20 + at, usual=30, low=25, high=35) for at, day in enumerate(days))
    evidence = "40 events on 4 days, where 80 are usual."
    began = TO - timedelta(days=3)
    return alert("a-test", account_id, TO, since=began, points=points, evidence=evidence)


async def test_an_alert_shows_its_band_and_is_dismissed_with_a_reason_only(
    ctx: ToolContext, settings: Settings
) -> None:
    async with ctx.store.begin() as work:
        await work.alerts.keep([an_alert((await work.accounts.ids())[ACME])])
    async with visit(settings) as tab:
        await tab.go(PAGE)
        band = await tab.table("drop: events")
        await tab.page.get_by_role("button", name="Dismiss").click()
        refused = await tab.page.inner_text("main")
        tab.wrong.clear()  # the browser notes the status of the refusal
        await tab.go(PAGE)
        await tab.page.get_by_label("Reason").fill("They are on leave.")
        await tab.page.get_by_role("button", name="Dismiss").click()
        await tab.page.get_by_text("No alert is open").wait_for()
    async with ctx.store.read() as work:
        kept = await work.alerts.get("a-test")

    assert [band[0], band[-1]] == [["23 Oct", "20", "25", "35"], ["19 Nov", "47", "25", "35"]]
    assert "Say why it is dismissed" in refused
    assert kept is not None
    assert (kept.state, kept.reason) == ("dismissed", "They are on leave.")
    assert tab.wrong == []


async def test_a_score_stands_with_its_components_and_what_a_person_feels(
    ctx: ToolContext, settings: Settings
) -> None:
    await keep_scores(ctx, TO)
    async with ctx.store.read() as work:
        health = await work.health.of(await acme_id(ctx))
        [acme] = await work.accounts.by_ids([await acme_id(ctx)])
    assert health is not None
    async with visit(settings) as tab:
        await tab.go(PAGE)
        parts = await tab.table("Components of the score")
        history = await tab.table("Engagement score by week")
        await tab.page.get_by_label("1 bad to 5 good").select_option("4")
        await tab.page.get_by_label("Note").fill("Calls back at once.")
        await tab.page.get_by_role("button", name="Keep").click()
        await tab.page.get_by_text("Calls back at once.").wait_for()

    points = sum(float(row[3]) for row in parts if row[3] != "none")
    assert [row[0] for row in parts] == [each.name for each in health.score.components]
    assert health.score.value == pytest.approx(points, abs=0.4), "the points add up to the score"
    assert history[-1][0] == "19 Nov"
    assert float(history[-1][1]) == pytest.approx(health.score.value, abs=0.06)
    assert [(each.value, each.note) for each in await felt(ctx, acme)] == [(4, "Calls back at once.")]
    assert tab.wrong == []


async def test_who_may_only_read_sees_no_button_and_another_site_is_refused(
    ctx: ToolContext, settings: Settings
) -> None:
    token = "a-token-of-enough-length-1234"
    locked = settings.model_copy(update={"api_tokens": SecretStr(f"ann:read:{token}")})
    path = f"{PAGE}/sending"
    async with browser(locked) as client:
        page = await client.get(PAGE, auth=("ann", token))
        refused = await client.post(path, data={"action": "pause"}, auth=("ann", token))
    async with browser(settings) as client:
        may = await client.get(PAGE)
        foreign = await client.post(path, data={"action": "pause"}, headers={"sec-fetch-site": "cross-site"})
        wrong = await client.post(path, data={"action": "explode"})
    async with ctx.store.read() as work:
        pauses = await work.deliveries.pauses()

    assert ("<button" in may.text, "Hold this account" in may.text) == (True, True)
    assert "Hold this account" not in page.text
    assert 'method="post"' not in page.text
    assert [refused.status_code, foreign.status_code, wrong.status_code] == [403, 403, 422]
    assert pauses == []


@pytest.mark.parametrize(
    ("asked", "words", "linked"),
    [("acm", "Which one is meant?", True), ("nobody-like-this-at-all", "The nearest names are", False)],
)
async def test_a_name_that_is_no_account_answers_with_what_may_be_meant(
    asked: str, words: str, linked: bool, ctx: ToolContext, settings: Settings
) -> None:
    async with browser(settings) as client:
        page = await client.get(f"/accounts/{asked}")
        post = await client.post(f"/accounts/{asked}/sending", data={"action": "pause"})

    assert (page.status_code, post.status_code) == (404, 404)
    assert words in page.text
    assert (f'href="{PAGE}"' in page.text) == linked
    assert page.headers["content-type"].startswith("text/html")


async def test_an_account_without_an_event_has_no_data_and_no_zero(
    ctx: ToolContext, settings: Settings, standins: Standin
) -> None:
    async with ctx.store.begin() as work:
        profile = GroupProfile(mixpanel_id="acct_new", name="Brand New")
        await work.accounts.keep([profile], project_id=2914077, now=ctx.clock.now())
    async with browser(settings) as client:
        page = (await client.get("/accounts/acct_new")).text

    assert "No data: Mixpanel has no event of this account on these days." in page
    assert "No score:" in page
    assert "The users of" not in page or "No data: Users are counted once a night" in page
