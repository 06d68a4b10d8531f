"""Requests about people's data over HTTP: made, followed, taken back, and refused in our words."""

import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from handrail.domain.privacy import Disclosure, Law, PrivacyRequest, RequestState
from handrail.errors import CallerError, ConfigError, HandrailError, NotOffered, RateLimited, UpstreamError
from handrail.services.mixpanel.privacy import Privacy
from standin.mixpanel.privacy import OAUTH_TOKEN
from standin.server import running
from standin.state import Standin
from tests.standin.conftest import PROJECT, event, write_world

SPEC = Path(__file__).parents[4] / "shared" / "reference" / "openapi" / "mixpanel" / "gdpr.openapi.yaml"
LEAK = "zqx ana@acme.example https://mixpanel.example/?token=zqx"
HOSTILE = ['u"]}, "x": ["', "\\", "李 🙂", "a@acme.example"]

Ask = Callable[[Privacy], Awaitable[Any]]
ASKS: dict[str, Ask] = {
    "delete": lambda privacy: privacy.delete(["u1"]),
    "retrieve": lambda privacy: privacy.retrieve(["u1"]),
    "deletion": lambda privacy: privacy.deletion("1"),
    "retrieval": lambda privacy: privacy.retrieval("1"),
    "cancel": lambda privacy: privacy.cancel("1"),
}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Standin]:
    world = write_world(tmp_path / "world", [event("A", "u1", "2026-11-20T10:00:00")])
    with running(world) as state:
        yield state


def made(http: httpx2.AsyncClient, state: Standin, **changes: Any) -> Privacy:
    tokens = {"project_token": PROJECT["token"], "oauth_token": OAUTH_TOKEN, **changes}
    return Privacy(http, f"{state.base_url}/mixpanel", pause=0, first_wait=0.01, **tokens)


@pytest.fixture
def privacy(http: httpx2.AsyncClient, served: Standin) -> Privacy:
    return made(http, served)


def answer(state: Standin, status: int, body: Any = LEAK, **details: Any) -> None:
    fault = {"neighbour": "mixpanel", "route": "/data-", "fault": "status"}
    state.faults.add({**fault, "status": status, "body": body, **details})


async def refused(ask: Awaitable[Any], kind: type[HandrailError]) -> HandrailError:
    with pytest.raises(HandrailError) as caught:
        await ask
    assert type(caught.value) is kind
    said = f"{caught.value} {caught.value.__cause__}"
    assert not any(word in said for word in ("zqx", "tiny", "http", PROJECT["token"], OAUTH_TOKEN))
    return caught.value


@pytest.mark.parametrize("faults", [[], ["task_id"]], ids=["a list", "a task"])
async def test_a_deletion_is_made_and_followed_whatever_the_shape_of_its_answer(
    privacy: Privacy, served: Standin, faults: list[str]
) -> None:
    for fault in faults:
        served.faults.add({"neighbour": "mixpanel", "route": "/data-", "fault": fault})

    [request] = await privacy.delete([*HOSTILE, HOSTILE[0]])

    assert request.state is RequestState.PENDING
    assert served.demands[request.tracking_id]["distinct_ids"] == HOSTILE
    assert await privacy.deletion(request.tracking_id) == request
    served.clock.set(served.clock.now() + timedelta(days=2))
    assert (await privacy.deletion(request.tracking_id)).state is RequestState.SUCCESS
    assert not any(each["counted"] for each in served.requests)


async def test_a_retrieval_says_where_its_result_lies_once_it_is_done(
    privacy: Privacy, served: Standin
) -> None:
    [request] = await privacy.retrieve(["u1"], law=Law.CCPA, disclosure=Disclosure.SOURCES)

    task = served.demands[request.tracking_id]["task"]
    assert (task["compliance_type"], task["disclosure_type"]) == ("ccpa", "SOURCES")
    assert await privacy.retrieval(request.tracking_id) == request
    served.clock.set(served.clock.now() + timedelta(days=2))
    done = await privacy.retrieval(request.tracking_id)
    assert (done.state, done.link) == (
        RequestState.SUCCESS,
        f"https://export.example/{request.tracking_id}",
    )


async def test_the_link_is_found_under_either_of_its_names(privacy: Privacy, served: Standin) -> None:
    answer(served, 200, {"status": "ok", "results": {"status": "SUCCESS", "result": "https://x.example/1"}})

    assert (await privacy.retrieval("1")).link == "https://x.example/1"


async def test_a_deletion_is_taken_back_until_mixpanel_starts_on_it(
    privacy: Privacy, served: Standin
) -> None:
    [early], [late] = await privacy.delete(["u1"]), await privacy.delete(["u2"])

    assert await privacy.cancel(early.tracking_id) is True
    assert (await privacy.deletion(early.tracking_id)).state is RequestState.REVOKED
    served.clock.set(served.clock.now() + timedelta(hours=2))
    assert await privacy.cancel(late.tracking_id) is False
    assert (await privacy.deletion(late.tracking_id)).state is RequestState.STARTED


async def test_many_people_are_several_requests(privacy: Privacy, served: Standin) -> None:
    ids = [f"u{number}" for number in range(4000)]

    requests = await privacy.delete(ids)

    blocks = [served.demands[one.tracking_id]["distinct_ids"] for one in requests]
    assert [one for block in blocks for one in block] == ids
    assert [len(block) for block in blocks] == [1999, 1999, 2]
    assert await privacy.delete([]) == ()


async def test_the_tokens_go_where_they_belong_and_the_one_in_the_address_is_not_the_secret_one(
    privacy: Privacy, http: httpx2.AsyncClient, served: Standin
) -> None:
    await privacy.deletion("1")
    error = await refused(made(http, served, oauth_token="zqx").deletion("1"), ConfigError)

    assert "GDPR token" in str(error)
    await refused(made(http, served, project_token="zqx").delete(["u1"]), NotOffered)


@pytest.mark.skipif(not SPEC.is_file(), reason="Mixpanel's OpenAPI file is not on this machine")
async def test_every_request_has_the_parts_that_mixpanel_documents_and_no_other(served: Standin) -> None:
    sent: list[httpx2.Request] = []

    async def keep(request: httpx2.Request) -> None:
        sent.append(request)

    async with httpx2.AsyncClient(verify=False, event_hooks={"request": [keep]}) as http:
        privacy = made(http, served)
        for ask in ASKS.values():
            await ask(privacy)
        await privacy.retrieve(["u1"], law=Law.CCPA)

    described = yaml.safe_load(SPEC.read_text("utf-8"))["paths"]
    for request in sent:
        path = request.url.path.removeprefix("/mixpanel/api/app").rstrip("/").replace("/1", "/{tracking_id}")
        operation = described[path][request.method.lower()]
        content = operation.get("requestBody", {"content": {}})["content"]
        known = content.get("application/json", {"schema": {"properties": {}}})["schema"]["properties"]
        assert list(request.url.params) == ["token"]
        assert set(json.loads(request.content or "{}")) <= set(known)
    assert len({(one.method, one.url.path) for one in sent}) == 5


async def test_a_request_that_is_not_there_and_a_state_that_is_new_are_told(
    privacy: Privacy, served: Standin
) -> None:
    [retrieval] = await privacy.retrieve(["u1"])
    assert (await privacy.deletion(retrieval.tracking_id)).state is RequestState.NOT_FOUND
    assert (await privacy.deletion("no such?id=#&%")).state is RequestState.NOT_FOUND
    assert served.requests[-1]["path"].endswith("/v3.0/no such?id=#&%")

    answer(served, 200, {"status": "ok", "results": {"status": "zqx"}})
    assert (await privacy.deletion("1")) == PrivacyRequest(tracking_id="1", state=RequestState.UNKNOWN)


@pytest.mark.parametrize("what", ASKS)
@pytest.mark.parametrize(
    ("status", "kind"),
    [(200, UpstreamError), (400, CallerError), (401, ConfigError), (429, RateLimited), (500, UpstreamError)],
)
async def test_a_refusal_is_an_error_of_ours(
    privacy: Privacy, served: Standin, what: str, status: int, kind: type[HandrailError]
) -> None:
    answer(served, status, {"status": "error", "error": LEAK})

    await refused(ASKS[what](privacy), kind)


@pytest.mark.parametrize("what", [what for what in ASKS if what != "cancel"])
@pytest.mark.parametrize(
    "shape",
    [LEAK, [], None, {}, {"results": LEAK}, {"results": []}, {"results": {}}, {"results": [{}]}],
    ids=range(8),
)
async def test_an_answer_of_an_unknown_shape_is_an_error_and_not_quoted(
    privacy: Privacy, served: Standin, what: str, shape: Any
) -> None:
    answer(served, 200, shape)

    await refused(ASKS[what](privacy), UpstreamError)
