"""What every route of the API does around its handler: limit, check, tell the age, keep on record."""

import email.message
import time
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Depends, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute

from handrail.context import ToolContext
from handrail.errors import HandrailError
from web.api import FROM_HERE
from web.bodies import again, body
from web.problems import as_problem
from web.record import Command, caller, record
from web.rest.freshness import kept_or_new
from web.rest.repeats import once, repeatable

MOST_BYTES = 10_000
"""Of a command's body."""

COMMAND = [*FROM_HERE, Depends(repeatable)]
"""Of every route that changes something."""

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class RestRoute(APIRoute):
    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()
        known = {each.alias for each in self.dependant.query_params}

        async def answer(request: Request) -> Response:
            ctx: ToolContext = request.app.state.ctx
            await request.app.state.rate.count(ctx, request)
            _strict(request, known)
            if request.method == "GET":
                return kept_or_new(request, await handle(request), ctx.clock.now())
            return await _command(ctx, request, handle, f"{request.method} {self.path_format}")

        return answer


async def _command(ctx: ToolContext, request: Request, handle: Handler, what: str) -> Response:
    """Act once, and put it on record whatever came of it."""
    raw = await body(request, MOST_BYTES)
    if raw and not _is_json(request.headers.get("content-type", "")):
        raise HTTPException(415, "Send the body as application/json.")

    async def act() -> Response:
        try:
            return await handle(Request(request.scope, again(raw, request.receive)))
        except (HandrailError, HTTPException, RequestValidationError) as error:
            return as_problem(error)

    told = raw.decode("utf-8", "replace")
    started, response = time.monotonic(), None
    try:
        response = await once(ctx, request, told, act)
        return response
    finally:
        took = round((time.monotonic() - started) * 1000)
        await record(ctx, Command(caller(request), what, told, took), response)


def _strict(request: Request, known: set[str]) -> None:
    """A filter that is not there must not look as if it had been heeded."""
    if unknown := sorted(request.query_params.keys() - known):
        there = ", ".join(sorted(known)) or "none"
        raise HTTPException(422, f"There is no parameter {unknown[0]!r}. Parameters: {there}.")


def _is_json(content_type: str) -> bool:
    told = email.message.Message()
    told["content-type"] = content_type
    return told.get_content_type() == "application/json"
