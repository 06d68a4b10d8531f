"""Tokens: read from their setting, and recognised without telling by time how near a guess came."""

import hmac
import re
from collections.abc import Sequence
from hashlib import sha256

from pydantic import SecretStr

from handrail.domain.access import ApiToken, Role
from handrail.errors import ConfigError

LEAST_CHARACTERS = 16
_NAME = re.compile(r"[\w.-]{1,40}")
_SHAPE = "write name:role:token, divided by commas; roles are read, approve and admin"


def read_tokens(text: str) -> tuple[ApiToken, ...]:
    """Tokens of HANDRAIL_API_TOKENS. Raises `ConfigError`, which never holds a token."""
    found: dict[str, ApiToken] = {}
    for number, part in enumerate(filter(None, (each.strip() for each in text.split(","))), 1):
        name, _, rest = part.partition(":")
        role, _, token = rest.partition(":")
        if role not in set(Role) or not _NAME.fullmatch(name):
            raise ConfigError(f"HANDRAIL_API_TOKENS, entry {number}: {_SHAPE}.")
        if name in found:
            raise ConfigError(f"HANDRAIL_API_TOKENS names {name} twice: give each token a name of its own.")
        if len(token) < LEAST_CHARACTERS or not (token.isascii() and token.isprintable()) or " " in token:
            raise ConfigError(
                f"HANDRAIL_API_TOKENS: the token of {name} is too short or no plain text: "
                f"use at least {LEAST_CHARACTERS} random characters."
            )
        found[name] = ApiToken(name=name, role=Role(role), token=SecretStr(token))
    if not found:
        raise ConfigError(f"HANDRAIL_API_TOKENS holds no token: {_SHAPE}.")
    return tuple(found.values())


def recognise(tokens: Sequence[ApiToken], given: str) -> ApiToken | None:
    """The token that was given. Each is compared, whole, whichever fits."""
    wanted = sha256(given.encode("utf-8", "surrogatepass")).digest()
    found = None
    for each in tokens:
        if hmac.compare_digest(sha256(each.token.get_secret_value().encode()).digest(), wanted):
            found = each
    return found
