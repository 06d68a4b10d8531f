"""The SendGrid stand-in, driven by the real client and the real signature check."""

from __future__ import annotations

import hashlib
import http.client
import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from python_http_client import exceptions
from sendgrid import SendGridAPIClient
from sendgrid.helpers.eventwebhook import EventWebhook
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from standin.sendgrid import events, routes
from standin.server import running
from standin.state import Standin
from standin.world import World

NOW = "2026-11-21T02:00:00+00:00"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    folder = tmp_path_factory.mktemp("world")
    with running(World(folder, {"now": NOW, "timezone": "UTC"})) as state:
        yield state


@pytest.fixture
def state(served: Standin) -> Standin:
    served.reset()
    return served


def client(state: Standin, key: str | None = "SG.test") -> Any:
    return SendGridAPIClient(key, host=f"{state.base_url}/sendgrid").client


def mail(**changes: Any) -> dict[str, Any]:
    """A good mail; a change of None leaves the key out, and `to`, `cc`, `own` go to the personalization."""
    envelope = {"to": changes.pop("to", [{"email": "ana@acme.example", "name": "Ana"}])}
    envelope |= changes.pop("own", {})
    body = {
        "personalizations": [envelope],
        "from": {"email": "guides@mail.example.com", "name": "Guides"},
        "reply_to": {"email": "support@example.com"},
        "subject": "Finish your import",
        "content": [{"type": "text/plain", "value": "Hi"}, {"type": "text/html", "value": "<p>Hi</p>"}],
        "categories": ["tutorial"],
        **changes,
    }
    return {key: value for key, value in body.items() if value is not None}


def refused(state: Standin, body: dict[str, Any]) -> list[dict[str, Any]]:
    with pytest.raises(exceptions.BadRequestsError) as caught:
        client(state).mail.send.post(request_body=body)
    assert state.mails == []
    errors: list[dict[str, Any]] = json.loads(caught.value.body)["errors"]
    return errors


def test_an_accepted_mail_is_kept_with_its_headers_and_arguments(state: Standin) -> None:
    body = mail(
        headers={"X-Shared": "1", "List-Unsubscribe": "<https://old.example/u>"},
        own={
            "headers": {"List-Unsubscribe": "<https://new.example/u>"},
            "custom_args": {"tut_send": "snd_1"},
        },
    )

    answer = client(state).mail.send.post(request_body=body)

    assert answer.status_code == 202
    assert answer.body == b""
    [kept] = state.mails
    assert kept.pop("at").startswith("2026-11-21T02:00:0")
    assert kept == {
        "id": answer.headers["X-Message-Id"],
        "to": "ana@acme.example",
        "to_name": "Ana",
        "from": "guides@mail.example.com",
        "reply_to": "support@example.com",
        "subject": "Finish your import",
        "text": "Hi",
        "html": "<p>Hi</p>",
        "headers": {"X-Shared": "1", "List-Unsubscribe": "<https://new.example/u>"},
        "custom_args": {"tut_send": "snd_1"},
        "categories": ["tutorial"],
        "attachments": [],
    }


PICTURE = {
    "content": "UE5H",
    "filename": "where.png",
    "type": "image/png",
    "disposition": "inline",
    "content_id": "where",
}


def test_what_many_mails_carry_is_kept_once(state: Standin) -> None:
    for content in ("UE5H", "UE5H", "R0lG"):
        client(state).mail.send.post(request_body=mail(attachments=[{**PICTURE, "content": content}]))

    digests = [hashlib.sha256(each).hexdigest() for each in (b"UE5H", b"R0lG")]
    carried = [kept["attachments"] for kept in state.mails]
    assert [part["sha256"] for [part] in carried] == [digests[0], digests[0], digests[1]]
    assert carried[0] == [
        {
            "filename": "where.png",
            "type": "image/png",
            "disposition": "inline",
            "content_id": "where",
            "sha256": digests[0],
        }
    ]
    told = httpx2.get(f"{state.base_url}/control/attachments", trust_env=False).json()
    assert told == dict(zip(digests, ("UE5H", "R0lG"), strict=True))


def test_each_recipient_is_one_entry_and_shares_the_message_id(state: Standin) -> None:
    two = [{"email": "ana@acme.example"}, {"email": "bo@acme.example"}]

    client(state).mail.send.post(request_body=mail(to=two, own={"bcc": [{"email": "cy@acme.example"}]}))

    assert [kept["to"] for kept in state.mails] == ["ana@acme.example", "bo@acme.example", "cy@acme.example"]
    assert len({kept["id"] for kept in state.mails}) == 1


def test_the_sandbox_answers_200_and_keeps_nothing(state: Standin) -> None:
    answer = client(state).mail.send.post(request_body=mail(mail_settings={"sandbox_mode": {"enable": True}}))

    assert answer.status_code == 200
    assert "X-Message-Id" not in answer.headers
    assert state.mails == []


@pytest.mark.parametrize("key", [None, ""])
def test_a_key_that_was_never_set_is_refused(
    state: Standin, key: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SENDGRID_API_KEY", raising=False)

    with pytest.raises(exceptions.UnauthorizedError) as caught:
        client(state, key).mail.send.post(request_body=mail())

    assert json.loads(caught.value.body) == {
        "errors": [
            {
                "message": "The provided authorization grant is invalid, expired, or revoked",
                "field": None,
                "help": None,
            }
        ]
    }


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (mail(personalizations=[]), "personalizations"),
        (mail(personalizations=None), "personalizations"),
        (mail(personalizations=[{"to": [{"email": "a@b.example"}]}] * 1001), "personalizations"),
        (mail(to=[{"email": f"a{n}@b.example"} for n in range(1001)]), "personalizations"),
        (mail(to=[]), "personalizations.0.to"),
        (mail(to=[{"email": "nope"}]), "personalizations.0.to.0.email"),
        (mail(to=[{"email": "a@b.example", "name": "Roe, Ana"}]), "personalizations.0.to.0.name"),
        (mail(to=[{"email": "a@b.example", "name": "Roe; Ana"}]), "personalizations.0.to.0.name"),
        (mail(own={"cc": [{"email": "ANA@acme.example"}]}), "personalizations.0"),
        (mail(**{"from": None}), "from.email"),
        (mail(**{"from": {"email": "nope"}}), "from.email"),
        (mail(**{"from": {"email": "gü@mail.example"}}), "from.email"),
        (mail(reply_to={"email": "nope"}), "reply_to.email"),
        (mail(subject=None), "subject"),
        (mail(subject=""), "subject"),
        (mail(subject="Hi\r\nBcc: x@y.example"), "subject"),
        (mail(subject=7), "subject"),
        (mail(content=None), "content"),
        (mail(content=[{"type": "text/plain", "value": ""}]), "content.0.value"),
        (mail(content=[{"type": "html", "value": "<p>"}]), "content.0.type"),
        (
            mail(content=[{"type": "text/html", "value": "<p>"}, {"type": "text/plain", "value": "Hi"}]),
            "content",
        ),
        (mail(content=[{"type": "text/plain", "value": "Hi"}] * 2), "content"),
        (mail(attachments="picture"), "attachments"),
        (mail(attachments=["picture"]), "attachments.0"),
        (mail(attachments=[{"content": "UE5H"}]), "attachments.0.filename"),
        (mail(attachments=[{"filename": "a.png"}]), "attachments.0.content"),
        (mail(attachments=[PICTURE | {"content": "no base64!"}]), "attachments.0.content"),
        (mail(attachments=[PICTURE | {"disposition": "beside"}]), "attachments.0.disposition"),
        (mail(attachments=[PICTURE | {"content_id": ""}]), "attachments.0.content_id"),
        (mail(attachments=[PICTURE | {"type": "png"}]), "attachments.0.type"),
        (mail(attachments=[PICTURE | {"type": "image/png; x=1"}]), "attachments.0.type"),
        (mail(headers={"Reply-To": "x@y.example"}), "headers.Reply-To"),
        (mail(own={"headers": {"X-SG-EID": "1"}}), "personalizations.0.headers.X-SG-EID"),
        (mail(headers={"X-Ours": "a\r\nBcc: x@y.example"}), "headers.X-Ours"),
        (mail(headers={"X-Ours": 1}), "headers.X-Ours"),
        (mail(headers={"X Ours": "1"}), "headers.X Ours"),
        (mail(own={"custom_args": {"tut_send": 1}}), "personalizations.0.custom_args.tut_send"),
        (mail(own={"custom_args": {"tut_send": "x" * 10_000}}), "personalizations.0.custom_args"),
        (mail(categories=[str(n) for n in range(11)]), "categories"),
        (mail(categories=["a", "a"]), "categories"),
        (mail(categories=["x" * 256]), "categories.0"),
        (mail(asm={"group_id": "1"}), "asm.group_id"),
        (mail(asm={"group_id": 1, "groups_to_display": list(range(26))}), "asm.groups_to_display"),
        (mail(mail_settings={"sandbox_mode": {"enable": "true"}}), "mail_settings.sandbox_mode.enable"),
        (mail(send_at=1795226400 + 73 * 3600), "send_at"),
        (mail(personalizations=["a@b.example"]), "personalizations.0"),
        (mail(to=["a@b.example"]), "personalizations.0.to.0"),
        (mail(to=[{"email": "a@b.example", "name": 1}]), "personalizations.0.to.0.name"),
        (mail(to=[{"email": "a@b.example", "name": "A\nB"}]), "personalizations.0.to.0.name"),
        (mail(own={"subject": "A\nB"}), "personalizations.0.subject"),
        (mail(own={"from": {"email": "nope"}}), "personalizations.0.from.email"),
        (mail(reply_to_list=[{"email": "nope"}]), "reply_to_list.0.email"),
        (mail(asm={"group_id": 1, "groups_to_display": 1}), "asm.groups_to_display"),
        (mail(categories=[1]), "categories.0"),
    ],
)
def test_a_body_the_real_service_refuses_is_refused_by_field(
    state: Standin, body: dict[str, Any], field: str
) -> None:
    errors = refused(state, body)

    assert {error["field"] for error in errors} == {field}
    assert set(errors[0]) == {"message", "field", "help"}


def test_what_the_rules_allow_is_accepted(state: Standin) -> None:
    """The near side of each limit, so that no rule refuses too much."""
    for body in (
        mail(subject=None, own={"subject": "Own"}),
        mail(subject=None, content=None, template_id="d-1"),
        mail(send_at=1795226400 + 71 * 3600),
        mail(own={"custom_args": {"tut_send": "x" * 9_992}}),
        mail(categories=[str(n) for n in range(10)]),
        mail(asm={"group_id": 1, "groups_to_display": list(range(25))}),
        mail(to=[{"email": f"a{n}@b.example"} for n in range(1000)]),
        mail(reply_to=None, own={"from": {"email": "other@mail.example.com"}}),
        mail(tracking_settings={"click_tracking": {"enable": False, "enable_text": False}}),
    ):
        assert client(state).mail.send.post(request_body=body).status_code == 202
    assert [kept["subject"] for kept in state.mails[:2]] == ["Own", ""]
    assert state.mails[-2]["from"] == "other@mail.example.com"
    assert state.mails[-2]["reply_to"] is None


def test_a_misspelt_key_is_refused(state: Standin) -> None:
    assert refused(state, mail(subjekt="Hi"))[0]["message"] == "Additional property subjekt is not allowed"
    assert refused(state, mail(own={"toe": []}))[0]["field"] == "personalizations.0"


def test_a_duplicate_address_is_quoted_in_the_message_as_the_real_service_does(state: Standin) -> None:
    [error] = refused(state, mail(own={"cc": [{"email": "ana@acme.example"}]}))

    assert "[ana@acme.example]" in error["message"]


async def post(state: Standin, content: bytes, content_type: str = "application/json") -> httpx2.Response:
    headers = {"Authorization": "Bearer SG.test", "Content-Type": content_type}
    async with httpx2.AsyncClient() as web:
        return await web.post(f"{state.base_url}/sendgrid/v3/mail/send", content=content, headers=headers)


async def test_a_body_that_is_no_json_is_a_400_and_another_type_a_415(state: Standin) -> None:
    assert (await post(state, b"{")).status_code == 400
    assert (await post(state, b"[]")).status_code == 400
    assert (await post(state, b"a=b", "application/x-www-form-urlencoded")).status_code == 415


async def test_a_body_over_the_size_limit_is_a_413(state: Standin) -> None:
    app = Starlette(routes=routes.routes(state, max_bytes=100))
    headers = {"Authorization": "Bearer SG.test"}
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://s") as web:
        answer = await web.post("/v3/mail/send", json=mail(), headers=headers)

    assert answer.status_code == 413
    assert "errors" in answer.json()
    assert routes.MAX_BYTES == 30 * 1024 * 1024


async def test_unknown_paths_and_methods_answer_with_an_errors_body(state: Standin) -> None:
    async with httpx2.AsyncClient(base_url=f"{state.base_url}/sendgrid") as web:
        wrong_method = await web.get("/v3/mail/send")
        wrong_path = await web.get("/v3/nothing")

    assert (wrong_method.status_code, wrong_path.status_code) == (405, 404)
    assert "errors" in wrong_method.json()
    assert "errors" in wrong_path.json()


def test_scopes_include_mail_send(state: Standin) -> None:
    assert "mail.send" in json.loads(client(state).scopes.get().body)["scopes"]


def test_a_rate_limit_is_used_up_and_names_its_reset(state: Standin) -> None:
    state.faults.add({"neighbour": "sendgrid", "route": "mail/send", "fault": "rate_limit", "times": 1})

    with pytest.raises(exceptions.TooManyRequestsError) as caught:
        client(state).mail.send.post(request_body=mail())

    assert caught.value.headers["X-RateLimit-Remaining"] == "0"
    assert abs(int(caught.value.headers["X-RateLimit-Reset"]) - state.clock.now().timestamp() - 60) < 5
    assert json.loads(caught.value.body)["errors"][0]["message"] == "too many requests"
    assert state.mails == []
    assert client(state).mail.send.post(request_body=mail()).status_code == 202


def test_a_413_can_be_a_page_of_html(state: Standin) -> None:
    state.faults.add({"neighbour": "sendgrid", "fault": "html_413", "times": 1})

    with pytest.raises(exceptions.PayloadTooLargeError) as caught:
        client(state).mail.send.post(request_body=mail())

    assert b"<html>" in caught.value.body


@pytest.mark.parametrize(
    ("fault", "raised"),
    [("credits", exceptions.UnauthorizedError), ("unverified_sender", exceptions.ForbiddenError)],
)
def test_an_account_in_trouble_keeps_nothing(state: Standin, fault: str, raised: type[Exception]) -> None:
    state.faults.add({"neighbour": "sendgrid", "fault": fault, "times": 1})

    with pytest.raises(raised):
        client(state).mail.send.post(request_body=mail())

    assert state.mails == []


def test_a_lost_answer_leaves_the_mail_accepted(state: Standin) -> None:
    state.faults.add({"neighbour": "sendgrid", "route": "mail/send", "fault": "answer_lost", "times": 1})

    with pytest.raises((http.client.HTTPException, OSError)):
        client(state).mail.send.post(request_body=mail())

    assert len(state.mails) == 1


async def posted(state: Standin, batch: list[dict[str, Any]], **options: Any) -> tuple[bytes, dict[str, str]]:
    """What a receiver got: raw body and headers. The receiver is the stand-in's neighbour on another port."""
    got: list[tuple[bytes, dict[str, str]]] = []

    async def hook(request: Request) -> Response:
        got.append((await request.body(), dict(request.headers)))
        return Response(status_code=204)

    app = Starlette(routes=[Route("/hooks/sendgrid", hook, methods=["POST"])])
    real = httpx2.AsyncClient
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpx2, "AsyncClient", lambda **_: real(transport=httpx2.ASGITransport(app=app)))
        status = await events.post_events(state, "http://ours/hooks/sendgrid", batch, **options)
    assert status == 204
    [one] = got
    return one


def sent(state: Standin) -> dict[str, Any]:
    client(state).mail.send.post(request_body=mail(own={"custom_args": {"tut_send": "snd_1"}}))
    return state.mails[-1]


async def test_a_batch_of_events_passes_the_vendors_own_check_and_an_altered_one_fails(
    state: Standin,
) -> None:
    raw, headers = await posted(state, [events.event_of(sent(state), "delivered", 1795226400)])
    signature = headers["x-twilio-email-event-webhook-signature"]
    timestamp = headers["x-twilio-email-event-webhook-timestamp"]
    check = EventWebhook(events.public_key())

    assert check.verify_signature(raw.decode(), signature, timestamp)
    assert not check.verify_signature(raw.decode().rstrip(), signature, timestamp)
    assert not check.verify_signature(raw.decode(), signature, str(int(timestamp) + 1))


def test_the_public_key_can_be_fetched_as_from_the_real_service(state: Standin) -> None:
    answer = client(state).user.webhooks.event.settings.signed.get()

    assert json.loads(answer.body) == {"public_key": events.public_key()}


async def test_an_event_joins_its_mail_by_message_id_and_custom_arguments(state: Standin) -> None:
    kept = sent(state)
    raw, _ = await posted(state, [events.event_of(kept, "bounce", 1795226400)])

    [event] = json.loads(raw)
    assert event["sg_message_id"].split(".")[0] == kept["id"]
    assert event["tut_send"] == "snd_1"
    assert event["type"] == "bounce"
    assert kept["id"] in event["smtp-id"]
    assert "smtp-id" not in events.event_of(kept, "open", 1795226400)
    assert event["email"] == "ana@acme.example"
    assert event["category"] == ["tutorial"]
    assert event["timestamp"] == 1795226400


async def test_copies_repeat_events_with_the_same_or_with_new_ids_in_another_order(state: Standin) -> None:
    batch = [events.event_of(sent(state), kind, 1795226400) for kind in ("delivered", "open", "click")]

    same = json.loads((await posted(state, batch, copies=2))[0])
    renamed = json.loads((await posted(state, batch, copies=2, new_ids=True))[0])
    shuffled = json.loads((await posted(state, batch, copies=2, shuffled=True))[0])

    assert same == batch + batch
    assert len({event["sg_event_id"] for event in renamed}) == 6
    assert shuffled != same
    assert sorted(map(str, shuffled)) == sorted(map(str, same))
