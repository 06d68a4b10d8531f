"""Mailed people who act, over HTTP between the stand-ins and a product made for the test."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from sendgrid import SendGridAPIClient
from sendgrid.helpers.eventwebhook import EventWebhook
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from standin.sendgrid import events
from standin.server import running
from standin.state import Standin
from standin.world import World

PEOPLE = {
    f"person-{n}": {"$email": f"Person{n}@acme.example", "company_id": f"org_{n % 3}", "plan": "team"}
    for n in range(40)
}


@dataclass
class Product:
    """A product that keeps what reached it."""

    url: str = ""
    status: int = 200
    got: list[tuple[str, bytes, dict[str, str]]] = field(default_factory=list)

    async def answer(self, request: Request) -> Response:
        path = f"{request.method} {request.url.path}"
        self.got.append((path, await request.body(), dict(request.headers)))
        if request.url.path.startswith(("/t/", "/moved")):
            return RedirectResponse("/elsewhere", status_code=302)
        return Response(status_code=self.status)

    @property
    def paths(self) -> list[str]:
        return [path for path, _, _ in self.got]


@pytest.fixture(scope="module")
def listening() -> Iterator[Product]:
    product = Product()
    app = Starlette(routes=[Route("/{rest:path}", product.answer, methods=["GET", "POST"])])
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    product.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    yield product
    server.should_exit = True
    thread.join(timeout=10)


@pytest.fixture
def product(listening: Product) -> Product:
    listening.got.clear()
    listening.status = 200
    return listening


def world(folder: Path, **changes: Any) -> World:
    project = {
        "project_id": 1,
        "now": "2026-11-21T02:00:00+00:00",
        "timezone": "Europe/Berlin",
        "created": "2025-03-03",
        "account_property": "company_id",
        **changes,
    }
    return World(folder, project, profiles=PEOPLE)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    with running(world(tmp_path_factory.mktemp("world"))) as state:
        yield state


@pytest.fixture
def state(served: Standin) -> Standin:
    served.reset()
    return served


def mail_to(state: Standin, address: str, public_url: str, unsubscribe: str = "/u/tok") -> None:
    page = f'<a href="{public_url}/tutorials/x">Read</a> <a class="b" href="{public_url}/t/a&amp;b">Go</a>'
    body = {
        "personalizations": [
            {
                "to": [{"email": address}],
                "custom_args": {"tut_send": f"snd_{address.split('@', maxsplit=1)[0]}"},
            }
        ],
        "from": {"email": "guides@mail.example.com"},
        "subject": "Quick help",
        "content": [{"type": "text/plain", "value": "Hi"}, {"type": "text/html", "value": page}],
        "headers": {
            "List-Unsubscribe": f"<mailto:u@mail.example.com>, <{public_url}{unsubscribe}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        },
    }
    client = SendGridAPIClient("SG.test", host=f"{state.base_url}/sendgrid").client
    assert client.mail.send.post(request_body=body).status_code == 202


async def act(state: Standin, **body: Any) -> httpx2.Response:
    async with httpx2.AsyncClient(base_url=state.base_url, timeout=20) as http:
        return await http.post("/control/act", json=body)


async def acted(state: Standin, **body: Any) -> int:
    answer = await act(state, **body)
    assert answer.status_code == 200, answer.text
    count: int = answer.json()["acted"]
    return count


async def test_success_writes_the_features_events_for_the_person_and_account(state: Standin) -> None:
    mail_to(state, "person1@acme.example", "http://ours")

    assert await acted(state, act="succeed", events=["Import Columns Mapped", "Import Completed"]) == 1

    first, last = state.written
    assert [first["event"], last["event"]] == ["Import Columns Mapped", "Import Completed"]
    assert last["properties"]["distinct_id"] == "person-1"
    assert last["properties"]["company_id"] == "org_1"
    assert abs(last["properties"]["time"] - datetime(2026, 11, 21, 2, tzinfo=UTC).timestamp()) < 10
    assert first["properties"]["time"] == last["properties"]["time"] - 1
    assert first["properties"]["$insert_id"] != last["properties"]["$insert_id"]


async def test_a_person_with_two_mails_succeeds_once_and_a_stranger_not_at_all(state: Standin) -> None:
    for address in ("person1@acme.example", "PERSON1@acme.example", "stranger@acme.example"):
        mail_to(state, address, "http://ours")

    assert await acted(state, act="succeed", events=["Import Completed"]) == 1
    assert len(state.written) == 1


async def test_an_old_project_gets_wall_clock_times_as_its_export_has_them(tmp_path: Path) -> None:
    with running(world(tmp_path, created="2021-03-03")) as state:
        mail_to(state, "person1@acme.example", "http://ours")
        await acted(state, act="succeed", events=["Import Completed"])

    [event] = state.written
    assert abs(event["properties"]["time"] - datetime(2026, 11, 21, 3, tzinfo=UTC).timestamp()) < 10


async def test_a_share_is_the_same_people_every_time(state: Standin) -> None:
    for n in range(40):
        mail_to(state, f"person{n}@acme.example", "http://ours")

    half = await acted(state, act="succeed", events=["A"], share=0.5)
    chosen = {event["properties"]["distinct_id"] for event in state.written}
    state.written.clear()
    await acted(state, act="succeed", events=["A"], share=0.5)

    assert 10 <= half <= 30
    assert {event["properties"]["distinct_id"] for event in state.written} == chosen
    assert await acted(state, act="succeed", events=["A"], share=0) == 0
    assert await acted(state, act="succeed", events=["A"], share=1) == 40
    assert await acted(state, act="succeed", events=["A"], to=["PERSON3@acme.example"]) == 1


async def test_mails_before_since_are_left_out(state: Standin) -> None:
    mail_to(state, "person1@acme.example", "http://ours")

    assert await acted(state, act="succeed", events=["A"], since="2026-11-21T02:30:00+00:00") == 0
    assert await acted(state, act="succeed", events=["A"], since="2026-11-21T02:00:00+00:00") == 1


async def test_a_click_opens_the_first_tracked_link_and_follows_no_redirect(
    state: Standin, product: Product
) -> None:
    mail_to(state, "person1@acme.example", product.url)

    assert await acted(state, act="click") == 1

    assert product.paths == ["GET /t/a&b"]
    assert "Mozilla" in product.got[0][2]["user-agent"]


async def test_links_of_a_public_host_can_be_sent_through_a_local_one(
    state: Standin, product: Product
) -> None:
    mail_to(state, "person1@acme.example", "https://mail.example.com")

    assert await acted(state, act="click", public_url=product.url) == 1
    assert await acted(state, act="unsubscribe", public_url=product.url) == 1

    assert product.paths == ["GET /t/a&b", "POST /u/tok"]


async def test_unsubscribing_is_a_one_click_post(state: Standin, product: Product) -> None:
    mail_to(state, "person1@acme.example", product.url)

    assert await acted(state, act="unsubscribe") == 1

    [(path, body, headers)] = product.got
    assert path == "POST /u/tok"
    assert body == b"List-Unsubscribe=One-Click"
    assert headers["content-type"] == "application/x-www-form-urlencoded"


async def test_an_unsubscribe_that_redirects_or_fails_is_not_counted(
    state: Standin, product: Product
) -> None:
    mail_to(state, "person1@acme.example", product.url, unsubscribe="/moved")
    mail_to(state, "person2@acme.example", "http://127.0.0.1:9")

    assert await acted(state, act="unsubscribe") == 0


async def test_without_mails_or_links_nothing_is_called(state: Standin, product: Product) -> None:
    assert await acted(state, act="open", webhook_url=f"{product.url}/hooks/sendgrid") == 0
    mail_to(state, "person1@acme.example", product.url)
    state.mails[0] |= {"html": "<p>No link</p>", "headers": {}}

    assert await acted(state, act="click") == 0
    assert await acted(state, act="unsubscribe") == 0

    assert product.got == []


@pytest.mark.parametrize(
    ("name", "event"),
    [("bounce", "bounce"), ("open", "open"), ("deliver", "delivered"), ("complain", "spamreport")],
)
async def test_what_sendgrid_reports_comes_as_one_signed_batch(
    state: Standin, product: Product, name: str, event: str
) -> None:
    for n in (1, 2):
        mail_to(state, f"person{n}@acme.example", product.url)

    assert await acted(state, act=name, webhook_url=f"{product.url}/hooks/sendgrid", copies=2) == 2

    [(path, body, headers)] = product.got
    assert path == "POST /hooks/sendgrid"
    batch = json.loads(body)
    assert [each["event"] for each in batch] == [event] * 4
    assert {each["tut_send"] for each in batch} == {"snd_person1", "snd_person2"}
    assert EventWebhook(events.public_key()).verify_signature(
        body.decode(),
        headers["x-twilio-email-event-webhook-signature"],
        headers["x-twilio-email-event-webhook-timestamp"],
    )


async def test_a_refused_webhook_means_nobody_acted(state: Standin, product: Product) -> None:
    mail_to(state, "person1@acme.example", product.url)
    product.status = 403

    assert await acted(state, act="open", webhook_url=f"{product.url}/hooks/sendgrid") == 0


async def test_a_wrong_body_is_a_400_in_words(state: Standin) -> None:
    mail_to(state, "person1@acme.example", "http://ours")

    for body in (
        {"act": "dance"},
        {"act": "open"},
        {"act": "succeed"},
        {"act": "click", "share": 2},
        {"act": "succeed", "events": []},
        {},
    ):
        answer = await act(state, **body)
        assert answer.status_code == 400, body
        assert answer.json()["error"]
