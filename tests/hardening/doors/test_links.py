"""The links of mails: no spoiled token opens anything, tells anything, or leads anywhere."""

from pathlib import Path
from urllib.parse import quote

import pytest

from handrail.context import ToolContext
from tests.hardening.conftest import Promise
from tests.hardening.counts import tried
from tests.hardening.doors.asking import ADMIN, Answer, ask, bearer, opened, settings_of
from tests.hardening.doors.mails import GUIDE, Mailed, mailed
from tests.hardening.doors.spoiling import spoiled

FORM = ("content-type", "application/x-www-form-urlencoded")
PLACES: tuple[tuple[str, str, bytes], ...] = (
    ("GET", "/t/{}", b""),
    ("HEAD", "/t/{}", b""),
    ("GET", "/u/{}", b""),
    ("POST", "/u/{}", b"List-Unsubscribe=One-Click"),
    ("GET", "/tutorials/{}", b""),
    ("GET", "/tutorials/{}/picture", b""),
    ("POST", "/tutorials/{}/answer", b"helpful=yes"),
    ("POST", "/tutorials/{}/help", b""),
    ("POST", "/tutorials/{}/read", b"seconds=5"),
)


def told(answer: Answer) -> tuple[int, tuple[tuple[str, str], ...], bytes]:
    """All that an answer tells."""
    return answer.status, tuple(sorted(answer.headers.items())), answer.body


async def traces(ctx: ToolContext, mails: list[Mailed]) -> tuple[int, int, int]:
    """People who opted out, events kept, and answers kept."""
    ids = [each.delivery.id for each in mails]
    async with ctx.store.read() as work:
        return (
            await work.deliveries.opted_out(),
            len(await work.feedback.of(ids)),
            len(await work.feedback.answers(ids)),
        )


async def test_no_spoiled_token_opens_or_tells_anything(tmp_path: Path, promise: Promise) -> None:
    total = tried(10_000)
    asked, different, broken = 0, set(), []
    async with opened(settings_of(tmp_path)) as (app, ctx):
        mails = await mailed(ctx, 5)
        tokens = [
            token
            for each in mails
            for token in (
                each.tokens.click,
                each.tokens.page,
                each.tokens.guide,
                each.tokens.unsubscribe,
            )
        ]
        # At each place, what is said of a token that nobody ever had.
        expected = {
            place: told(await ask(app, place[0], place[1].format("n" * 22), FORM, pieces=[place[2]]))
            for place in PLACES
        }
        for number, token in enumerate(tokens):
            for at, wrong in enumerate(spoiled(token, total // len(tokens) + 10, seed=number)):
                place = PLACES[(number + at) % len(PLACES)]
                path = place[1].format(quote(wrong, safe=""))
                if wrong in ("", ".", "..") or "/" in wrong:
                    continue  # another path, or none
                answer = await ask(app, place[0], path, FORM, pieces=[place[2]])
                asked += 1
                if answer.status >= 500:
                    broken.append((place, wrong))
                if told(answer) != expected[place]:
                    different.add((place[:2], wrong, answer.status))
        assert await traces(ctx, mails) == (0, 0, 0)

    assert {each[0] for each in expected.values()} == {404}
    assert asked >= total
    assert broken == []
    assert different == set()
    promise(
        f"links of mails: 0 of {asked} spoiled tokens opened anything or were answered unlike one never made"
    )


async def test_a_token_opens_one_place_alone(tmp_path: Path) -> None:
    opens = {
        "click": {("GET", "/t/{}"), ("HEAD", "/t/{}")},
        "guide": {("GET", "/t/{}"), ("HEAD", "/t/{}")},
        "unsubscribe": {("GET", "/u/{}"), ("POST", "/u/{}")},
        "page": {(method, path) for method, path, _ in PLACES if "tutorials" in path},
    }
    async with opened(settings_of(tmp_path)) as (app, ctx):
        [one] = await mailed(ctx, 1)
        for purpose, places in opens.items():
            token = getattr(one.tokens, purpose)
            for method, path, body in PLACES:
                answer = await ask(app, method, path.format(token), FORM, pieces=[body])
                if (method, path) not in places:
                    assert answer.status == 404, (purpose, method, path)


EVIL = (
    "https://evil.example",
    "//evil.example",
    "///evil.example",
    "////evil.example",
    "\\\\evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "https:evil.example",
    "http:/\\evil.example",
    "https://127.0.0.1:8321@evil.example",
    "//127.0.0.1@evil.example",
    "javascript:alert(1)",
    "data:text/html,evil",
    "%2f%2fevil.example",
    "%5c%5cevil.example",
    "\t//evil.example",
    "\r\nLocation: https://evil.example",
    "%0d%0aLocation:%20https://evil.example",
    "/.evil.example",
    "//evil%E3%80%82example",
    "https://evil.example?x=127.0.0.1",
    "evil.example",
)
NAMES = ("url", "next", "back", "return_to", "redirect", "redirect_uri", "target", "to", "goto", "r")


def forms(one: Mailed) -> list[tuple[str, str, bytes]]:
    """(method, target, body) of requests that try to be led astray."""
    found: list[tuple[str, str, bytes]] = []
    for evil in EVIL:
        there = quote(evil, safe="")
        raw = quote(evil, safe="/\\:@%?=")
        queries = "&".join(f"{name}={there}" for name in NAMES)
        found += [
            ("GET", f"/t/{there}", b""),
            ("GET", f"/t/{raw}", b""),
            ("GET", f"/t/{one.tokens.click}?{queries}", b""),
            ("GET", f"/t/{one.tokens.guide}?{queries}", b""),
            ("GET", f"/{raw}", b""),
            ("GET", f"/{raw}/", b""),
            ("GET", f"/{raw}/..", b""),
            ("GET", f"/settings/?{queries}", b""),
            ("POST", f"/u/{one.tokens.unsubscribe}?{queries}", b"List-Unsubscribe=One-Click"),
            ("POST", f"/tutorials/{one.tokens.page}/answer?{queries}", b"helpful=yes"),
            ("POST", f"/tutorials/{one.tokens.page}/help?{queries}", b""),
            ("POST", f"/settings/sending?{queries}", f"action=pause&scope=all&{queries}".encode()),
            ("POST", "/settings/sending", f"action=pause&scope=account&account={there}".encode()),
            ("POST", f"/settings/check?{queries}", queries.encode()),
            ("POST", "/tonight/accounts", f"action=pause&account={there}".encode()),
            ("POST", f"/tonight/{there}/approve", b""),
            ("POST", f"/runs/{there}/replay", b""),
            ("POST", f"/runs/unknown/{there}", b"seen=arrived"),
            ("POST", f"/accounts/{there}/sending", b"action=pause"),
        ]
    return found


def stays(location: str) -> bool:
    """Whether whoever follows it stays with us, whatever a browser makes of odd characters."""
    if location.startswith("http://127.0.0.1:8321/"):
        return True
    return location.startswith("/") and location[1:2] not in ("/", "\\", "\t") and location.isprintable()


async def test_nothing_that_is_asked_decides_where_somebody_is_led(tmp_path: Path, promise: Promise) -> None:
    led: dict[str, str] = {}
    async with opened(settings_of(tmp_path)) as (app, ctx):
        [one] = await mailed(ctx, 1)
        tries = forms(one)
        redirected = 0
        for method, target, body in tries:
            answer = await ask(
                app, method, target, bearer(ADMIN), FORM, pieces=[body] if method == "POST" else []
            )
            location = answer.headers.get("location", "")
            redirected += bool(location)
            if location and location != GUIDE and not stays(location):
                led[f"{method} {target}"] = location
            assert answer.status < 500 or answer.status in {502, 503}, (method, target)
            assert "refresh" not in answer.headers
            assert "evil.example" not in answer.headers.get("set-cookie", "")

    assert len(tries) >= 200
    assert redirected >= 100, "many of them are redirected, to where they should be"
    assert led == {}
    promise(f"redirects: 0 of {len(tries)} requests were led to another place than their own")


@pytest.mark.parametrize("purpose", ["click", "guide"])
async def test_a_link_leads_where_it_led_when_it_was_made(purpose: str, tmp_path: Path) -> None:
    async with opened(settings_of(tmp_path)) as (app, ctx):
        [one] = await mailed(ctx, 1)
        token = getattr(one.tokens, purpose)
        answer = await ask(app, "GET", f"/t/{token}?url=https://evil.example")

    assert answer.status == 302
    assert answer.headers["location"] == (GUIDE if purpose == "guide" else f"/tutorials/{one.tokens.page}")
