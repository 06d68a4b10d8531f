"""What is posted to us by anybody: read only as far as it may be long, and for as long as it may take."""

import asyncio
from collections.abc import Mapping
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, HTTPException, Request
from fastapi.responses import Response
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.paths import below
from web.problems import problem

MOST_OF_A_FORM = 4000
"""Bytes of a page's form: a few fields and a line of text."""

MOST = 64_000
"""Bytes of any body, where its path has no limit of its own."""

MOST_AT_ONCE = 64 << 20
"""Bytes of all the bodies that this process holds."""

SECONDS = 20.0
"""In which a body has to be there."""


class Whole:
    """Middleware: nothing works on a request before it is there whole, of bounded size and in bounded time.

    `most` holds the bytes that a path may be sent, for paths with a limit of their own.
    """

    def __init__(self, app: ASGIApp, most: Mapping[str, int]) -> None:
        self._app = app
        self._most = most
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        length = headers.get("content-length", "0")
        if length == "0" and "transfer-encoding" not in headers:
            await self._app(scope, receive, send)
            return
        raw = bytearray()
        try:
            refused = await self._fill(raw, receive, length, self._most.get(below(scope), MOST))
            if refused is None:
                await self._app(scope, again(bytes(raw), receive), send)
            else:
                await refused(scope, receive, send)
        finally:
            self._held -= len(raw)

    async def _fill(self, raw: bytearray, receive: Receive, length: str, most: int) -> Response | None:
        """Read the body into `raw`; answers why not, where it is refused."""
        if length.isdecimal() and int(length[:20]) > most:
            return problem(413, _too_long(most))
        more = True
        try:
            async with asyncio.timeout(SECONDS):
                while more:
                    message = await receive()
                    if message["type"] != "http.request":
                        return problem(400, "The request broke off.")  # nobody is there to read it
                    raw += message.get("body", b"")
                    self._held += len(message.get("body", b""))
                    if len(raw) > most:
                        return problem(413, _too_long(most))
                    if self._held > MOST_AT_ONCE:
                        return problem(503, "Too much is being sent here at once: try again in a minute.")
                    more = message.get("more_body", False)
        except TimeoutError:
            told = f"The request was not complete after {SECONDS:.0f} seconds."
            return problem(408, told, headers={"Connection": "close"})
        return None


def again(raw: bytes, receive: Receive) -> Receive:
    """What is read in place of a body that was read before: the body, and then whatever comes after it."""
    waiting: list[Message] = [{"type": "http.request", "body": raw, "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay


async def body(request: Request, most: int) -> bytes:
    """The whole body, of at most `most` bytes; a longer one is refused without being read to its end."""
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > most:
            raise HTTPException(413, _too_long(most))
    return bytes(raw)


def _too_long(most: int) -> str:
    return f"A post may not be larger than {most} bytes."


async def form(request: Request, most: int) -> dict[str, str]:
    """A posted form's fields, of each the last, with line ends as ours. Answers 422 to what is no text."""
    raw = await body(request, most)
    try:
        fields = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=50)
    except ValueError:
        raise HTTPException(422, "The form could not be read.") from None
    return {name: value.replace("\r\n", "\n").strip() for name, value in fields}


async def _small(request: Request) -> dict[str, str]:
    return await form(request, MOST_OF_A_FORM)


Form = Annotated[dict[str, str], Depends(_small)]
"""What a page's form posted, by field."""
