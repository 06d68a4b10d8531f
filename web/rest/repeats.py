"""A command that carries a key acts once: a repeat gets the first answer.

draft-ietf-httpapi-idempotency-key-header: 422 for another body, 409 while the first is still running.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Header, Request
from fastapi.responses import Response

from handrail.context import ToolContext
from handrail.engine.keys import arguments_key
from web.problems import problem
from web.record import caller

LONGEST = 200

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=LONGEST,
        pattern=r"^[\x21-\x7e]+$",
        description="Of your choice, new for each command: the same key and body within 24 hours "
        "get the first answer and change nothing again.",
        examples=['"8e03978e-40d5-43e8-bc93-6894a57f9324"'],
    ),
]


def repeatable(idempotency_key: IdempotencyKey = None) -> None:
    """Declares the header; `once` heeds it."""


async def once(
    ctx: ToolContext, request: Request, body: str, act: Callable[[], Awaitable[Response]]
) -> Response:
    """The answer to a command; with a key that was used before, the answer of that time.

    Only what succeeded is kept: an error changed nothing, and the same key may try again.
    """
    given = request.headers.get("idempotency-key", "")
    if not given or len(given) > LONGEST:
        return await act()
    key = arguments_key(ctx.secret, f"{caller(request)} {request.method} {request.url.path} {given}")
    asked = arguments_key(ctx.secret, body)
    async with ctx.store.begin() as work:
        earlier = await work.repeats.claim(key, asked, ctx.clock.now())
    if earlier is not None:
        if earlier.request != asked:
            return problem(422, "This Idempotency-Key was used with another body: take a new one.")
        if not earlier.status:
            return problem(409, "The first request with this Idempotency-Key is still running.")
        return Response(earlier.answer, earlier.status, media_type="application/json")
    succeeded = False
    try:
        response = await act()
        succeeded = response.status_code < 400
    finally:
        async with ctx.store.begin() as work:
            if succeeded:
                await work.repeats.keep(key, response.status_code, bytes(response.body).decode())
            else:
                await work.repeats.drop(key)
    return response
