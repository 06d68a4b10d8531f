"""Every request of the client against Mixpanel's own OpenAPI files, loosened where they are wrong."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from pydantic import SecretStr

from handrail.services.mixpanel.client import Mixpanel
from standin.state import Standin
from tests import openapi
from tests.conftest import settings_for
from tests.mixpanel_methods import METHODS, Ask

pytestmark = pytest.mark.skipif(
    not openapi.FILES.is_dir(), reason="Mixpanel's OpenAPI files are not on this machine"
)

CALLS: dict[str, Ask] = {
    f"{name} {number}": ask
    for name, method in METHODS.items()
    for number, ask in enumerate((method.ask, *method.variants))
}


@pytest.fixture
def sent() -> list[httpx2.Request]:
    return []


@pytest.fixture
async def mixpanel(standins: Standin, tmp_path: Path, sent: list[httpx2.Request]) -> AsyncIterator[Mixpanel]:
    async def keep(request: httpx2.Request) -> None:
        sent.append(request)

    token = SecretStr(standins.world.project["token"])
    ingest = {"mixpanel_token": token, "mixpanel_ingest_url": f"{standins.base_url}/mixpanel"}
    async with httpx2.AsyncClient(verify=False, event_hooks={"request": [keep]}) as http:
        yield Mixpanel(http, settings_for(standins, tmp_path, **ingest))


@pytest.mark.parametrize("app_api", ["open", "closed"])
async def test_every_request_is_as_mixpanel_describes_it(
    mixpanel: Mixpanel, standins: Standin, sent: list[httpx2.Request], app_api: str
) -> None:
    if app_api == "closed":
        standins.faults.add(
            {"neighbour": "mixpanel", "route": "/projects/", "fault": "status", "status": 403}
        )
    found = {}
    for call, ask in CALLS.items():
        if app_api == "closed" and not METHODS[call.split()[0]].falls_back:
            continue
        sent.clear()
        await ask(mixpanel)
        assert sent, call
        if wrong := [fault for request in sent for fault in openapi.faults(request)]:
            found[call] = wrong

    assert found == {}


REQUESTS = {
    "a parameter that is not known": ("GET", "/api/query/funnels/list?project_id=1&projekt=1"),
    "a required one that is missing": (
        "GET",
        "/api/query/funnels?project_id=1&funnel_id=2&from_date=2026-11-04",
    ),
    "a number that is none": ("GET", "/api/query/insights?project_id=1&bookmark_id=one"),
    "a choice that is not offered": (
        "GET",
        "/api/query/retention?project_id=1&from_date=2026-11-04&to_date=2026-11-04&unit=year",
    ),
    "a path that is not known": ("GET", "/api/query/funels/list?project_id=1"),
    "a method that is not taken": ("POST", "/api/query/funnels/list?project_id=1"),
    "a form without its script": ("POST", "/api/query/jql?project_id=1"),
}


@pytest.mark.parametrize("mistake", REQUESTS)
def test_a_mistake_is_found_alone(mistake: str) -> None:
    method, address = REQUESTS[mistake]

    assert len(openapi.faults(httpx2.Request(method, f"http://127.0.0.1/mixpanel{address}"))) == 1


def test_an_update_of_a_profile_without_its_user_is_found() -> None:
    body = [{"$token": "t", "$distinct_id": "u1", "$set": {"a": 1}}, {"$token": "t", "$set": {"a": 1}}]
    request = httpx2.Request("POST", "http://127.0.0.1/mixpanel/engage?ip=0&verbose=1", json=body)

    assert openapi.faults(request) == ["body: '$distinct_id' is a required property"]
