"""The page behind a mail: what it says, what it asks, what is kept of the answers, and what is not."""

import json
import re
from base64 import b64decode
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

import httpx2
import pytest
import quickjs

import web
from agent import night
from handrail.context import ToolContext
from handrail.domain.feedback import Answer
from handrail.settings import Settings
from mcp_server.server import create_server
from standin.state import Standin
from tests import databases
from tests.handrail.services.test_compose import Page
from tests.web.test_app import BASE
from web.app import create_app

AS_OF = date(2026, 11, 19)
SCRIPT = "/static/tutorial.js"


@pytest.fixture
async def client(ctx: ToolContext, settings: Settings) -> AsyncIterator[httpx2.AsyncClient]:
    """A browser after a night that mailed people, on the test's own context."""
    await night.run(ctx)
    app = create_app(settings, create_server)
    app.state.ctx = ctx
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=BASE) as opened:
        yield opened


async def pages(client: httpx2.AsyncClient, standins: Standin) -> list[str]:
    """The path of the page behind each mail's button, in the order of the mails."""
    buttons = [re.findall(r"(/t/\S+)", mail["text"])[0] for mail in standins.mails]
    return [(await client.get(button)).headers["location"] for button in buttons]


async def first_page(client: httpx2.AsyncClient, standins: Standin) -> str:
    return (await pages(client, standins))[0]


async def answers(ctx: ToolContext) -> list[Answer]:
    """What is kept, of any mail of the night."""
    async with ctx.store.read() as work:
        deliveries = await work.deliveries.of_night(AS_OF)
        kept = await work.feedback.answers([each.id for each in deliveries])
    return list(kept.values())


async def test_every_page_tells_the_steps_of_its_mail_and_marks_where_the_person_is(
    client: httpx2.AsyncClient, standins: Standin
) -> None:
    paths = await pages(client, standins)

    assert len(set(paths)) == len(standins.mails) > 20
    for path, mail in zip(paths, standins.mails, strict=True):
        text = mail["text"]
        shown = (await client.get(path)).text
        words = Page(shown).words
        steps = re.findall(r"^(\d+\. .+)\n   (.+)$", text, re.MULTILINE)
        here = re.findall(r"\[>\] (.+) \(you are here\)", text)[0]
        assert steps
        assert [f"{title} {told}" in words for title, told in steps] == [True] * len(steps)
        assert shown.count('type="checkbox"') == len(steps)
        assert re.findall(r"You are here \d+\. (.+)", words)[0].startswith(here)
        assert mail["subject"] in words


async def test_a_page_names_nobody(client: httpx2.AsyncClient, standins: Standin) -> None:
    for path, mail in zip(await pages(client, standins), standins.mails, strict=True):
        name = re.findall(r"^Hi (.+),$", mail["text"], re.MULTILINE)[0]
        shown = (await client.get(path)).text

        assert mail["to"].lower() not in shown.lower()
        assert not re.search(rf"\b{re.escape(name)}\b", shown)
        assert not re.search(r"\bHi\b", shown)


async def test_who_needs_more_help_is_told_where_to_write_and_counted_as_nobody(
    ctx: ToolContext, client: httpx2.AsyncClient, standins: Standin
) -> None:
    path = await first_page(client, standins)
    before = (await client.get(path)).text

    asked = await client.post(f"{path}/help", follow_redirects=True)
    await client.post(f"{path}/help")

    feature = standins.mails[0]["subject"].removeprefix("Quick help with ")
    wanted = f"mailto:success@vendor.example?subject=I need more help with {feature}".replace(" ", "%20")
    assert f'<form method="post" action="{path}/help"' in before
    assert not [link for link in Page(before).targets("href") if link.startswith("mailto:")]
    assert [link for link in Page(asked.text).targets("href") if link.startswith("mailto:")] == [wanted]
    assert "Write to success@vendor.example" in Page(asked.text).words
    (only,) = await answers(ctx)
    assert (only.needs_help, only.helpful, only.seconds) == (True, None, 0)


async def test_the_page_shows_the_picture_of_its_mail(client: httpx2.AsyncClient, standins: Standin) -> None:
    for path, mail in list(zip(await pages(client, standins), standins.mails, strict=True))[:6]:
        page = Page((await client.get(path)).text)
        shown = await client.get(f"{path}/picture")

        [attached] = mail["attachments"]
        assert f"{path}/picture" in page.targets("src")
        assert page.targets("alt") == Page(mail["html"]).targets("alt")
        assert shown.headers["content-type"] == "image/png"
        assert shown.headers["cache-control"] == "no-store"
        assert shown.content == b64decode(standins.attachments[attached["sha256"]])


async def test_the_page_runs_its_own_script_only_and_an_unknown_one_runs_none(
    client: httpx2.AsyncClient, standins: Standin
) -> None:
    shown = await client.get(await first_page(client, standins))
    script = await client.get(SCRIPT)
    unknown = await client.get("/tutorials/unknown")

    rules = dict(rule.strip().split(" ", 1) for rule in shown.headers["content-security-policy"].split(";"))
    assert rules == {
        "default-src": "'none'", "style-src": "'self'", "img-src": "'self'", "script-src": "'self'",
        "connect-src": "'self'", "form-action": "'self'", "frame-ancestors": "'none'", "base-uri": "'none'",
    }  # fmt: skip
    page = Page(shown.text)
    assert re.findall(r"<script[^>]*>[^<]*</script>", shown.text) == [
        f'<script src="{SCRIPT}" defer></script>'
    ]
    assert page.targets("src") == {SCRIPT, f"{shown.url.path}/picture"}
    assert not [name for _, name, _ in page.attributes if name.startswith("on") or name == "style"]
    assert script.headers["content-type"].startswith("text/javascript")
    assert script.headers["cache-control"] == "public, max-age=300"
    assert "script-src" not in unknown.headers["content-security-policy"]
    assert "<script" not in unknown.text


async def test_no_cookie_is_set_and_nothing_is_kept_in_the_browser(
    client: httpx2.AsyncClient, standins: Standin
) -> None:
    path = await first_page(client, standins)

    told = [
        await client.get(path),
        await client.post(f"{path}/answer", data={"helpful": "yes"}),
        await client.post(f"{path}/read", data={"seconds": "3"}),
        await client.post(f"{path}/help"),
        await client.get(f"{path}/picture"),
        await client.get(SCRIPT),
    ]

    assert [each.status_code for each in told] == [200, 303, 204, 303, 200, 200]
    assert not [each for each in told if "set-cookie" in each.headers]
    assert {each.headers["cache-control"] for each in told[:5]} == {"no-store"}
    assert not re.search(r"cookie|storage|indexeddb|caches", told[5].text, re.IGNORECASE)


async def test_the_page_works_without_javascript(client: httpx2.AsyncClient, standins: Standin) -> None:
    path = await first_page(client, standins)

    before = (await client.get(path)).text
    after = await client.post(f"{path}/answer", data={"helpful": "no"}, follow_redirects=True)

    page = Page(before)
    boxes = {value for tag, name, value in page.attributes if tag == "input" and name == "id"}
    labelled = {value for tag, name, value in page.attributes if tag == "label" and name == "for"}
    assert boxes == labelled != set()
    assert f'<form method="post" action="{path}/answer"' in before
    assert re.findall(r'<button name="helpful" value="(\w+)">', before) == ["yes", "no"]
    assert "Thank you" not in before
    assert after.status_code == 200
    assert "Thank you. You said no" in Page(after.text).words


async def test_the_last_answer_counts_however_often_it_is_given(
    ctx: ToolContext, client: httpx2.AsyncClient, standins: Standin
) -> None:
    one, other = (await pages(client, standins))[:2]

    for path, said in ((one, "yes"), (one, "yes"), (other, "yes"), (other, "no"), (other, "no")):
        await client.post(f"{path}/answer", data={"helpful": said})

    assert sorted(bool(each.helpful) for each in await answers(ctx)) == [False, True]
    assert "You said yes" in (await client.get(one)).text
    assert "You said no" in (await client.get(other)).text


VISITS = {
    (12,): 12,
    (13, 13): 13,
    (12, 40, 5): 40,
    (0,): 0,
    (1799,): 1799,
    (1801,): 1800,
    (10**18,): 1800,
}
"""Seconds of the visits of one page, and what is kept of them."""


async def test_the_longest_visit_is_kept_and_none_is_longer_than_half_an_hour(
    ctx: ToolContext, client: httpx2.AsyncClient, standins: Standin
) -> None:
    for path, visits in zip(await pages(client, standins), VISITS, strict=False):
        for seconds in visits:
            # A page that sends no referrer posts with the origin "null".
            told = await client.post(
                f"{path}/read", data={"seconds": str(seconds)}, headers={"origin": "null"}
            )
            assert told.status_code == 204

    kept = await answers(ctx)
    assert sorted(each.seconds for each in kept) == sorted(VISITS.values())
    assert {each.helpful for each in kept} == {None}


async def test_reading_time_and_answer_do_not_undo_each_other(
    ctx: ToolContext, client: httpx2.AsyncClient, standins: Standin
) -> None:
    path = await first_page(client, standins)

    await client.post(f"{path}/read", data={"seconds": "30"})
    await client.post(f"{path}/answer", data={"helpful": "yes"})
    await client.post(f"{path}/read", data={"seconds": "20"})

    (only,) = await answers(ctx)
    assert (only.seconds, only.helpful) == (30, True)


NONSENSE = [
    ("read", b"seconds=-1", 422),
    ("read", b"seconds=1.5", 422),
    ("read", b"seconds=ten", 422),
    ("read", b"seconds=NaN", 422),
    ("read", b"seconds=", 422),
    ("read", b"", 422),
    ("read", b'{"seconds": 5}', 422),
    ("read", b"seconds=" + b"9" * 300, 413),
    ("read", b"\xff\x00", 422),
    ("answer", b"helpful=perhaps", 422),
    ("answer", b"helpful=", 422),
    ("answer", b"", 422),
    ("answer", b"helpful=yes&" + b"x" * 300, 413),
]


async def test_nonsense_is_refused_with_a_problem_and_nothing_is_kept(
    ctx: ToolContext, client: httpx2.AsyncClient, standins: Standin
) -> None:
    path = await first_page(client, standins)

    told = [await client.post(f"{path}/{route}", content=body) for route, body, _ in NONSENSE]

    assert [each.status_code for each in told] == [status for _, _, status in NONSENSE]
    assert {each.headers["content-type"] for each in told} == {"application/problem+json"}
    assert [each.json()["status"] for each in told] == [status for _, _, status in NONSENSE]
    assert await answers(ctx) == []


async def test_a_look_alone_keeps_nothing(
    ctx: ToolContext, client: httpx2.AsyncClient, standins: Standin
) -> None:
    for path in await pages(client, standins):
        await client.get(path)
        await client.get(f"{path}/picture")

    assert await answers(ctx) == []


async def asked_with(client: httpx2.AsyncClient, token: str) -> list[httpx2.Response]:
    return [
        await client.get(f"/tutorials/{token}"),
        await client.post(f"/tutorials/{token}/answer", data={"helpful": "yes"}),
        await client.post(f"/tutorials/{token}/read", data={"seconds": "5"}),
        await client.post(f"/tutorials/{token}/help"),
        await client.get(f"/tutorials/{token}/picture"),
    ]


async def test_an_unknown_token_gets_the_friendly_page(ctx: ToolContext, client: httpx2.AsyncClient) -> None:
    elsewhere = await client.get("/t/unknown")

    for token in ("unknown", "%00", "x" * 5000):
        for told in await asked_with(client, token):
            assert (told.status_code, told.text) == (404, elsewhere.text)
    assert {told.status_code for told in await asked_with(client, "..%2f..%2fetc")} <= {404, 405}
    assert await answers(ctx) == []


async def test_a_token_opens_what_it_was_made_for_and_nothing_else(
    ctx: ToolContext, client: httpx2.AsyncClient, standins: Standin
) -> None:
    path = await first_page(client, standins)
    guide = re.findall(r'href="/t/([^"]+)"', (await client.get(path)).text)[0]
    text = standins.mails[0]["text"]
    button, way_out = (re.findall(rf"/{door}/(\S+)", text)[0] for door in "tu")
    page = path.removeprefix("/tutorials/")

    others = [told for token in (button, guide, way_out) for told in await asked_with(client, token)]
    elsewhere = [await client.get(f"/{door}/{page}") for door in "tu"] + [await client.post(f"/u/{page}")]

    assert {told.status_code for told in others + elsewhere} == {404}
    assert len({button, guide, way_out, page}) == 4
    assert {len(token) for token in (button, guide, way_out, page)} == {22}, "128 bits in base64"
    assert await answers(ctx) == []
    async with ctx.store.read() as work:
        assert await work.deliveries.opted_out() == 0


async def test_a_page_stays_when_its_document_is_gone(
    ctx: ToolContext, client: httpx2.AsyncClient, standins: Standin, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = await first_page(client, standins)
    told = re.findall(r"^\d+\. .+\n   (.+)$", standins.mails[0]["text"], re.MULTILINE)
    app: Any = client._transport.app  # type: ignore[attr-defined]
    monkeypatch.setattr(app.state.ctx.kb, "_features", {})

    shown = await client.get(path)

    assert shown.status_code == 200
    assert all(step in Page(shown.text).words for step in told)
    assert "<img" not in shown.text


async def test_nothing_of_the_reader_lies_in_the_database(
    client: httpx2.AsyncClient, standins: Standin, settings: Settings
) -> None:
    path = await first_page(client, standins)
    await client.post(f"{path}/answer", data={"helpful": "yes"}, headers={"user-agent": "Opera of Mine"})

    with databases.tables(settings.data_dir) as database:
        columns = list(database.execute("select * from answers").keys())
        everything = database.dump()

    assert columns == ["delivery_id", "helpful", "seconds", "at", "needs_help"]
    assert "Opera of Mine" not in everything


PAGE = """
const heard = {}, sent = [];
let clock = 0;
const performance = { now: () => clock };
const location = { pathname: "/tutorials/abc" };
const document = { visibilityState: "%s", addEventListener: (name, act) => { heard[name] = act; } };
const window = { addEventListener: (name, act) => { heard[name] = act; } };
const navigator = { sendBeacon: (url, body) => { sent.push([url, body]); } };
function URLSearchParams(fields) { return fields; }
function wait(seconds) { clock += seconds * 1000; }
function show(state) { document.visibilityState = state; heard.visibilitychange(); }
"""


@pytest.mark.parametrize(
    ("began", "happened", "seconds"),
    [
        ("visible", "wait(7.4); heard.pagehide();", 7),
        ("visible", "wait(5); show('hidden'); wait(900); show('visible'); wait(3); heard.pagehide();", 8),
        ("visible", "wait(5); show('hidden'); wait(900); heard.pagehide();", 5),
        ("hidden", "wait(60); show('visible'); wait(2); heard.pagehide();", 2),
        ("visible", "wait(4); heard.pagehide(); wait(9); heard.pagehide();", 4),
        ("visible", "wait(7200); heard.pagehide();", 1800),
    ],
)
def test_only_time_in_view_is_told_and_only_once(began: str, happened: str, seconds: int) -> None:
    script = (Path(web.__file__).parent / SCRIPT.removeprefix("/")).read_text("utf-8")
    browser_of_one_page = quickjs.Context()

    sent = browser_of_one_page.eval(PAGE % began + script + happened + "JSON.stringify(sent)")

    assert json.loads(sent) == [["/tutorials/abc/read", {"seconds": seconds}]]
