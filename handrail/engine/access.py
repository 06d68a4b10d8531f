"""Tokens and what they see: read from their settings, and recognised without telling by time how near a
guess came."""

import hmac
import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, cast, get_args

from pydantic import SecretStr

from handrail.domain.access import ApiToken, Role, Sees
from handrail.errors import ConfigError

LEAST_CHARACTERS = 16
LEAST_OTHERS = 5
"""Accounts that a reader does not see, behind any figure over all of them."""

_NAME = re.compile(r"[\w.-]{1,40}")
_SHAPE = "write name:role:token, divided by commas; roles are read, approve and admin"
_RULE = re.compile(r":(?=\s*\w*\s*=)")
"""Where a token ends and what it sees begins. A token may hold colons of its own."""

_SEES = "write csm=NAME, segment=NAME or account=ID, several of one kind divided by |"
_BY = get_args(Sees.model_fields["by"].annotation)


def read_tokens(text: str) -> tuple[ApiToken, ...]:
    """Tokens of HANDRAIL_API_TOKENS. Raises `ConfigError`, which never holds a token."""
    found: dict[str, ApiToken] = {}
    for number, part in enumerate(filter(None, (each.strip() for each in text.split(","))), 1):
        name, _, rest = part.partition(":")
        role, _, rest = rest.partition(":")
        token, *rule = _RULE.split(rest, maxsplit=1)
        if role not in set(Role) or not _NAME.fullmatch(name):
            raise ConfigError(f"HANDRAIL_API_TOKENS, entry {number}: {_SHAPE}.")
        if name in found:
            raise ConfigError(f"HANDRAIL_API_TOKENS names {name} twice: give each token a name of its own.")
        if len(token) < LEAST_CHARACTERS or not (token.isascii() and token.isprintable()) or " " in token:
            raise ConfigError(
                f"HANDRAIL_API_TOKENS: the token of {name} is too short or no plain text: "
                f"use at least {LEAST_CHARACTERS} random characters."
            )
        sees = read_sees(rule[0], f"HANDRAIL_API_TOKENS, the token of {name}") if rule else None
        if sees and Role(role) is Role.ADMIN:
            raise ConfigError(
                f"HANDRAIL_API_TOKENS: {name} is an admin and sees some accounts only: an admin sees all; "
                "use read or approve."
            )
        found[name] = ApiToken(name=name, role=Role(role), token=SecretStr(token), sees=sees)
    if not found:
        raise ConfigError(f"HANDRAIL_API_TOKENS holds no token: {_SHAPE}.")
    return tuple(found.values())


def read_sees(text: str, where: str) -> Sees:
    """A rule such as `csm=Anna Smith|Ben Ode`. Raises `ConfigError` that names `where`, never a token."""
    by, _, rest = text.partition("=")
    values = tuple(filter(None, (each.strip() for each in rest.split("|"))))
    if by.strip() not in _BY or not values or not all(each.isprintable() for each in values):
        raise ConfigError(f"{where}: it is not clear which accounts are meant: {_SEES}.")
    return Sees(by=cast("Any", by.strip()), values=values)


def enough_others(all_of_them: int, own: int) -> bool:
    """Whether so many accounts that a reader does not see stand behind a figure that none of them shows."""
    return all_of_them - own >= LEAST_OTHERS


def recognise(tokens: Sequence[ApiToken], given: str) -> ApiToken | None:
    """The token that was given. Each is compared, whole, whichever fits."""
    wanted = sha256(given.encode("utf-8", "surrogatepass")).digest()
    found = None
    for each in tokens:
        if hmac.compare_digest(sha256(each.token.get_secret_value().encode()).digest(), wanted):
            found = each
    return found
