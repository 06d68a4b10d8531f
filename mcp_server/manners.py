"""Middleware: what is not there, or lacks an argument, is answered as the protocol wants."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from mcp import MCPError
from mcp.server import MCPServer
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.types import INVALID_PARAMS

from tools._server import OnDemand


async def answerable(ctx: ServerRequestContext[Any], call_next: CallNext) -> HandlerResult:
    """Middleware: what is asked without an id could get no answer, and is not worked on."""
    if ctx.request_id is None and not ctx.method.startswith("notifications/"):
        return None
    return await call_next(ctx)


class Manners:
    """Unknown tools and prompts, and prompts without a required argument, are invalid parameters."""

    def __init__(self, server: MCPServer[OnDemand], tools: Collection[str]) -> None:
        self._server = server
        self._tools = tools

    async def __call__(self, ctx: ServerRequestContext[Any], call_next: CallNext) -> HandlerResult:
        params = ctx.params or {}
        name = str(params.get("name"))
        if ctx.method == "tools/call" and not await self._is_tool(name):
            raise MCPError(INVALID_PARAMS, f"Unknown tool: {_repeated(name)}. Ask tools/list.")
        if ctx.method == "prompts/get":
            await self._check_prompt(name, params.get("arguments") or {})
        return await call_next(ctx)

    async def _is_tool(self, name: str) -> bool:
        """Ours are known; what was added to the server is looked up, which costs more than most calls."""
        return name in self._tools or name in {each.name for each in await self._server.list_tools()}

    async def _check_prompt(self, name: str, given: object) -> None:
        prompt = next((each for each in await self._server.list_prompts() if each.name == name), None)
        if prompt is None:
            raise MCPError(INVALID_PARAMS, f"Unknown prompt: {_repeated(name)}. Ask prompts/list.")
        if not isinstance(given, Mapping):
            raise MCPError(INVALID_PARAMS, f"The arguments of {name} have to be an object.")
        lacking = [each.name for each in prompt.arguments or [] if each.required and not given.get(each.name)]
        if lacking:
            raise MCPError(INVALID_PARAMS, f"{name} needs: {', '.join(lacking)}.")


def _repeated(name: str) -> str:
    """A name from outside, fit to be repeated."""
    return repr(re.sub(r"[^\w.-]", "?", name, flags=re.ASCII)[:40])
