"""Keys, tokens and passwords in provoked errors at debug level: in no log, on no screen, in no answer."""

import asyncio
import base64
import json
import logging
import sys
import threading
import traceback
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest
from pydantic import SecretStr

from handrail.cli import app as cli
from handrail.cli.logs import set_up_logging
from handrail.settings import Settings
from tests import databases
from tests.hardening.conftest import Promise
from tests.hardening.counts import FULL
from tests.hardening.doors.asking import ask, bearer, opened
from tests.hardening.doors.test_tokens import basic, called

CANARIES = {
    name: f"canary-{name.lower().replace('_', '-')}-{number}q7w9e"
    for number, name in enumerate(
        [
            "SECRET_KEY",
            "MIXPANEL_SECRET",
            "MIXPANEL_TOKEN",
            "ANTHROPIC",
            "SENDGRID",
            "API_TOKEN",
            "DATABASE",
            "BRIEF",
            "ALARM",
            "ALERT",
            "HEARTBEAT",
            "GIVEN",
            "WRONG",
        ]
    )
}


def shapes(secret: str) -> list[str]:
    """How a secret may look where it should not be: as it is, or in base64 at any place of a text."""
    encoded = [base64.b64encode(b"x" * pad + secret.encode()).decode() for pad in range(3)]
    return [secret, secret.upper(), quote(secret, safe=""), secret[::-1], *(each[4:-4] for each in encoded)]


def leaked(text: str) -> list[str]:
    return [name for name, secret in CANARIES.items() if any(shape in text for shape in shapes(secret))]


class Mode(NamedTuple):
    """What the neighbour answers; the body repeats everything that it was sent."""

    status: int
    kind: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


MODES = {
    "refuses": Mode(401),
    "forbids": Mode(403, "text/plain"),
    "is broken": Mode(500, "text/html"),
    "asks for a pause": Mode(429, headers=(("Retry-After", "1"),)),
    "answers something else": Mode(200, "text/html"),
    "answers another shape": Mode(200),
    "sends elsewhere": Mode(302, headers=(("Location", "http://127.0.0.1:1/elsewhere"),)),
    "does not know it": Mode(404),
}


@pytest.fixture
def echo() -> Iterator[tuple[str, Callable[[str], None]]]:
    """A neighbour that repeats what it was sent, keys and all: (its address, how to say what it answers)."""
    now = {"mode": MODES["refuses"]}

    class Echo(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            mode = now["mode"]
            length = int(self.headers.get("content-length") or 0)
            sent = self.rfile.read(length).decode("utf-8", "replace")
            told = {"error": f"{self.command} {self.path} {dict(self.headers)} {sent}"}
            raw = (json.dumps(told) if mode.kind == "application/json" else f"<p>{told}</p>").encode()
            self.send_response(mode.status)
            for name, value in (
                ("Content-Type", mode.kind),
                ("Content-Length", str(len(raw))),
                *mode.headers,
            ):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815  (names of the library)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", lambda name: now.update(mode=MODES[name])
    server.shutdown()
    server.server_close()


def environment(base: str, data_dir: Path) -> dict[str, str]:
    """Every secret there is, and neighbours that repeat them."""
    return {
        "HANDRAIL_DATA_DIR": str(data_dir),
        "HANDRAIL_DATABASE_URL": databases.address(data_dir),
        "HANDRAIL_SECRET_KEY": CANARIES["SECRET_KEY"],
        "HANDRAIL_MIXPANEL_PROJECT_ID": "1",
        "HANDRAIL_MIXPANEL_USERNAME": "service.account",
        "HANDRAIL_MIXPANEL_SECRET": CANARIES["MIXPANEL_SECRET"],
        "HANDRAIL_MIXPANEL_TOKEN": CANARIES["MIXPANEL_TOKEN"],
        "HANDRAIL_MIXPANEL_QUERY_URL": base,
        "HANDRAIL_MIXPANEL_EXPORT_URL": base,
        "HANDRAIL_MIXPANEL_INGEST_URL": base,
        "HANDRAIL_RETRY_SECONDS": "0",
        "ANTHROPIC_API_KEY": CANARIES["ANTHROPIC"],
        "ANTHROPIC_BASE_URL": base,
        "SENDGRID_API_KEY": CANARIES["SENDGRID"],
        "HANDRAIL_SENDGRID_URL": base,
        "HANDRAIL_MAIL_FROM": "guides@vendor.example",
        "HANDRAIL_MAIL_REPLY_TO": "success@vendor.example",
        "HANDRAIL_MAIL_POSTAL_ADDRESS": "Vendor, 1 Example Street",
        "HANDRAIL_SEND_MODE": "auto",
        "HANDRAIL_API_TOKENS": f"eve:admin:{CANARIES['API_TOKEN']}",
        "HANDRAIL_BRIEF_WEBHOOK": f"{base}/{CANARIES['BRIEF']}",
        "HANDRAIL_ALARM_WEBHOOK": f"{base}/{CANARIES['ALARM']}",
        "HANDRAIL_ALERT_WEBHOOK": f"{base}/{CANARIES['ALERT']}",
        "HANDRAIL_HEARTBEAT_URL": f"{base}/{CANARIES['HEARTBEAT']}",
        "HANDRAIL_NOW": "2026-11-20T02:00:00+00:00",
        "PYTHONASYNCIODEBUG": "1",
    }


CRASH = "Traceback (most recent call last)"


def crash_in(text: str) -> str:
    """The end of a traceback, for whoever reads why a test failed."""
    lines = [line for line in text[text.index(CRASH) :].splitlines() if " DEBUG " not in line]
    return "\n".join(lines)[-1500:]


COMMANDS: tuple[tuple[str, ...], ...] = (
    ("doctor",),
    ("doctor", "--json"),
    ("sync", "--days", "1"),
    ("status",),
    ("tool", "query_events", '{"account": "Acme"}'),
    ("tool", "sync_mixpanel"),
    ("tool", "get_saved_report", '{"report": "1"}'),
    ("reports",),
)
SOME: tuple[tuple[str, str], ...] = tuple(
    (" ".join(command), mode)
    for number, command in enumerate(COMMANDS)
    for mode in (list(MODES) if number in (0, 2, 4) else list(MODES)[number % 3 :: 4])
)
PASSWORD = CANARIES["DATABASE"]
BAD_SETTINGS: tuple[dict[str, str], ...] = (
    {"HANDRAIL_DATABASE_URL": f"postgresql+asyncpg://u:{PASSWORD}@127.0.0.1:1/x"},
    {"HANDRAIL_DATABASE_URL": f"postgresql+asyncpg://u:{PASSWORD}@no.such.host.invalid/x"},
    {"HANDRAIL_DATABASE_URL": f"postgresql+asyncpg://u:{PASSWORD}@127.0.0.1:port/x"},
    {"HANDRAIL_DATABASE_URL": f"postgresql+asyncpg://u:{PASSWORD}/2@127.0.0.1:5432/x"},
    {"HANDRAIL_DATABASE_URL": f"postgresql+asyncpg://u:{PASSWORD}#@127.0.0.1/x"},
    {"HANDRAIL_DATABASE_URL": f"postgresql+asyncpg://u:{PASSWORD}@[::1/x"},
    {"HANDRAIL_DATABASE_URL": f"postgresql+asyncpg://u:{PASSWORD}@127.0.0.1:1/x?ssl=what"},
    {"HANDRAIL_DATABASE_URL": f"postgresql://u:{PASSWORD}@127.0.0.1/x"},
    {"HANDRAIL_DATABASE_URL": f"mysql://u:{PASSWORD}@127.0.0.1/x"},
    {"HANDRAIL_DATABASE_URL": f"{PASSWORD}"},
    {"HANDRAIL_API_TOKENS": CANARIES["API_TOKEN"]},
    {"HANDRAIL_API_TOKENS": f"eve:root:{CANARIES['API_TOKEN']}"},
    {"HANDRAIL_API_TOKENS": f"eve:admin:{CANARIES['API_TOKEN']},eve:read:{CANARIES['API_TOKEN']}"},
    {"HANDRAIL_API_TOKENS": f"eve:admin:{CANARIES['API_TOKEN']} x"},
    {"HANDRAIL_API_TOKENS": f"{CANARIES['API_TOKEN']}:admin:short"},
    {"HANDRAIL_BRIEF_WEBHOOK": f"http://hooks.example/{CANARIES['BRIEF']}"},
    {"HANDRAIL_ALARM_WEBHOOK": CANARIES["ALARM"]},
    {"HANDRAIL_ALERT_WEBHOOK": f"https://hooks.example/{CANARIES['ALERT']}\x01"},
    {"HANDRAIL_HEARTBEAT_URL": f"https://[{CANARIES['HEARTBEAT']}"},
    {"HANDRAIL_OTLP_URL": f"ftp://u:{PASSWORD}@127.0.0.1"},
    {"HANDRAIL_SENDGRID_WEBHOOK_KEY": CANARIES["SENDGRID"]},
    {"HANDRAIL_SENDGRID_URL": f"http://u:{CANARIES['SENDGRID']}@127.0.0.1:1"},
    {"HANDRAIL_MIXPANEL_SECRET": f"{CANARIES['MIXPANEL_SECRET']}\u00e4\u202e"},
    {"SENDGRID_API_KEY": f"{CANARIES['SENDGRID']}\u00e4"},
    {"ANTHROPIC_API_KEY": f"{CANARIES['ANTHROPIC']}\u00e4"},
)


@pytest.fixture
def said(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> Callable[[dict[str, str], str], str]:
    """Run a command as a person does, with every logger at debug; answers all that it wrote anywhere."""
    monkeypatch.setattr(cli, "set_up_logging", lambda *_: set_up_logging(logging.DEBUG))

    def run(env: dict[str, str], command: str) -> str:
        caplog.clear()
        crash = ""
        with monkeypatch.context() as patched, caplog.at_level(logging.DEBUG):
            for name, value in env.items():
                patched.setenv(name, value)
            words = command.split(" ", 2) if "{" in command else command.split(" ")
            patched.setattr(sys, "argv", ["handrail", *words])
            try:
                cli.run()
            except SystemExit:
                pass
            except BaseException:  # what Python itself would print
                crash = traceback.format_exc()
        written = capfd.readouterr()
        return "\n".join((crash, written.out, written.err, caplog.text))

    return run


def test_no_secret_is_written_in_errors_of_neighbours(
    echo: tuple[str, Callable[[str], None]],
    said: Callable[[dict[str, str], str], str],
    tmp_path: Path,
    promise: Promise,
) -> None:
    base, answers = echo
    found, silent = [], []
    commands = SOME if FULL else SOME[::3]
    for command, mode in commands:
        answers(mode)
        text = said(environment(base, tmp_path / "data"), command)
        if leaked(text):
            found.append((command, mode, leaked(text)))
        if not text.strip():
            silent.append((command, mode))

    assert len(commands) >= 10
    assert found == []
    assert silent == []
    promise(
        f"secrets: 0 of {len(CANARIES)} in what {len(commands)} commands wrote as neighbours repeated all"
    )


def test_no_secret_is_written_where_a_setting_is_wrong(
    said: Callable[[dict[str, str], str], str], tmp_path: Path, promise: Promise
) -> None:
    found, crashed = [], []
    for changes in BAD_SETTINGS:
        text = said(environment("http://127.0.0.1:1", tmp_path / "data") | changes, "doctor")
        if leaked(text):
            found.append((changes, leaked(text), text[-800:]))
        if CRASH in text:
            crashed.append((changes, crash_in(text)))

    assert found == []
    assert crashed == []
    promise(f"secrets: 0 in what was written about {len(BAD_SETTINGS)} wrong settings")


PAGES = ("/api/mixpanel/events/acme", "/api/reports", "/readyz", "/settings", "/", "/metrics")


async def test_no_secret_is_in_an_answer_or_in_the_log_of_the_web_app(
    echo: tuple[str, Callable[[str], None]],
    tmp_path: Path,
    promise: Promise,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    base, answers = echo
    for name, value in environment(base, tmp_path / "data").items():
        monkeypatch.setenv(name, value)
    set_up_logging(logging.DEBUG)
    asyncio.get_running_loop().set_debug(True)
    token, wrong = CANARIES["API_TOKEN"], CANARIES["WRONG"]
    connect = {"project_id": 1, "username": "x", "secret": CANARIES["GIVEN"]}
    json_ = ("content-type", "application/json")
    told: list[str] = []
    with caplog.at_level(logging.DEBUG):
        async with opened(Settings.load(_env_file=None)) as (app, ctx):

            async def hear(method: str, path: str, *headers: tuple[str, str], body: bytes = b"") -> None:
                try:
                    answer = await ask(app, method, path, *headers, pieces=[body])
                    told.append(f"{answer.headers} {answer.text}")
                except Exception:  # what the server would write to its log
                    told.append(traceback.format_exc())

            clients: tuple[Callable[[], Awaitable[object]], ...] = (
                *(partial(each, "a line") for each in (ctx.team.brief, ctx.team.alarm, ctx.team.alert)),
                ctx.team.beat,
                ctx.mail.may_send,
                ctx.mixpanel.funnels,
            )
            for mode in MODES:
                answers(mode)
                for asks in clients:
                    try:
                        told.append(str(await asks()))
                    except Exception:  # in whatever words
                        told.append(traceback.format_exc())
                for path in PAGES:
                    await hear("GET", path, bearer(token))
                for given in (connect, connect | {"region": "eu"}, connect | {"secret": [CANARIES["GIVEN"]]}):
                    raw = json.dumps(given).encode()
                    await hear("POST", "/api/integrations/mixpanel/connect", bearer(token), json_, body=raw)
                await hear("POST", "/settings/check", bearer(token))
                await hear("POST", "/api/mixpanel/sync", bearer(token))
                await ctx.background.finish()
                for name in ("query_events", "sync_mixpanel", "get_saved_report"):
                    headers, raw = called(name, {"account": "Acme"} if name == "query_events" else {})
                    await hear("POST", "/mcp", *headers, bearer(token), body=raw)
            for shown in (
                bearer(wrong),
                basic("eve", wrong),
                ("cookie", f"a={wrong}"),
                ("authorization", wrong),
            ):
                await hear("GET", f"/api/accounts?token={wrong}", shown)
            with monkeypatch.context() as broken:
                broken.setattr(type(ctx.store), "read", None)
                for path in PAGES:
                    await hear("GET", path, bearer(token), ("x-a", wrong))
    written = capfd.readouterr()

    assert len(told) >= 100
    assert [each for each in caplog.records if each.levelno == logging.DEBUG]
    assert leaked("\n".join(told)) == []
    assert leaked(caplog.text) == []
    assert leaked(written.out + written.err) == []
    assert leaked(repr(Settings.load(_env_file=None))) == []
    promise(f"secrets: 0 in {len(told)} answers of the web app, and in its log at debug level")


def test_the_canaries_would_be_seen() -> None:
    secret = CANARIES["SENDGRID"]
    for text in (
        secret,
        f"Basic {base64.b64encode(f'user:{secret}'.encode()).decode()}",
        f"a={quote(secret)}",
    ):
        assert leaked(text) == ["SENDGRID"]
    assert isinstance(SecretStr(secret), SecretStr)
