"""Middleware: unknown names and wrong arguments answered as the protocol wants, in our words."""

import re
from collections.abc import Mapping
from typing import Any

from mcp import MCPError
from mcp.server import MCPServer
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.mcpserver.tools import Tool as McpTool
from mcp.types import INVALID_PARAMS
from pydantic import ValidationError

from mcp_server.access import Refusal
from tools._server import OnDemand


class Manners:
    """Sees to it that a call names what is there, before anything runs."""

    def __init__(self, server: MCPServer[OnDemand], tools: Mapping[str, McpTool]) -> None:
        self._server = server
        self._tools = tools

    async def __call__(self, ctx: ServerRequestContext[Any], call_next: CallNext) -> HandlerResult:
        params = ctx.params or {}
        if ctx.method == "tools/call":
            wrong = self._wrong(str(params.get("name")), params.get("arguments") or {})
            if wrong:
                return Refusal(wrong)
        if ctx.method == "prompts/get":
            await self._check_prompt(str(params.get("name")), params.get("arguments") or {})
        return await call_next(ctx)

    def _wrong(self, name: str, arguments: Mapping[str, Any]) -> str:
        """What is wrong with a call's arguments. Raises `MCPError` for a tool that is not there."""
        tool = self._tools.get(name)
        if tool is None:
            raise MCPError(INVALID_PARAMS, f"Unknown tool: {_short(name)}. Ask tools/list.")
        known = tool.parameters["properties"]
        unknown = [_short(each) for each in arguments if each not in known]
        if unknown:
            return f"{name} has no argument {', '.join(unknown)}. It takes: {', '.join(known) or 'none'}."
        try:
            tool.fn_metadata.validate_arguments(dict(arguments))
        except ValidationError as error:
            told = (f"{'.'.join(map(str, each['loc']))}: {_sentence(each['msg'])}" for each in error.errors())
            return f"{name} was not called. {' '.join(told)}"
        return ""

    async def _check_prompt(self, name: str, arguments: Mapping[str, Any]) -> None:
        prompt = next((each for each in await self._server.list_prompts() if each.name == name), None)
        if prompt is None:
            raise MCPError(INVALID_PARAMS, f"Unknown prompt: {_short(name)}. Ask prompts/list.")
        lacking = [
            each.name for each in prompt.arguments or [] if each.required and not arguments.get(each.name)
        ]
        if lacking:
            raise MCPError(INVALID_PARAMS, f"{name} needs: {', '.join(lacking)}.")


def _short(name: str) -> str:
    """A name from outside, fit to be repeated."""
    return repr(re.sub(r"[^\w.-]", "?", name, flags=re.ASCII)[:40])


def _sentence(words: str) -> str:
    return words if words.endswith(".") else f"{words}."
