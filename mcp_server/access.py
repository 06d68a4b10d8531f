"""Whose call it is, whether their token's role covers it, and which accounts they see."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mcp import MCPError
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.types import INVALID_REQUEST
from pydantic import AnyHttpUrl

from handrail.domain.access import NOT_YOURS, ApiToken, Reach, Role, Sees
from handrail.engine.access import recognise
from tools import Tool
from tools._server import OnDemand

OWNER = "local"
"""Whoever started this process, or reaches it from the same machine while no tokens are set."""

AUTH = AuthSettings(issuer_url=AnyHttpUrl("https://handrail.invalid"), resource_server_url=None)
"""Tokens are given out by the operator: no OAuth server is named, and none is looked for."""


RESOURCES: Mapping[str, Reach] = {
    "account://{id}/overview": "accounts",
    "handrail://brief/latest": "refused",
    "kb://features": "same",
    "kb://features/{slug}": "same",
    "policy://sending": "same",
    "run://latest": "refused",
    "run://{date}": "refused",
    "score://definition": "same",
}
"""What who sees some accounts gets of each resource and template; pages (`ui://`) hold no figures.

Prompts are the same for everybody: they hold their arguments and no more.
"""

COMPLETED: Mapping[str, Reach] = {
    "account": "accounts",
    "accounts": "accounts",
    "date": "refused",
    "feature": "same",
    "funnel": "accounts",
    "id": "accounts",
    "report": "refused",
    "slug": "same",
}
"""The same of the names that are completed, by the argument's name."""


@dataclass(frozen=True)
class Caller:
    name: str
    role: Role
    sees: Sees | None = None


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
    """Middleware: of the tools, each caller sees and calls those that their role covers, and of what these
    and the resources answer the accounts that they see."""

    def __init__(
        self,
        on_demand: OnDemand,
        tools: Mapping[str, Tool],
        tokens: tuple[ApiToken, ...],
        own: Sees | None = None,
    ) -> None:
        """`own` is what the process's owner sees, where it is started for somebody who sees some accounts."""
        self._on_demand = on_demand
        self._tools = tools
        self._tokens = {each.name: each for each in tokens}
        self._own = own

    async def __call__(self, ctx: ServerRequestContext[Any], call_next: CallNext) -> HandlerResult:
        caller = self.caller(ctx)
        self._check(ctx, caller)
        with self._on_demand.seen_by(caller.sees):
            result = await call_next(ctx)
        if ctx.method == "tools/list" and isinstance(result, dict):
            result["tools"] = [each for each in result["tools"] if self._covers(caller, each["name"])]
        return result

    def _check(self, ctx: ServerRequestContext[Any], caller: Caller) -> None:
        params = ctx.params or {}
        asked = self._tools.get(str(params.get("name")))
        if ctx.method == "tools/call" and asked and not caller.role.includes(asked.role):
            raise MCPError(
                INVALID_REQUEST,
                f"{asked.name} needs a token with the role {asked.role}; {caller.name} has {caller.role}.",
            )
        if caller.sees and ctx.method == "resources/read" and not readable(str(params.get("uri"))):
            raise MCPError(INVALID_REQUEST, NOT_YOURS)

    def caller(self, ctx: ServerRequestContext[Any]) -> Caller:
        """Who calls. Over stdio it is who started the process."""
        if not self._tokens or ctx.request is None:
            return Caller(OWNER, Role.ADMIN, self._own)
        user = ctx.request.scope.get("user")
        if not isinstance(user, AuthenticatedUser):  # the endpoint lets none in: never guess here
            raise MCPError(INVALID_REQUEST, "A token is needed: send it as Authorization: Bearer.")
        token = self._tokens[user.access_token.client_id]
        return Caller(token.name, token.role, token.sees)

    def _covers(self, caller: Caller, name: str) -> bool:
        tool = self._tools.get(name)
        return tool is None or (caller.role.includes(tool.role) and not (caller.sees and tool.refused))


def readable(uri: str) -> bool:
    """Whether who sees some accounts may read what has this address: unless it is listed as that, not."""
    scheme = uri.partition("://")[0].lower()
    return scheme == "ui" or any(
        reach != "refused" and scheme == known.partition("://")[0] for known, reach in RESOURCES.items()
    )
