"""Sending through SendGrid: what each answer means, and what never leaves."""

import contextlib
import json
import logging
import socket
import threading
import time
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from handrail.errors import ConfigError
from handrail.services.bounded import BoundedClient
from handrail.services.mail.compose import Mail
from handrail.services.mail.log import mails_since
from handrail.services.mail.picture import Picture
from handrail.services.mail.sendgrid import Outcome, SendGrid
from handrail.services.people import Contact
from handrail.settings import Settings
from standin.state import Standin
from tests.conftest import settings_for

MAIL = Mail(
    subject="Quick help with\r\nyour export",
    text="Hi Ana,",
    html="<p>Hi Ana,</p>",
    unsubscribe_url="https://handrail.vendor.example/u/token",
)
CONTACT = Contact(
    user_key="k" * 64, distinct_id="raw-distinct-id", email="ana@acme.example", first_name="Ana"
)


def fault(standins: Standin, name: str, **details: Any) -> None:
    standins.faults.add({"neighbour": "sendgrid", "fault": name, **details})


async def send(settings: Settings, mail: Mail = MAIL, contact: Contact = CONTACT, **more: Any) -> Outcome:
    async with BoundedClient(verify=False) as http:
        return await SendGrid(settings, http).send(mail, contact, "delivery-1", **more)


def sender(settings: Settings) -> SendGrid:
    """One that asks nothing."""
    return SendGrid(settings, BoundedClient(verify=False))


@contextlib.contextmanager
def answering(
    status: int, headers: dict[str, str] | None = None
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server of one answer, and the requests that it got."""
    seen: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            seen.append(
                {"method": self.command, "path": self.path, "headers": dict(self.headers), "body": raw}
            )
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST = _answer  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)


async def test_a_202_with_a_message_id_is_accepted_and_the_mail_has_arrived_once(
    standins: Standin, settings: Settings
) -> None:
    assert await send(settings) == Outcome("accepted", "")

    [arrived] = standins.mails
    assert (arrived["to"], arrived["to_name"]) == ("ana@acme.example", "Ana")
    assert (arrived["from"], arrived["reply_to"]) == ("guides@vendor.example", "success@vendor.example")
    assert arrived["subject"] == "Quick help with your export"
    assert (arrived["text"], arrived["html"]) == ("Hi Ana,", "<p>Hi Ana,</p>")
    assert arrived["headers"] == {
        "List-Unsubscribe": "<https://handrail.vendor.example/u/token>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    assert arrived["custom_args"] == {"handrail_delivery": "delivery-1"}
    assert arrived["categories"] == []
    assert arrived["attachments"] == []


async def test_a_picture_travels_inside_the_mail_under_the_id_that_the_html_names(
    standins: Standin, settings: Settings
) -> None:
    picture = Picture(png=b"\x89PNG and so on", alt="You are here", width=440, height=206)

    sent = await send(settings, mail=replace(MAIL, picture=picture))

    assert sent == Outcome("accepted", "")
    [[part]] = [arrived["attachments"] for arrived in standins.mails]
    assert b64decode(standins.attachments[part.pop("sha256")]) == b"\x89PNG and so on"
    assert part == {
        "type": "image/png",
        "filename": "where-you-are.png",
        "disposition": "inline",
        "content_id": "where-you-are",
    }


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (400, Outcome("refused", "status_400")),
        (401, Outcome("refused", "status_401", stop=True)),
        (403, Outcome("refused", "status_403", stop=True)),
        (404, Outcome("refused", "status_404")),
        (406, Outcome("refused", "status_406")),
        (413, Outcome("refused", "status_413")),
        (429, Outcome("not_sent", "rate_limited")),
        (451, Outcome("refused", "status_451", stop=True)),
        (500, Outcome("unclear", "status_500")),
        (502, Outcome("unclear", "status_502")),
        (503, Outcome("unclear", "status_503")),
        (504, Outcome("unclear", "status_504")),
        (200, Outcome("unclear", "status_200")),
        (202, Outcome("unclear", "status_202")),
    ],
)
async def test_each_status_has_its_outcome_and_nothing_of_the_answer_is_repeated(
    standins: Standin, settings: Settings, status: int, outcome: Outcome
) -> None:
    """A 200 is the sandbox's; a 202 without a message id is nothing to rely on."""
    fault(standins, "status", status=status, body="<html>first duplicate: [ana@acme.example]</html>")

    assert await send(settings) == outcome
    assert standins.mails == []


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("rate_limit", Outcome("not_sent", "rate_limited")),
        ("unverified_sender", Outcome("refused", "status_403", stop=True)),
        ("credits", Outcome("refused", "status_401", stop=True)),
        ("html_413", Outcome("refused", "status_413")),
        ("answer_lost", Outcome("unclear", "cut")),
        ("cut", Outcome("unclear", "cut")),
    ],
)
async def test_each_failure_that_sendgrid_knows_has_its_outcome(
    standins: Standin, settings: Settings, name: str, outcome: Outcome
) -> None:
    fault(standins, name)

    assert replace(await send(settings), wait_seconds=0.0) == outcome


async def test_a_limit_says_how_long_it_lasts(standins: Standin, settings: Settings) -> None:
    reset = {"X-RateLimit-Reset": str(int(time.time()) + 90)}
    waits = []
    for headers in ({"Retry-After": "7"}, reset, {"Retry-After": "soon"}, {"Retry-After": "nan"}):
        fault(standins, "status", status=429, headers=headers, times=1)
        waits.append((await send(settings)).wait_seconds)

    assert waits[0] == 7.0
    assert 0.0 < waits[1] <= 90.0
    assert waits[2:] == [0.0, 0.0]


async def test_the_fence_is_asked_before_anything_leaves(standins: Standin, settings: Settings) -> None:
    class GivenUp(BaseException):
        pass

    def fence() -> None:
        raise GivenUp

    with pytest.raises(GivenUp):
        await send(settings, fence=fence)
    assert standins.requests == []


async def test_a_mail_whose_answer_is_lost_may_have_arrived(standins: Standin, settings: Settings) -> None:
    fault(standins, "answer_lost", times=1)

    assert (await send(settings)).kind == "unclear"
    assert len(standins.mails) == 1


async def test_a_body_that_sendgrid_does_not_accept_is_refused(standins: Standin, settings: Settings) -> None:
    contact = Contact(user_key="k", distinct_id="d", email="no address", first_name="")

    assert await send(settings, contact=contact) == Outcome("refused", "status_400")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_unclear_and_the_key_is_not_sent_on(
    standins: Standin, tmp_path: Path, status: int
) -> None:
    with (
        answering(202, {"X-Message-Id": "stolen"}) as (elsewhere, stolen),
        answering(status, {"Location": f"{elsewhere}/v3/mail/send"}) as (host, seen),
    ):
        outcome = await send(settings_for(standins, tmp_path, sendgrid_url=host))

    assert outcome == Outcome("unclear", f"status_{status}")
    assert [request["method"] for request in seen] == ["POST"]
    assert stolen == []


async def test_a_server_that_cannot_be_reached_got_nothing(standins: Standin, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    outcome = await send(settings_for(standins, tmp_path, sendgrid_url=f"http://127.0.0.1:{port}"))

    assert outcome == Outcome("not_sent", "unreachable")


async def test_a_name_that_does_not_resolve_got_nothing(standins: Standin, tmp_path: Path) -> None:
    unknown = settings_for(standins, tmp_path, sendgrid_url="http://sendgrid.invalid")

    assert await send(unknown) == Outcome("not_sent", "unreachable")


async def test_a_silent_server_is_given_up_at_the_deadline_and_unclear(
    standins: Standin, tmp_path: Path
) -> None:
    fault(standins, "answer_late", seconds=0.5, times=1)

    outcome = await send(settings_for(standins, tmp_path, mail_seconds=0.2))

    assert outcome == Outcome("unclear", "time_out")
    assert len(standins.mails) == 1


async def test_the_request_holds_nothing_personal_but_address_and_name(
    standins: Standin, tmp_path: Path
) -> None:
    with answering(202, {"X-Message-Id": "m1"}) as (host, seen):
        outcome = await send(settings_for(standins, tmp_path, sendgrid_url=host))

    [request] = seen
    body = json.loads(request["body"])
    assert outcome == Outcome("accepted", "")
    assert (request["method"], request["path"]) == ("POST", "/v3/mail/send")
    assert request["headers"]["Authorization"] == "Bearer SG.test"
    assert body["personalizations"][0]["to"] == [{"email": "ana@acme.example", "name": "Ana"}]
    assert body["personalizations"][0]["custom_args"] == {"handrail_delivery": "delivery-1"}
    sent = request["body"].decode() + json.dumps(request["headers"])
    assert CONTACT.user_key not in sent
    assert CONTACT.distinct_id not in sent
    assert not {"categories", "send_at", "asm", "mail_settings", "template_id"} & body.keys()
    assert "bypass" not in sent
    assert body["tracking_settings"] == {
        "click_tracking": {"enable": False, "enable_text": False},
        "open_tracking": {"enable": False},
        "subscription_tracking": {"enable": False},
    }
    assert [part["type"] for part in body["content"]] == ["text/plain", "text/html"]


async def test_opens_are_measured_only_where_that_is_set(standins: Standin, tmp_path: Path) -> None:
    with answering(202, {"X-Message-Id": "m1"}) as (host, seen):
        await send(settings_for(standins, tmp_path, sendgrid_url=host, track_opens=True))

    tracked = json.loads(seen[0]["body"])["tracking_settings"]
    assert {name: each["enable"] for name, each in tracked.items()} == {
        "click_tracking": False,
        "open_tracking": True,
        "subscription_tracking": False,
    }


async def test_a_person_without_a_name_is_sent_without_one(standins: Standin, settings: Settings) -> None:
    nameless = Contact(user_key="k", distinct_id="d", email="ana@acme.example", first_name="")

    assert (await send(settings, contact=nameless)).kind == "accepted"
    assert standins.mails[0]["to_name"] is None


async def test_the_log_holds_neither_address_nor_key(
    standins: Standin, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    await send(settings)
    fault(standins, "status", status=500, body="ana@acme.example")
    await send(settings)

    assert "ana@acme.example" not in caplog.text
    assert "SG.test" not in caplog.text


async def test_of_a_log_too_full_for_one_answer_every_second_is_read(
    standins: Standin, settings: Settings
) -> None:
    begins = datetime(2026, 11, 20, 2, tzinfo=UTC)
    standins.mails += [
        {
            "id": f"mail{number}",
            "from": settings.mail_from if number in (600, 601) else "invoices@vendor.example",
            "to": "ana@acme.example",
            "subject": "",
            "at": (begins + timedelta(seconds=number % 2)).isoformat(),
            "custom_args": {"handrail_delivery": f"delivery-{number}"},
        }
        for number in range(1200)
    ]
    span = begins - timedelta(seconds=0.3), begins + timedelta(seconds=1.7)

    async with BoundedClient(verify=False) as http:
        found = await mails_since(SendGrid(settings, http), *span)

    assert [(each.delivery_id, each.at) for each in found] == [
        ("delivery-600", begins),
        ("delivery-601", begins + timedelta(seconds=1)),
    ]


@pytest.mark.parametrize(
    ("missing", "variable"),
    [
        ({"sendgrid_api_key": None}, "SENDGRID_API_KEY"),
        ({"sendgrid_api_key": SecretStr("")}, "SENDGRID_API_KEY"),
        ({"mail_from": ""}, "HANDRAIL_MAIL_FROM"),
        ({"mail_postal_address": ""}, "HANDRAIL_MAIL_POSTAL_ADDRESS"),
    ],
)
def test_without_key_sender_or_postal_address_no_mail_may_leave(
    standins: Standin, tmp_path: Path, missing: dict[str, Any], variable: str
) -> None:
    with pytest.raises(ConfigError, match=f"^{variable} is not set"):
        sender(settings_for(standins, tmp_path, **missing)).require()


def test_with_all_of_them_mails_may_leave(settings: Settings) -> None:
    sender(settings).require()


def test_replies_go_to_the_sender_unless_somebody_else_is_named(standins: Standin, tmp_path: Path) -> None:
    plain = sender(settings_for(standins, tmp_path, mail_reply_to="", public_url="https://h.example/"))

    assert plain.sender.reply_to == "guides@vendor.example"
    assert plain.sender.public_url == "https://h.example"


def test_a_key_that_was_pasted_with_a_line_break_works_and_a_broken_one_is_named(
    standins: Standin, tmp_path: Path
) -> None:
    pasted = settings_for(standins, tmp_path, sendgrid_api_key=SecretStr(" SG.key\n"))
    broken = settings_for(standins, tmp_path, sendgrid_api_key=SecretStr("SG.\nkey"))

    assert pasted.sendgrid_api_key is not None
    assert pasted.sendgrid_api_key.get_secret_value() == "SG.key"
    sender(pasted).require()
    with pytest.raises(ConfigError, match="SENDGRID_API_KEY"):
        sender(broken).require()
