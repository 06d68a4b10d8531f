"""One request to Mixpanel: authentication, the budget, time-outs, retries, and errors in our words."""

import json
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from handrail.errors import (
    BrokenExport,
    CallerError,
    ConfigError,
    NotOffered,
    RateLimited,
    Unavailable,
    UpstreamError,
)
from handrail.services.mixpanel.budget import Budget, counts, gives_back, told_limit
from handrail.services.mixpanel.inflate import gunzip

JOB = httpx2.Timeout(500.0, connect=5.0)
"""Mixpanel's edge cuts queries at 488 s; chat sets its own, much shorter deadline."""

EXPORT = httpx2.Timeout(300.0, connect=5.0)
TRIES = 3


class Wire:
    """Sends to one project's hosts. Nothing of an upstream error's text leaves it."""

    def __init__(
        self,
        http: httpx2.AsyncClient,
        *,
        auth: tuple[str, str],
        budget: Budget,
        timeout: httpx2.Timeout | None = None,
        first_wait: float = 2.0,
    ) -> None:
        self._http = http
        self._auth = auth
        self._budget = budget
        self._timeout = timeout or JOB
        self._first_wait = first_wait

    async def send(
        self,
        method: str,
        url: str,
        path: str,
        what: str,
        *,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, str] | None = None,
        body: object = None,
        gone: Collection[int] = (402, 403, 404),
    ) -> Any:
        """The JSON of a 200. `gone` are the statuses that mean: not offered to this project."""
        request = {"params": params, "data": data, "json": body}
        given = {name: value for name, value in request.items() if value is not None}
        async for attempt in self._tries():
            with attempt:
                response = await self._once(method, url + path, what, path, given)
                return _content(response, what, gone)
        raise AssertionError("unreachable")

    def _tries(self) -> AsyncRetrying:
        return AsyncRetrying(
            retry=retry_if_exception_type(Unavailable),
            wait=wait_exponential_jitter(multiplier=self._first_wait, max=60, jitter=self._first_wait),
            stop=stop_after_attempt(TRIES),
            reraise=True,
        )

    async def _once(
        self, method: str, url: str, what: str, path: str, given: Mapping[str, Any]
    ) -> httpx2.Response:
        fields = {**(given.get("params") or {}), **(given.get("data") or {})}
        counted = counts(path, fields)
        slot = await self._budget.take("query", what) if counted else 0
        reached = True
        status = 0
        try:
            response = await self._http.request(method, url, auth=self._auth, timeout=self._timeout, **given)
            status = response.status_code
        except httpx2.ConnectError:
            reached = False
            raise UpstreamError(f"Mixpanel cannot be reached ({what}); try again later.") from None
        except httpx2.HTTPError:
            raise Unavailable(f"Mixpanel does not answer ({what}); try again later.") from None
        finally:
            if counted:
                await self._budget.end(slot, counted=reached and not gives_back(status))
        if status == 429:
            await self._budget.refused("query", limit=told_limit(response.headers), seconds=_after(response))
        return response

    @asynccontextmanager
    async def stream(
        self, url: str, what: str, params: Mapping[str, str]
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The plain bytes of a 200, as they arrive. Raises `BrokenExport` if they end too soon."""
        slot = await self._budget.take("export", what)
        counted = True
        request = self._http.build_request(
            "GET", url, params=params, headers={"accept-encoding": "gzip"}, timeout=EXPORT
        )
        try:
            try:
                response = await self._http.send(request, auth=self._auth, stream=True)
            except httpx2.HTTPError as error:
                counted = not isinstance(error, httpx2.ConnectError)
                raise UpstreamError(
                    f"Mixpanel's hosts cannot be reached ({what}); try again later."
                ) from None
            try:
                if response.status_code != 200:
                    counted = not gives_back(response.status_code)
                    raise refusal(response, what, gone=())
                gzipped = response.headers.get("content-encoding", "").lower() == "gzip"
                yield gunzip(_whole(response)) if gzipped else _whole(response)
            finally:
                await response.aclose()
        finally:
            await self._budget.end(slot, counted=counted)


def _content(response: httpx2.Response, what: str, gone: Collection[int]) -> Any:
    if response.status_code != 200:
        raise refusal(response, what, gone=gone)
    try:
        answer = json.loads(response.content)
    except ValueError:
        raise UpstreamError(f"Mixpanel answered {what} with something that is not JSON.") from None
    if isinstance(answer, dict) and isinstance(answer.get("error"), str):  # a property may be named so
        raise UpstreamError(f"Mixpanel refused {what}.")
    return answer


def refusal(response: httpx2.Response, what: str, *, gone: Collection[int]) -> Exception:
    """Our error for a status that is not 200."""
    status = response.status_code
    if status == 401:
        return ConfigError(
            "Mixpanel refuses the service account: check HANDRAIL_MIXPANEL_USERNAME, "
            "HANDRAIL_MIXPANEL_SECRET, HANDRAIL_MIXPANEL_PROJECT_ID and HANDRAIL_MIXPANEL_REGION."
        )
    if status == 429:
        return RateLimited(
            f"Mixpanel's query budget is used up ({what}); ask again later.", retry_after=_after(response)
        )
    if status in gone:
        return NotOffered(f"Mixpanel does not offer {what} to this project (status {status}).")
    if status in {408, 502, 503, 504}:
        return Unavailable(f"Mixpanel failed at {what} (status {status}); try again later.")
    if 400 <= status < 500:
        return CallerError(f"Mixpanel does not accept {what} as asked (status {status}).")
    return UpstreamError(f"Mixpanel failed at {what} (status {status}); try again later.")


def _after(response: httpx2.Response) -> float:
    after = response.headers.get("retry-after", "60")
    return float(after) if after.isdigit() else 60.0


async def _whole(response: httpx2.Response) -> AsyncIterator[bytes]:
    try:
        async for chunk in response.aiter_raw(1 << 18):
            yield chunk
    except httpx2.HTTPError:
        raise BrokenExport("Mixpanel's export was cut in the middle; nothing of it was kept.") from None
