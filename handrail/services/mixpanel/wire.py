"""One request to Mixpanel: authentication, the budget, time-outs, retries, and errors in our words."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import httpx2
from tenacity import AsyncRetrying, RetryCallState, stop_after_attempt, wait_exponential_jitter

from handrail.domain.deliveries import Actor
from handrail.errors import (
    BrokenExport,
    CallerError,
    ConfigError,
    NotInThePlan,
    NotOffered,
    RateLimited,
    Unavailable,
    UpstreamError,
)
from handrail.services.bounded import MOST, MOST_BYTES, TooLarge, whole
from handrail.services.mixpanel.budget import Budget, System, counts, gives_back, pause, soon, told_limit
from handrail.services.mixpanel.inflate import gunzip

NIGHT = 500.0
"""Mixpanel's edge cuts queries at 488 s."""

CHAT = 45.0
"""Somebody is looking at the screen, and chat clients give a tool up after a minute."""

CONNECT = 5.0

STALL = 300.0
"""Seconds without so much as a quarter of a megabyte of an export."""

TRIES = 3
CHUNK = 1 << 18
PASSING = frozenset({408, 502, 503, 504})
_HISTORY = re.compile(r"exceeds (\d+) days into the past")


class Arrived(NamedTuple):
    """An answer, and the slot that is still held for it: 0 for none."""

    response: httpx2.Response
    slot: int


class Wire:
    """Sends to one project's hosts. Nothing of an upstream error's text leaves it."""

    def __init__(
        self,
        http: httpx2.AsyncClient,
        *,
        auth: tuple[str, str] | httpx2.Auth,
        budget: Budget,
        actor: Actor = "chat",
        seconds: float | None = None,
        export_seconds: float = 7200.0,
        first_wait: float = 2.0,
    ) -> None:
        """`seconds` a question may take, 45 or 500 by the actor; in chat with all its tries, at night each.

        The night waits when refused.
        """
        self._http = http
        self._auth = auth
        self._budget = budget
        self._waits = actor == "nightly"
        self._seconds = seconds or (NIGHT if actor == "nightly" else CHAT)
        self._export_seconds = export_seconds
        self._first_wait = first_wait
        self._endings: set[asyncio.Task[None]] = set()

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
        once: bool = False,
        most_bytes: int = MOST_BYTES,
    ) -> Any:
        """The JSON of a 200 or 201, None of a 204. `gone` are the statuses that mean: not offered.

        With `once` nothing is tried again: a repeat would write twice.
        """
        request = {"params": params, "data": data, "json": body, "extensions": {MOST: most_bytes}}
        given = {name: value for name, value in request.items() if value is not None}
        _check_text(given)
        tries = 1 if once else TRIES
        return _content(await self._answer(method, url + path, what, path, given, tries), what, gone)

    async def _answer(
        self, method: str, url: str, what: str, path: str, given: Mapping[str, Any], tries: int = TRIES
    ) -> httpx2.Response:
        """Whatever Mixpanel says in the end; what may pass was tried again with pauses."""
        try:
            async with asyncio.timeout(None if self._waits else self._seconds):
                arrived = await self._retried(tries, self._once, method, url, what, path, given)
        except TimeoutError:
            raise _too_slow(what) from None
        return arrived.response

    async def _retried(self, tries: int, ask: Callable[..., Awaitable[Arrived]], *given: Any) -> Arrived:
        def last(state: RetryCallState) -> Any:
            return state.outcome.result() if state.outcome else None

        retrying = AsyncRetrying(
            retry=self._again,
            wait=wait_exponential_jitter(multiplier=self._first_wait, max=60, jitter=self._first_wait),
            stop=stop_after_attempt(tries),
            retry_error_callback=last,
        )
        arrived: Arrived = await retrying(ask, *given)
        return arrived

    def _again(self, state: RetryCallState) -> bool:
        """A 500 is mostly a question that Mixpanel cannot evaluate: that is tried once more only."""
        if state.outcome is None or state.outcome.failed:
            return state.outcome is not None and isinstance(state.outcome.exception(), Unavailable)
        status = state.outcome.result().response.status_code
        if status == 429:
            return self._waits
        return status in PASSING or (status == 500 and state.attempt_number == 1)

    async def _once(self, method: str, url: str, what: str, path: str, given: Mapping[str, Any]) -> Arrived:
        fields = {**(given.get("params") or {}), **(given.get("data") or {})}
        timeout = httpx2.Timeout(self._seconds, connect=min(CONNECT, self._seconds))
        request = self._http.build_request(method, url, timeout=timeout, **given)
        return await self._sent(request, what, "query" if counts(path, fields) else None)

    @asynccontextmanager
    async def stream(
        self, url: str, what: str, params: Mapping[str, str]
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The plain bytes of a 200, as they arrive. Raises `BrokenExport` if they end too soon.

        It may be as large as it is, and take so long in all, its reader's time included.
        """
        ends = asyncio.get_running_loop().time() + self._export_seconds
        stall = min(STALL, self._export_seconds)
        request = self._http.build_request(
            "GET",
            url,
            params=params,
            headers={"accept-encoding": "gzip"},
            timeout=httpx2.Timeout(stall, connect=min(CONNECT, stall)),
            extensions={MOST: None},
        )
        response, slot = await self._retried(TRIES, self._sent, request, what, "export", True)
        if response.status_code != 200:
            raise refusal(response, what, gone=())
        try:
            gzipped = response.headers.get("content-encoding", "").lower() == "gzip"
            body = _body(response, what, ends, stall)
            yield gunzip(body) if gzipped else body
        finally:
            await self._finish(self._closed(response, slot))

    async def _sent(
        self, request: httpx2.Request, what: str, system: System | None, stream: bool = False
    ) -> Arrived:
        """Ask under a slot of `system`, if it is counted; a stream that begins holds it until it ends."""
        slot = await self._budget.take(system, what) if system else 0
        counted, held = True, False
        try:
            async with asyncio.timeout(request.extensions["timeout"]["read"]):
                response = await self._http.send(request, auth=self._auth, stream=stream)
                counted = not gives_back(response.status_code)
                held = stream and response.status_code == 200
                if stream and not held:
                    response = await whole(response)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout):
            counted = False
            raise UpstreamError(f"Mixpanel cannot be reached ({what}): try again later.") from None
        except (httpx2.TimeoutException, TimeoutError):
            raise _too_slow(what) from None
        except TooLarge:
            raise UpstreamError(
                f"Mixpanel's answer is larger than Handrail reads ({what}): ask for fewer days or values."
            ) from None
        except httpx2.HTTPError:
            raise Unavailable(f"Mixpanel broke off its answer ({what}): try again later.") from None
        finally:
            if system and not held:
                await self._finish(self._budget.end(slot, counted=counted))
        if system and response.status_code == 429:
            limit = told_limit(response.headers)
            await self._budget.refused(system, limit=limit, seconds=pause(response.headers))
        return Arrived(response, slot if held else 0)

    async def _closed(self, response: httpx2.Response, slot: int) -> None:
        await self._budget.end(slot, counted=True)
        await response.aclose()

    async def _finish(self, ending: Coroutine[Any, Any, None]) -> None:
        """Carry it through even if the asker is cancelled: a lost end would hold its place for minutes."""
        task = asyncio.create_task(ending)
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)
        await asyncio.shield(task)


def _check_text(given: Mapping[str, Any]) -> None:
    """Half a surrogate pair is no text in any encoding; names out of JSON may hold one."""
    try:
        json.dumps(given, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise CallerError("A name with a broken character cannot be asked for.") from None


def _content(response: httpx2.Response, what: str, gone: Collection[int]) -> Any:
    if response.status_code == 204:
        return None
    if response.status_code not in (200, 201):
        raise refusal(response, what, gone=gone)
    try:
        answer = json.loads(response.content)
    except (ValueError, RecursionError):
        raise UpstreamError(
            f"Mixpanel answered {what} with something that is not JSON: try again later."
        ) from None
    if isinstance(answer, dict) and isinstance(answer.get("error"), str):  # a property may be named so
        raise UpstreamError(f"Mixpanel refused {what}: check the names and dates that were asked for.")
    return answer


def refusal(response: httpx2.Response, what: str, *, gone: Collection[int]) -> Exception:
    """Our error for a status that is not 200. What Mixpanel wrote only decides which."""
    status, said = response.status_code, response.text
    if status == 401 or (status == 400 and "Unable to authenticate" in said):
        return ConfigError(
            "Mixpanel refuses the service account: check HANDRAIL_MIXPANEL_USERNAME, "
            "HANDRAIL_MIXPANEL_SECRET, HANDRAIL_MIXPANEL_PROJECT_ID and HANDRAIL_MIXPANEL_REGION."
        )
    if status == 429 or (status == 412 and "rate limit" in said.lower()):
        seconds = pause(response.headers)
        return RateLimited(
            f"Mixpanel takes no more questions just now ({what}): ask again {soon(seconds)}.",
            retry_after=seconds,
        )
    if status in gone or status == 403:
        closed = CallerError if status not in gone else NotInThePlan if status == 402 else NotOffered
        return closed(
            f"Mixpanel does not offer {what} to this project (status {status}): {_way_out(status, said)}."
        )
    if status == 400 and "Timeout Error" in said:
        return _too_slow(what)
    if 400 <= status < 500 and status not in PASSING:
        return CallerError(
            f"Mixpanel does not accept {what} as asked (status {status}): check names, dates and sizes."
        )
    kind = Unavailable if status in PASSING else UpstreamError
    return kind(f"Mixpanel failed at {what} (status {status}): try again later.")


def _way_out(status: int, said: str) -> str:
    if status == 402:
        return "check whether its plan has the Query API; the raw export works without it"
    if status == 403:
        days = _HISTORY.search(said)
        return f"its plan keeps {days[1]} days, ask for later dates" if days else "check the account's role"
    return "check that it still exists in Mixpanel"


def _too_slow(what: str) -> UpstreamError:
    return UpstreamError(f"Mixpanel takes too long over {what}: ask for fewer days, or try again later.")


async def _body(response: httpx2.Response, what: str, ends: float, stall: float) -> AsyncIterator[bytes]:
    """The bytes as they came, until the loop's time `ends`; a chunk has `stall` seconds to arrive."""
    loop, chunks = asyncio.get_running_loop(), response.aiter_raw(CHUNK)
    try:
        while True:
            async with asyncio.timeout_at(min(ends, loop.time() + stall)):
                chunk = await anext(chunks, b"")
            if not chunk:
                return
            yield chunk
    except TimeoutError:
        if loop.time() >= ends:
            raise _too_slow(what) from None
        raise BrokenExport("Mixpanel's export stopped coming; nothing of it was kept.") from None
    except httpx2.HTTPError:
        raise BrokenExport("Mixpanel's export was cut in the middle; nothing of it was kept.") from None
