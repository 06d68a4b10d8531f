"""Whose call it is, and whether their token's role covers it."""

from collections.abc import Mapping
from typing import Any

from mcp import MCPError
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.types import INVALID_REQUEST
from pydantic import AnyHttpUrl

from handrail.domain.access import ApiToken, Role
from handrail.engine.access import recognise
from tools import Tool

OWNER = "local"
"""Whoever started this process, or reaches it from the same machine while no tokens are set."""

AUTH = AuthSettings(issuer_url=AnyHttpUrl("https://handrail.invalid"), resource_server_url=None)
"""Tokens are given out by the operator: no OAuth server is named, and none is looked for."""


class Verifier:
    """The SDK's way to ask whether a bearer token is one of ours."""

    def __init__(self, tokens: tuple[ApiToken, ...]) -> None:
        self._tokens = tokens

    async def verify_token(self, token: str) -> AccessToken | None:
        found = recognise(self._tokens, token)
        if found is None:
            return None
        # The token itself goes no further than this.
        return AccessToken(token=found.name, client_id=found.name, subject=found.name, scopes=[found.role])


class Access:
    """Middleware: of the tools, each caller sees and calls those that their role covers."""

    def __init__(self, tools: Mapping[str, Tool], tokens: tuple[ApiToken, ...]) -> None:
        self._tools = tools
        self._guarded = bool(tokens)

    async def __call__(self, ctx: ServerRequestContext[Any], call_next: CallNext) -> HandlerResult:
        name, role = self.caller(ctx)
        asked = self._tools.get(str((ctx.params or {}).get("name")))
        if ctx.method == "tools/call" and asked and not role.includes(asked.role):
            raise MCPError(
                INVALID_REQUEST, f"{asked.name} needs a token with the role {asked.role}; {name} has {role}."
            )
        result = await call_next(ctx)
        if ctx.method == "tools/list" and isinstance(result, dict):
            result["tools"] = [each for each in result["tools"] if self._covers(role, each["name"])]
        return result

    def caller(self, ctx: ServerRequestContext[Any]) -> tuple[str, Role]:
        """Name and role. Over stdio it is who started the process."""
        if not self._guarded or ctx.request is None:
            return OWNER, Role.ADMIN
        user = ctx.request.scope.get("user")
        if not isinstance(user, AuthenticatedUser):  # the endpoint lets none in: never guess here
            raise MCPError(INVALID_REQUEST, "A token is needed: send it as Authorization: Bearer.")
        return user.access_token.client_id, Role(user.access_token.scopes[0])

    def _covers(self, role: Role, name: str) -> bool:
        return name not in self._tools or role.includes(self._tools[name].role)
