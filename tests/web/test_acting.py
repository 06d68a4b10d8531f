"""Tonight, Runs, Results and Settings: what a person decides there holds, by keyboard and by mouse."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from agent import night, schedule
from handrail.context import ToolContext, open_context
from handrail.domain.deliveries import Status
from handrail.flows import review
from handrail.setting_values import EventsSource
from handrail.settings import SendMode, Settings
from standin.state import Standin
from tests import databases
from tests.conftest import settings_for
from tests.web.dashboard import Visit, visit
from tests.web.test_app import browser
from web.pages.settings import in_force

REVIEW: dict[str, Any] = {"send_mode": SendMode.REVIEW}


@pytest.fixture(scope="session")
def _reviewed_data(
    _acme_server: Standin, _synced_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A data directory after one night in review, to be copied."""
    data = tmp_path_factory.mktemp("reviewed") / "data"
    databases.copy(_synced_data, data)
    _acme_server.reset()

    async def run() -> None:
        async with open_context(settings_for(_acme_server, data, **REVIEW)) as ctx:
            await night.run(ctx)

    asyncio.run(run())
    return data


@pytest.fixture
def settings(standins: Standin, tmp_path: Path, _reviewed_data: Path) -> Settings:
    """Of an installation whose first night waits for a person's yes."""
    databases.copy(_reviewed_data, tmp_path / "data")
    return settings_for(standins, tmp_path / "data", **REVIEW)


@pytest.fixture
async def ctx(settings: Settings) -> AsyncIterator[ToolContext]:
    async with open_context(settings) as opened:
        yield opened


async def leave(ctx: ToolContext) -> int:
    """What the scheduler does within ten minutes of a yes; answers how many mails left."""
    return (await schedule.mails_due(ctx)).sent


async def said(tab: Visit) -> str:
    return await tab.page.get_by_role("status").inner_text()


def flat(text: str) -> str:
    return " ".join(text.split())


async def test_a_yes_by_keyboard_lets_the_mail_go_that_the_preview_showed(
    ctx: ToolContext, settings: Settings, standins: Standin
) -> None:
    first, *_ = await review.pending(ctx)
    keys: list[str] = []
    async with visit(settings) as tab:
        press = tab.page.keyboard.press
        focused = tab.page.locator(":focus")
        await tab.go("/tonight")
        await press("j")
        await press("Enter")
        await tab.page.wait_for_url(f"**/tonight/{first.review.id}")
        seen = await tab.page.frame_locator("iframe.mail").locator("body").inner_text()
        await tab.page.locator("#content").focus()
        while len(keys) < 5 and "Approve" not in keys:
            await press("Tab")
            keys.append(await focused.inner_text())
        await press("Enter")
        await press("Tab")
        assert await focused.inner_text() == f"Yes, mail {first.people} people"
        await press("Enter")
        await tab.page.wait_for_url("**/tonight?decided=*")
        told = await said(tab)
        before = list(standins.mails)
        sent = await leave(ctx)
        wrong = tab.wrong
    async with browser(settings) as client:
        twice = await client.post(f"/tonight/{first.review.id}/approve")

    assert told.startswith(f"Approved for {first.people} people: the mails leave within ten minutes")
    assert before == [], "a yes sends nothing by itself"
    assert sent == len(standins.mails) > 0
    assert {mail["subject"] for mail in standins.mails} == {first.tutorial.subject}
    assert (twice.status_code, "decided before" in twice.text) == (409, True)
    assert wrong == []
    arrived = flat(standins.mails[0]["text"])
    for step in first.tutorial.steps:
        assert flat(step.text) in flat(seen)
        assert flat(step.text) in arrived


def without_own(html: str) -> str:
    """A mail's HTML without what is one person's own: greeting and links' tokens; and without the picture."""
    html = re.sub(r'src="(?:cid:|data:image/png;base64,)[^"]*"', 'src=""', html)
    html = re.sub(r"/([tu])/[\w-]+", r"/\1/TOKEN", html)
    return re.sub(r"Hi [^,<]+,", "Hi NAME,", html)


async def test_the_preview_is_the_mail_that_arrives_save_for_name_and_links(
    ctx: ToolContext, settings: Settings, standins: Standin
) -> None:
    first, *_ = await review.pending(ctx)
    async with browser(settings) as client:
        shown = await client.get(f"/tonight/{first.review.id}/mail")
        bare = await client.get(f"/tonight/{first.review.id}/mail", params={"images": "false"})
        text = await client.get(f"/tonight/{first.review.id}", params={"look": "text"})
    await review.approve(ctx, first.review.id)
    await leave(ctx)

    assert without_own(shown.text) == without_own(standins.mails[0]["html"])
    assert "Hi [first name]," in shown.text
    assert "Hi [first name]," in text.text
    policy = shown.headers["content-security-policy"]
    assert "sandbox" in policy
    assert "default-src 'none'" in policy
    assert "script" not in policy
    assert "img-src 'none'" in bare.headers["content-security-policy"]
    assert "data:image" not in bare.text


async def test_paused_in_settings_nothing_leaves_although_it_was_approved(
    ctx: ToolContext, settings: Settings, standins: Standin
) -> None:
    first, *_ = await review.pending(ctx)
    await review.approve(ctx, first.review.id)
    async with visit(settings) as tab:
        await tab.go("/settings")
        await tab.page.get_by_role("button", name="Pause all mail").click()
        await tab.page.wait_for_url("**/settings?changed=1")
        told, banner = await said(tab), await tab.page.locator(".mode").inner_text()
        assert await leave(ctx) == 0
        await tab.page.get_by_role("button", name="Resume All mail").click()
        await tab.page.get_by_text("Nothing is paused.").wait_for()
        assert tab.wrong == []

    assert told.startswith("Done: pause all, by web, ")
    assert banner == "Sending is paused"
    assert standins.mails == []


async def test_a_held_account_gets_nothing_while_the_others_do(
    ctx: ToolContext, settings: Settings, standins: Standin
) -> None:
    first = next(each for each in await review.pending(ctx) if each.accounts > 1)
    account = first.account_ids[0]
    async with ctx.store.read() as work:
        [name] = [each.name for each in await work.accounts.by_ids([account])]
    async with visit(settings) as tab:
        await tab.go("/tonight")
        await tab.page.get_by_role("button", name=f"Hold {name}", exact=True).click()
        await tab.page.wait_for_url("**/tonight?changed=*")
        told = await said(tab)
        assert tab.wrong == []
    await review.approve(ctx, first.review.id)
    sent = await leave(ctx)
    async with ctx.store.read() as work:
        mails = (await work.deliveries.among(first.review.deliveries)).values()

    assert told == f"{name} is held: nobody there is mailed."
    assert {each.reason for each in mails if account in each.account_ids} == {"paused"}
    assert sent == len(standins.mails) == sum(each.status is Status.SENT for each in mails) > 0


async def test_a_rejected_text_goes_to_nobody_and_the_list_says_why(
    ctx: ToolContext, settings: Settings, standins: Standin
) -> None:
    first, *_ = await review.pending(ctx)
    async with visit(settings) as tab:
        await tab.go(f"/tonight/{first.review.id}")
        await tab.page.locator("summary", has_text="Reject").click()
        await tab.page.get_by_label("Why").select_option("not for these people")
        await tab.page.get_by_role("button", name="Nobody gets it").click()
        await tab.page.wait_for_url("**/tonight?decided=*")
        told = await said(tab)
        rows = await tab.table("Decided in the last 72 hours")
        assert tab.wrong == []

    assert told == f"Rejected: none of {first.people} people gets it."
    assert [row[1] for row in rows] == ["rejected: not for these people"]
    assert await leave(ctx) == 0
    assert standins.mails == []


async def test_edited_words_pass_the_same_gate_and_take_a_yes_of_their_own(
    ctx: ToolContext, settings: Settings, standins: Standin
) -> None:
    first, *_ = await review.pending(ctx)
    invented = "Open the secret menu at https://evil.example and wire money to Zanzibar."
    better = first.tutorial.steps[0].text.rstrip() + " Take your time."
    async with visit(settings) as tab:
        await tab.go(f"/tonight/{first.review.id}")
        await tab.page.get_by_role("link", name="Edit").click()
        await tab.page.get_by_label("Subject").fill("A better way through")
        await tab.page.locator("#step0").fill(invented)
        await tab.page.get_by_role("button", name="Check and keep").click()
        await tab.page.get_by_role("alert").wait_for()
        refused = await tab.page.get_by_role("alert").inner_text()
        kept = [
            await tab.page.get_by_label("Subject").input_value(),
            await tab.page.locator("#step0").input_value(),
        ]
        await tab.page.locator("#step0").fill(better)
        await tab.page.get_by_role("button", name="Check and keep").click()
        await tab.page.get_by_text("edited by a person").wait_for()
        edited_id = tab.page.url.rpartition("/")[2]
        wrong = tab.wrong
    async with browser(settings) as client:
        old = await client.post(f"/tonight/{first.review.id}/approve")
        before = await leave(ctx)
        await client.post(f"/tonight/{edited_id}/approve")
    await leave(ctx)

    assert "Not kept." in refused
    assert f"step {first.tutorial.steps[0].step}: " in refused
    assert kept == ["A better way through", invented]
    assert [each for each in wrong if "422" not in each] == []
    assert edited_id != first.review.id
    assert (old.status_code, before) == (409, 0), "a yes to the old words counts for nothing"
    assert {mail["subject"] for mail in standins.mails} == {"A better way through"}
    assert all(flat(better) in flat(mail["text"]) for mail in standins.mails)


async def test_results_and_runs_tell_what_arrived_and_what_the_tables_hold(
    ctx: ToolContext, settings: Settings, standins: Standin
) -> None:
    for each in (await review.pending(ctx))[:3]:
        await review.approve(ctx, each.review.id)
    await leave(ctx)
    with databases.tables(settings.data_dir) as tables:
        withheld = tables.execute(
            "select count(*) from deliveries where status = 'withheld' group by reason"
        ).fetchall()
        by_feature = dict(
            tables.execute(
                "select feature, count(*) from deliveries where status = 'sent' group by feature"
            ).fetchall()
        )
    async with visit(settings) as tab:
        await tab.go("/results?period=last_7_days")
        sent = await tab.table("Mails sent, by feature")
        why = await tab.table("Not mailed, by reason")
        about = await tab.page.get_by_role("figure").first.inner_text()
        lift = await tab.table("What the help does")
        await tab.page.locator("select[name=period]").select_option("last_90_days")
        await tab.page.wait_for_url("**/results?period=last_90_days*")
        assert tab.wrong == []

    titles = {each.title: each.slug for each in ctx.kb.features()}
    assert {titles[name]: int(count) for name, count in sent if int(count)} == by_feature
    assert sum(int(count) for _, count in sent) == len(standins.mails) > 0
    assert sorted(int(count) for _, count in why) == sorted(count for (count,) in withheld)
    assert "nights of 2026-11-13 to 2026-11-19 (" in about
    assert f"{len(standins.mails)} mails" in about
    assert all("too few to say" in row[-1] for row in lift)
    assert all(row[1] == "no data" for row in lift), "nobody was followed to the end: no data, and no 0"


async def test_a_run_tells_when_each_part_worked_and_what_it_asked(
    ctx: ToolContext, settings: Settings
) -> None:
    async with ctx.store.read() as work:
        report = await work.nights.report()
    assert report is not None
    async with browser(settings) as client:
        listed = (await client.get("/runs")).text
        page = (await client.get(f"/runs/{report.night}")).text
        missing = await client.get("/runs/2001-01-01")
        replayed = await client.post(f"/runs/{report.night}/replay")
        after = (await client.get(f"/runs/{report.night}")).text

    names = [each.name for each in report.stages]
    assert names[:2] == ["recover", "plan"]
    assert names[-1] == "count"
    assert all(a.ended <= b.began for a, b in zip(report.stages, report.stages[1:], strict=False))
    parts = re.findall(r'<th scope="row">([^<]+)</th><td class="date">\d\d:\d\d:\d\d</td>', page)
    assert len(parts) == len(names) + 1, "and the mails"
    assert parts.index("Mails") == names.index("write") + 1
    assert f"/runs/{report.night}" in listed
    assert report.questions_asked
    assert f"<dd>{report.questions_asked}<small>{report.questions_planned} planned" in page
    assert missing.status_code == 404
    assert "Not asked since this server began" in page
    assert replayed.status_code == 303
    assert "Nothing differs." in after


async def test_an_unknown_mail_is_settled_by_what_a_person_saw_and_never_sent_again(
    ctx: ToolContext, settings: Settings, standins: Standin
) -> None:
    first, *_ = await review.pending(ctx)
    standins.faults.add({"neighbour": "sendgrid", "route": "mail/send", "fault": "status", "status": 500})
    await review.approve(ctx, first.review.id)
    await leave(ctx)
    async with ctx.store.read() as work:
        gone = await work.deliveries.unknown()
    assert gone
    one = gone[0].id
    async with browser(settings) as client:
        page = (await client.get("/runs")).text
        nothing = await client.post(f"/runs/unknown/{one}", data={"seen": "no_trace"})
        async with ctx.store.read() as work:
            looked = await work.deliveries.get(one)
        standins.faults.clear()
        mails = len(standins.mails)
        await night.run(ctx)
        arrived = await client.post(f"/runs/unknown/{one}", data={"seen": "arrived"})
        again = await client.post(f"/runs/unknown/{one}", data={"seen": "arrived"})
    async with ctx.store.read() as work:
        settled = await work.deliveries.get(one)

    assert one in page
    assert looked is not None
    assert settled is not None
    assert (nothing.status_code, looked.status) == (303, Status.UNKNOWN)
    assert one not in {mail["custom_args"].get("delivery_id") for mail in standins.mails[mails:]}
    assert (arrived.status_code, settled.status) == (303, Status.SENT)
    assert again.status_code == 409


async def test_settings_tell_no_secret_and_ask_mixpanel_nothing(
    ctx: ToolContext, settings: Settings, standins: Standin
) -> None:
    asked = len(standins.requests)
    async with browser(settings) as client:
        page = (await client.get("/settings")).text
        looked = len(standins.requests)
        await client.post("/settings/check")
        checked = (await client.get("/settings")).text
        which = await client.post(
            "/settings/sending", data={"scope": "account", "account": "nobody at all", "action": "pause"}
        )

    secrets = [
        value.get_secret_value()
        for value in settings.model_dump().values()
        if isinstance(value, SecretStr) and value.get_secret_value()
    ]
    assert len(secrets) >= 4
    assert not [each for each in secrets if each in page]
    assert looked == asked
    assert "Not asked since this server began" in page
    assert "Mixpanel credentials" in checked
    assert which.status_code == 422
    assert "No account is called &#39;nobody at all&#39;" in which.text


def test_of_an_address_in_force_no_login_and_no_key_is_told(settings: Settings) -> None:
    reached = settings.model_copy(
        update={
            "sendgrid_url": "https://ann:hush-hush@proxy.example:8443/mail?key=hush-too",
            "events_source": EventsSource("files", "s3://KEY:hush-hush@bucket/events?signed=hush-too"),
        }
    )

    told = dict(in_force(reached))

    assert told["HANDRAIL_SENDGRID_URL"] == "https://proxy.example:8443/mail"
    assert told["HANDRAIL_EVENTS_SOURCE"] == "files, s3://bucket/events"
    assert told["HANDRAIL_PUBLIC_URL"] == "http://127.0.0.1:8321"
    assert dict(in_force(settings))["HANDRAIL_EVENTS_SOURCE"] == "export"


READER = {"Authorization": "Bearer a-token-of-enough-length-1234"}
PATHS = ["/tonight", "/runs", "/results", "/settings"]


async def test_who_may_only_read_sees_every_page_without_a_button_and_can_post_nothing(
    ctx: ToolContext, settings: Settings
) -> None:
    first, *_ = await review.pending(ctx)
    locked = settings.model_copy(update={"api_tokens": SecretStr("ann:read:a-token-of-enough-length-1234")})
    paths = [*PATHS, f"/tonight/{first.review.id}", f"/runs/{first.review.night}"]
    posts = [f"/tonight/{first.review.id}/approve", "/settings/sending", f"/runs/{first.review.night}/replay"]
    async with browser(locked) as client:
        client.headers.update(READER)
        pages = {path: await client.get(path) for path in paths}
        refused = [(await client.post(path)).status_code for path in posts]
    async with browser(settings) as client:
        elsewhere = await client.post(posts[0], headers={"origin": "https://evil.example"})

    assert {each.status_code for each in pages.values()} == {200}
    assert [path for path, page in pages.items() if 'method="post"' in page.text] == []
    assert refused == [403, 403, 403]
    assert elsewhere.status_code == 403
    assert await leave(ctx) == 0


async def test_before_the_first_night_each_page_says_what_to_do(standins: Standin, tmp_path: Path) -> None:
    async with browser(settings_for(standins, tmp_path / "empty")) as client:
        pages = {path: await client.get(path) for path in PATHS}

    assert {each.status_code for each in pages.values()} == {200}
    assert "handrail agent run" in pages["/tonight"].text
    assert "handrail agent run" in pages["/runs"].text
    assert "handrail sync" in pages["/results"].text
    assert "never synced" in pages["/settings"].text


PAYLOADS = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", '"><svg onload=alert(1)>',
    "javascript:alert(1)", "'><iframe src=javascript:alert(1)>", "{{7*7}}",
    "</title><script src=//evil.example/x.js></script>",
    "</textarea><script>alert(1)</script>", "<a href=//evil.example>x</a>", "<!--", "]]>", "\u202e<b>",
    "<style>@import '//evil.example/x.css'</style>", "<link rel=stylesheet href=//evil.example/x>",
    '" autofocus onfocus=alert(1) x="', "<base href=//evil.example/>", "<form action=//evil.example>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>", "<math><mtext><img onerror=alert(1) src=x>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
]  # fmt: skip
AROUND = ["{}", '"{}"', "'{}'", "a {} b", "`{}", "{}//", "${}", "\\{}", "\u2028{}", "{}</td>"]
HOSTILE = [around.replace("{}", each) for around in AROUND for each in PAYLOADS]


async def with_hostile_texts(ctx: ToolContext, settings: Settings) -> list[str]:
    """Every text of these pages that may come from outside, 200 times as bad as can be; answers the paths."""
    first, *_ = await review.pending(ctx)
    async with ctx.store.begin() as work:
        report = await work.nights.report()
        assert report is not None
        await work.nights.keep_report(report.model_copy(update={"notes": tuple(HOSTILE)}))
    text = first.tutorial
    steps = tuple(each.model_copy(update={"text": each.text + " ".join(HOSTILE)}) for each in text.steps)
    bad = text.model_copy(update={"subject": HOSTILE[0], "intro": " ".join(HOSTILE), "steps": steps})
    with databases.tables(settings.data_dir) as tables:
        tables.execute("update tutorials set document = ? where id = ?", (bad.model_dump_json(), text.id))
        ids = [row[0] for row in tables.execute("select id from customers order by id")]
        tables.executemany(
            "update customers set name = ? where id = ?", list(zip(HOSTILE, ids, strict=False))
        )
        gone = [row[0] for row in tables.execute("select id from deliveries order by id limit 20")]
        tables.executemany(
            "update deliveries set status = 'unknown', detail = ? where id = ?",
            list(zip(HOSTILE, gone, strict=False)),
        )
        tables.executemany(
            "insert into error_reasons (feature, number, reason_key, code, name, status, people, first_seen,"
            " last_seen) values ('evil', ?, ?, ?, ?, 'listed', 1, '2026-11-19', '2026-11-19')",
            [(number, str(number), each, each) for number, each in enumerate(HOSTILE)],
        )
        tables.execute(
            "insert into pauses (scope, at) values (?, '2026-11-19 00:00:00')", (f"account:{ids[0]}",)
        )
    one = f"/tonight/{first.review.id}"
    looks = [f"{one}?look={look}" for look in ("light", "images-off", "text")]
    return ["/tonight", *looks, f"{one}/edit", "/runs", f"/runs/{report.night}", "/results", "/settings"]


async def test_hostile_texts_open_nothing_and_ask_nobody(ctx: ToolContext, settings: Settings) -> None:
    paths = await with_hostile_texts(ctx, settings)
    seen = {}
    async with visit(settings) as tab:
        for path in paths:
            await tab.go(path)
            seen[path] = await tab.page.locator("body").inner_text()
        wrong = tab.wrong

    assert len(set(HOSTILE)) == 200
    assert wrong == []
    assert all(each in seen["/settings"] for each in PAYLOADS[:9])
    assert "<script>alert(1)</script>" in seen["/tonight"]


@pytest.mark.parametrize("width", [320, 1200])
async def test_a_text_its_form_and_a_run_can_be_read_by_everybody_and_fit(
    ctx: ToolContext, settings: Settings, width: int
) -> None:
    first, *_ = await review.pending(ctx)
    one = f"/tonight/{first.review.id}"
    complaints, too_wide = {}, []
    paths = ["/tonight", one, f"{one}?look=text", f"{one}/edit", f"/runs/{first.review.night}"]
    async with visit(settings, width=width, scheme="dark" if width == 320 else "light") as tab:
        for path in paths:
            await tab.go(path)
            complaints[path] = await tab.complaints()
            if await tab.overflows():
                too_wide.append(path)
        colours = []
        for look in ("dark", "light"):
            await tab.go(f"{one}?look={look}")
            body = tab.page.frame_locator("iframe.mail").locator("body")
            colours.append(await body.evaluate("node => getComputedStyle(node).backgroundColor"))

    assert complaints == {path: [] for path in paths}
    assert too_wide == []
    assert colours == ["rgb(22, 32, 43)", "rgb(244, 246, 248)"], "as asked for, on a page of either scheme"
