"""Middleware: every call of a tool is put on record, without its arguments or its answer."""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from mcp import MCPError
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext

from handrail.domain.access import Outcome, ToolCall
from handrail.engine import keys
from handrail.errors import HandrailError
from tools._server import OnDemand

UNKNOWN = "unknown"
"""Stands for a tool that is not there: its name may be anything."""

PAUSE = 0.2
"""Seconds in which calls gather, so that many in a row cost one write."""

log = logging.getLogger(__name__)


@dataclass
class Call:
    """A call that is not on record yet."""

    caller: str
    tool: str
    arguments: str = field(repr=False)
    outcome: Outcome = "broken"
    account_id: str = ""
    milliseconds: int = 0


class Audit:
    """Rows are written after the answer, several at once where calls come fast; `flush` waits for them."""

    def __init__(
        self, on_demand: OnDemand, tools: Collection[str], caller: Callable[[ServerRequestContext[Any]], str]
    ) -> None:
        self._on_demand = on_demand
        self._tools = tools
        self._caller = caller
        self._waiting: list[Call] = []
        self._writing: asyncio.Task[None] | None = None

    async def __call__(self, ctx: ServerRequestContext[Any], call_next: CallNext) -> HandlerResult:
        if ctx.method != "tools/call":
            return await call_next(ctx)
        params = ctx.params or {}
        name = str(params.get("name"))
        given = json.dumps(params.get("arguments") or {}, sort_keys=True)
        call = Call(self._caller(ctx), name if name in self._tools else UNKNOWN, given)
        started = time.monotonic()
        try:
            result = await call_next(ctx)
            call.outcome, call.account_id = _outcome(result, name), _account(result)
            return result
        except MCPError:
            call.outcome = "refused"
            raise
        finally:  # a call that was cancelled stays broken, and is on record too
            call.milliseconds = round((time.monotonic() - started) * 1000)
            self._waiting.append(call)
            if self._writing is None or self._writing.done():
                self._writing = asyncio.create_task(self._write())

    async def _write(self) -> None:
        while self._waiting:
            await asyncio.sleep(PAUSE)
            calls, self._waiting = self._waiting, []
            try:
                ctx = await self._on_demand.whole()
                now, secret = ctx.clock.now(), ctx.secret
                rows = [
                    ToolCall(
                        at=now,
                        caller=call.caller,
                        tool=call.tool,
                        account_id=call.account_id,
                        milliseconds=call.milliseconds,
                        outcome=call.outcome,
                        arguments=keys.arguments_key(secret, call.arguments),
                    )
                    for call in calls
                ]
                async with ctx.store.begin() as work:
                    await work.calls.record(rows)
            except HandrailError:
                log.info("%d calls were not put on record: no project was opened", len(calls))
            except Exception as error:
                log.error("%d calls were not put on record: %s", len(calls), type(error).__name__)

    async def flush(self) -> None:
        if self._writing is not None:
            await self._writing


def _outcome(result: HandlerResult, name: str) -> Outcome:
    told = result if isinstance(result, dict) else {}
    if told.get("resultType") == "input_required":
        return "asked"
    if not told.get("isError"):
        return "ok"
    # Of a crash the SDK tells the name and no more.
    crashed = [block.get("text") for block in told["content"]] == [f"Error executing tool {name}"]
    return "broken" if crashed else "error"


def _account(result: HandlerResult) -> str:
    """The account that an answer is of."""
    answer = (result.get("structuredContent") if isinstance(result, dict) else None) or {}
    account = answer.get("account")
    return str(account.get("id", "")) if isinstance(account, dict) else ""
