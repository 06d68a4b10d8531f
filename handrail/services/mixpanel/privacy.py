"""Requests to delete what Mixpanel keeps of people, or to hand it out (GDPR and CCPA).

They need the project's token and, instead of the service account, a personal token that an owner or admin of
the organization creates in their own settings for this alone. Mixpanel works on a request for up to 30 days.
A deletion reaches neither warehouses nor what Handrail itself keeps.
"""

import asyncio
from collections.abc import Generator, Sequence
from typing import Any
from urllib.parse import quote

import httpx2
from pydantic import ConfigDict, TypeAdapter

from handrail.domain.privacy import Disclosure, Law, PrivacyRequest, RequestState
from handrail.errors import ConfigError, NotOffered, RateLimited, UpstreamError
from handrail.services.mixpanel.answers import Answer, read
from handrail.services.mixpanel.budget import Unlimited
from handrail.services.mixpanel.wire import Wire

IDS_A_REQUEST = 1999
"""One of Mixpanel's pages says 2000, another 1999."""

WHAT = "requests about people's data"
SECONDS = 130.0
DELETIONS = "/api/app/data-deletions/v3.0/"
RETRIEVALS = "/api/app/data-retrievals/v3.0/"


class _Answer(Answer):
    model_config = ConfigDict(coerce_numbers_to_str=True)


class _Results(_Answer):
    results: Any


class _Task(_Answer):
    """What a new request is called: Mixpanel documents two shapes, and in one of them a list of these."""

    tracking_id: str = ""
    task_id: str = ""
    status: str = RequestState.PENDING


class _State(_Answer):
    status: str
    results: str | None = None
    result: str | None = None


_results = TypeAdapter(_Results)
_task = TypeAdapter(_Task)
_state = TypeAdapter(_State)


class _Bearer(httpx2.Auth):
    def __init__(self, token: str) -> None:
        self._header = f"Bearer {token}"

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        request.headers["Authorization"] = self._header
        yield request


class Privacy:
    """One project's requests. `pause` are the seconds between two of them: Mixpanel takes one a second."""

    def __init__(
        self,
        http: httpx2.AsyncClient,
        app_url: str,
        *,
        project_token: str,
        oauth_token: str,
        pause: float = 1.0,
        first_wait: float = 2.0,
    ) -> None:
        self._wire = Wire(
            http, auth=_Bearer(oauth_token), budget=Unlimited(), seconds=SECONDS, first_wait=first_wait
        )
        self._url = app_url
        self._token = {"token": project_token}
        self._pause = pause

    async def delete(self, distinct_ids: Sequence[str], *, law: Law = Law.GDPR) -> tuple[PrivacyRequest, ...]:
        """Ask for the deletion of people's data: one request for each 1999 of them."""
        return await self._create(DELETIONS, distinct_ids, {"compliance_type": law.value})

    async def retrieve(
        self, distinct_ids: Sequence[str], *, law: Law = Law.GDPR, disclosure: Disclosure = Disclosure.DATA
    ) -> tuple[PrivacyRequest, ...]:
        """Ask for people's data: one request for each 1999 of them. Only the CCPA knows disclosures."""
        asked = {"compliance_type": law.value}
        if law is Law.CCPA:
            asked["disclosure_type"] = disclosure.value
        return await self._create(RETRIEVALS, distinct_ids, asked)

    async def deletion(self, tracking_id: str) -> PrivacyRequest:
        """How far a deletion is."""
        return await self._status(DELETIONS, tracking_id)

    async def retrieval(self, tracking_id: str) -> PrivacyRequest:
        """How far a retrieval is, and once it is done where its result lies."""
        return await self._status(RETRIEVALS, tracking_id)

    async def cancel(self, tracking_id: str) -> bool:
        """Take a deletion back. False if it is too late for that, because Mixpanel has started on it."""
        try:
            await self._send("DELETE", _path(DELETIONS, tracking_id), gone=(405,))
        except NotOffered:
            return False
        return True

    async def _create(
        self, path: str, distinct_ids: Sequence[str], asked: dict[str, str]
    ) -> tuple[PrivacyRequest, ...]:
        ids = list(dict.fromkeys(distinct_ids))
        made = []
        for at in range(0, len(ids), IDS_A_REQUEST):
            if at:
                await asyncio.sleep(self._pause)
            body = {"distinct_ids": ids[at : at + IDS_A_REQUEST], **asked}
            made.append(_made(await self._send("POST", path, body=body)))
        return tuple(made)

    async def _status(self, path: str, tracking_id: str) -> PrivacyRequest:
        found = read(_state, await self._send("GET", _path(path, tracking_id)), WHAT)
        link = found.results or found.result or ""
        return PrivacyRequest(tracking_id=tracking_id, state=_known(found.status), link=link)

    async def _send(self, method: str, path: str, **given: Any) -> object:
        """What the envelope holds; nothing of an answer without a body."""
        try:
            raw = await self._wire.send(method, self._url, path, WHAT, params=self._token, **given)
        except ConfigError:
            raise ConfigError(
                "Mixpanel refuses the GDPR token: an owner or admin of the organization creates it "
                "in their personal settings, and it ends after a year."
            ) from None
        except RateLimited as error:
            raise RateLimited(
                f"Mixpanel takes no more {WHAT} just now; try again later.", retry_after=error.retry_after
            ) from None
        return None if raw is None else read(_results, raw, WHAT).results


def _path(base: str, tracking_id: str) -> str:
    return base + quote(tracking_id, safe="")


def _made(results: object) -> PrivacyRequest:
    task = read(_task, results[0] if isinstance(results, list) and results else results, WHAT)
    tracking_id = task.tracking_id or task.task_id
    if not tracking_id:
        raise UpstreamError(f"Mixpanel answered {WHAT} without saying what the new one is called.")
    return PrivacyRequest(tracking_id=tracking_id, state=_known(task.status))


def _known(status: str) -> RequestState:
    return RequestState.__members__.get(status, RequestState.UNKNOWN)
