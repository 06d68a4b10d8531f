"""The doors of the web app: the hosts it answers to, the pages that may call it, and whose token counts."""

import base64
import binascii
from dataclasses import dataclass
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from handrail.domain.access import ApiToken, Role
from handrail.engine.access import read_tokens, recognise
from handrail.errors import ConfigError
from handrail.settings import Settings
from web.paths import below, root
from web.problems import problem

LOCAL = ("127.0.0.1", "localhost", "[::1]")
OPEN = ("/t/", "/u/", "/tutorials/", "/hooks/sendgrid", "/healthz", "/static/")
"""Without a token: what mails link to, what is signed, and whether the process answers at all."""

ENDPOINT = "/mcp"
"""Asks for the token itself, as the protocol wants it."""

CHALLENGE = 'Basic realm="Handrail{0}", charset="UTF-8", Bearer realm="Handrail{0}"'
"""With the path of a workspace: a browser keeps a password for each."""


@dataclass(frozen=True)
class Doors:
    """`hosts` are names without ports; `origins` are those of pages that may call from a browser."""

    tokens: tuple[ApiToken, ...]
    hosts: tuple[str, ...]
    origins: tuple[str, ...]

    @property
    def served(self) -> list[str]:
        """What the MCP endpoint compares a Host header with: each name, alone and with any port."""
        return [*self.hosts, *(f"{host}:*" for host in self.hosts)]

    @property
    def callers(self) -> list[str]:
        return [*(f"http://{host}:*" for host in LOCAL), *(f"http://{host}" for host in LOCAL), *self.origins]


def doors(settings: Settings) -> Doors:
    """Raises `ConfigError` where more than this machine would be served without tokens."""
    if settings.sees:
        raise ConfigError(
            "HANDRAIL_SEES narrows commands such as `handrail mcp`: for a server, write what a token sees "
            "behind it in HANDRAIL_API_TOKENS."
        )
    tokens = read_tokens(settings.api_tokens.get_secret_value()) if settings.api_tokens else ()
    if not tokens:
        for name, given in (
            ("HANDRAIL_ALLOWED_HOSTS", settings.allowed_hosts),
            ("HANDRAIL_ALLOWED_ORIGINS", settings.allowed_origins),
        ):
            if given:
                raise ConfigError(
                    f"{name} needs HANDRAIL_API_TOKENS: without a token only this machine is served."
                )
        return Doors((), LOCAL, ())
    public = urlsplit(settings.public_url)
    own = (f"{public.scheme}://{public.netloc}",) if public.hostname else ()
    hosts = dict.fromkeys((*LOCAL, *filter(None, [public.hostname]), *settings.allowed_hosts))
    return Doors(tokens, tuple(hosts), tuple(dict.fromkeys((*own, *settings.allowed_origins))))


class Gate:
    """Middleware of everything but the MCP endpoint: a token with the role that the request needs."""

    def __init__(self, app: ASGIApp, tokens: tuple[ApiToken, ...], *, read_only: bool) -> None:
        self._app = app
        self._tokens = tokens
        self._read_only = read_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or below(scope) == ENDPOINT or open_to_all(below(scope)):
            await self._app(scope, receive, send)
            return
        refused = self._refused(Request(scope))
        await (refused or self._app)(scope, receive, send)

    def _refused(self, request: Request) -> Response | None:
        """Why the request is not let in. Who is, stands in its state."""
        role = needed(request.method, below(request.scope))
        if self._read_only and role is not Role.READ:
            return problem(
                403, "This installation is read-only (HANDRAIL_READ_ONLY): nothing can be changed."
            )
        if not self._tokens:
            return None
        token = recognise(self._tokens, _given(request.headers.get("authorization", "")))
        if token is None:
            return problem(
                401,
                "A token is needed: as Authorization: Bearer, or as the password of a browser.",
                headers={"WWW-Authenticate": CHALLENGE.format(root(request.scope))},
            )
        if not token.role.includes(role):
            return problem(403, f"This needs a token with the role {role}; {token.name} has {token.role}.")
        request.state.role, request.state.caller, request.state.sees = token.role, token.name, token.sees
        return None


def open_to_all(path: str) -> bool:
    return path.startswith(OPEN)


def needed(method: str, path: str) -> Role:
    """Looking is for everybody; what changes anything for those who approve; another project for admins."""
    if method in {"GET", "HEAD", "OPTIONS"}:
        return Role.READ
    return Role.ADMIN if path.startswith("/api/integrations/") else Role.APPROVE


def _given(header: str) -> str:
    """The token of an Authorization header: a bearer's, or a browser's password, whatever the user's name."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(value.strip(), validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""
