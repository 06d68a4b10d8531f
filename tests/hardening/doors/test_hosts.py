"""Other hosts, other origins, and pages of other sites: nothing is answered, and nothing is changed."""

from pathlib import Path

from fastapi import FastAPI

from tests.hardening.conftest import Promise
from tests.hardening.doors.asking import ADMIN, Answer, Door, ask, bearer, doors_of, opened, part, settings_of

PUBLIC = {
    "allowed_hosts": "desk.example.com,10.0.0.5",
    "allowed_origins": "https://chat.example.com",
    "public_url": "https://guides.example.com",
}
SERVED = ("127.0.0.1:8321", "127.0.0.1", "localhost:8321", "[::1]:8321")
NAMED = ("desk.example.com", "desk.example.com:443", "guides.example.com", "10.0.0.5:8321")
FOREIGN = (
    None,
    "",
    "evil.example",
    "evil.example:8321",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "sub.desk.example.com",
    "desk.example.com.evil.example",
    "evildesk.example.com",
    "127.0.0.1@evil.example",
    "127.0.0.1:8321@evil.example",
    "127.0.0.1:x",
    "127.0.0.1:8321/evil.example",
    "127.0.0.1#.evil.example",
    "127.0.0.1,evil.example",
    "evil.example, 127.0.0.1",
    "127.0.0.1 evil.example",
    "http://127.0.0.1",
    "0.0.0.0",
    "2130706433",
    "127.1",
    "[::ffff:7f00:1]",
    "[::1].evil.example",
    "[::1",
    "*",
    ".",
)


def refused(answer: Answer) -> bool:
    return answer.status in {400, 421} and "location" not in answer.headers


async def test_every_route_answers_to_its_own_hosts_alone(tmp_path: Path, promise: Promise) -> None:
    wrong, asked = [], 0
    for named, settings in (
        (False, settings_of(tmp_path, api_tokens=None)),
        (True, settings_of(tmp_path, **PUBLIC)),
    ):
        own = (*SERVED, *NAMED) if named else SERVED
        foreign = FOREIGN if named else (*FOREIGN, *NAMED)
        async with opened(settings) as (app, _):
            for at, door in enumerate(doors_of(app)):
                for host in part(foreign, at):
                    answer = await ask(app, door.method, door.path, bearer(ADMIN), host=host)
                    asked += 1
                    if not refused(answer):
                        wrong.append((str(door), host, answer.status))
            for host in own:
                answer = await ask(app, "GET", "/healthz", host=host)
                if answer.status != 200:
                    wrong.append(("/healthz", host, answer.status))

    assert wrong == []
    promise(f"hosts: 0 of {asked} requests to another host were answered, over every route")


async def test_two_hosts_in_one_request_are_not_answered_as_the_second(tmp_path: Path) -> None:
    async with opened(settings_of(tmp_path)) as (app, _):
        answer = await ask(
            app, "GET", "/settings/", bearer(ADMIN), ("host", "127.0.0.1"), host="evil.example"
        )
        other = await ask(app, "GET", "/settings/", bearer(ADMIN), ("host", "evil.example"))

    assert refused(answer)
    assert "evil.example" not in other.headers.get("location", "")


SECRET_LINKS = {
    "POST /u/{token}",
    "POST /tutorials/{token}/answer",
    "POST /tutorials/{token}/help",
    "POST /tutorials/{token}/read",
}
"""The token in the path is the proof, and mail programs post from wherever they are (RFC 8058)."""

SIGNED = {"POST /hooks/sendgrid"}

ELSEWHERE: tuple[list[tuple[str, str]], ...] = (
    [("origin", "https://evil.example")],
    [("origin", "null")],
    [("origin", "http://127.0.0.1:8321.evil.example")],
    [("origin", "http://127.0.0.1:8321@evil.example")],
    [("origin", "http://evil.example#http://127.0.0.1:8321")],
    [("origin", "http://evil.example/http://127.0.0.1:8321")],
    [("origin", "https://127.0.0.1.evil.example")],
    [("origin", "file://")],
    [("origin", "chrome-extension://abcdef")],
    [("origin", "http://127.0.0.1:8321 https://evil.example")],
    [("sec-fetch-site", "cross-site")],
    [("sec-fetch-site", "same-site")],
    [("sec-fetch-site", "cross-site"), ("origin", "http://127.0.0.1:8321")],
    [("sec-fetch-site", "same-origin"), ("origin", "https://evil.example")],
    [("origin", "https://evil.example"), ("x-forwarded-host", "evil.example")],
    [("origin", "https://evil.example"), ("referer", "http://127.0.0.1:8321/settings")],
)
FORMS = {"content-type": "application/x-www-form-urlencoded"}


async def statuses(app: FastAPI, door: Door, headers: list[tuple[str, str]]) -> set[int]:
    """What the door answers to a form, to JSON, and to JSON that a form of another site can send."""
    found = set()
    for kind, body in (
        ("application/x-www-form-urlencoded", b"action=pause&scope=all"),
        ("application/json", b'{"value": 1}'),
        ("text/plain", b'{"value": 1}'),
    ):
        answer = await ask(
            app, door.method, door.path, bearer(ADMIN), ("content-type", kind), *headers, pieces=[body]
        )
        found.add(answer.status)
    return found


async def test_no_page_of_another_site_makes_a_browser_send_a_command(
    tmp_path: Path, promise: Promise
) -> None:
    wrong, asked = [], 0
    async with opened(settings_of(tmp_path)) as (app, ctx):
        posts = [each for each in doors_of(app) if each.method not in {"GET", "HEAD"}]
        doors = [each for each in posts if str(each) not in SECRET_LINKS | SIGNED]
        for at, door in enumerate(doors):
            for headers in part(ELSEWHERE, at):
                origin = dict(headers).get("origin", "")
                if door.template == "/mcp" and (not origin or origin.startswith("http://127.0.0.1")):
                    continue  # it goes by the origin alone, as a browser spells it
                found = await statuses(app, door, headers)
                asked += 3
                # MCP and REST look at the kind of the body first: a form is none of theirs.
                kinds = {"/mcp": 400, "/api": 415}.get(door.template[:4], 403)
                if 403 not in found or not found <= {403, kinds}:
                    wrong.append((str(door), headers, found))
        async with ctx.store.read() as work:
            changed = await work.deliveries.pauses()

    assert len(doors) >= 18
    assert wrong == []
    assert changed == []
    promise(f"other sites: 0 of {asked} commands of a foreign page were heeded, at {len(doors)} doors")


async def test_its_own_pages_and_programs_may_send_commands(tmp_path: Path) -> None:
    own: tuple[list[tuple[str, str]], ...] = (
        [],
        [("sec-fetch-site", "none")],
        [("sec-fetch-site", "same-origin"), ("origin", "http://127.0.0.1:8321")],
        [("origin", "https://127.0.0.1:8321")],
    )
    async with opened(settings_of(tmp_path)) as (app, ctx):
        for headers in own:
            for action in ("pause", "resume"):
                body = f"action={action}&scope=all".encode()
                answer = await ask(
                    app, "POST", "/settings/sending", bearer(ADMIN), *FORMS.items(), *headers, pieces=[body]
                )
                assert answer.status == 303
                async with ctx.store.read() as work:
                    assert await work.deliveries.pauses() == (["all"] if action == "pause" else [])


async def test_no_origin_but_those_that_were_named_reads_an_answer(tmp_path: Path) -> None:
    asked = ("access-control-request-method", "POST"), ("access-control-request-headers", "authorization")
    origins = [value for headers in ELSEWHERE for name, value in headers if name == "origin"]
    async with opened(settings_of(tmp_path, **PUBLIC)) as (app, _):
        for path in ("/", "/api/accounts", "/mcp", "/t/x", "/hooks/sendgrid", "/settings/sending"):
            for origin in {*origins, "http://chat.example.com", "https://chat.example.com.evil.example"} - {
                "http://127.0.0.1:8321"
            }:
                preflight = await ask(app, "OPTIONS", path, ("origin", origin), *asked)
                answer = await ask(app, "GET", path, bearer(ADMIN), ("origin", origin))
                assert "access-control-allow-origin" not in preflight.headers
                assert "access-control-allow-origin" not in answer.headers
        named = await ask(app, "GET", "/healthz", ("origin", "https://chat.example.com"))

    assert named.headers["access-control-allow-origin"] == "https://chat.example.com"
    assert "access-control-allow-credentials" not in named.headers
