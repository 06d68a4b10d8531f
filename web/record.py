"""Commands that come over HTTP go on the record of tool calls: who, what, of which account, how it ended."""

import json
from dataclasses import dataclass

from fastapi import Request
from fastapi.responses import Response

from handrail.context import ToolContext
from handrail.domain.access import Outcome, ToolCall
from handrail.engine import keys

NOBODY = "local"
"""Whoever reaches the app while no tokens are set: from this machine alone."""


@dataclass(frozen=True)
class Command:
    """`what` is the method and the route's path, never what stands in its place; `body` is only hashed."""

    caller: str
    what: str
    body: str
    milliseconds: int


def caller(request: Request) -> str:
    """The name of the token that was given."""
    return str(getattr(request.state, "caller", NOBODY))


async def record(ctx: ToolContext, command: Command, response: Response | None) -> None:
    """Put a command on record. No response: it broke."""
    call = ToolCall(
        at=ctx.clock.now(),
        caller=command.caller,
        tool=command.what,
        account_id=_account(response) if response else "",
        milliseconds=command.milliseconds,
        outcome=_outcome(response),
        arguments=keys.arguments_key(ctx.secret, command.body),
    )
    async with ctx.store.begin() as work:
        await work.calls.record([call])


def _outcome(response: Response | None) -> Outcome:
    if response is None or response.status_code == 500:
        return "broken"
    if response.status_code == 403:
        return "refused"
    return "ok" if response.status_code < 400 else "error"


def _account(response: Response) -> str:
    """The account that an answer is of."""
    account = json.loads(bytes(response.body)).get("account")
    return str(account.get("id", "")) if isinstance(account, dict) else ""
