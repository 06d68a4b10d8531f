"""People at send time: addresses and names, fetched from Mixpanel and held in memory only."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from handrail.engine import keys
from handrail.engine.text import first_name
from handrail.services.mixpanel.answers import Profile
from handrail.services.mixpanel.client import Mixpanel

OPT_OUT_PROPERTY = "handrail_opt_out"
CONSENT_PROPERTY = "handrail_consent"
_WANTED = ["$email", "$name", "$first_name", "$timezone", OPT_OUT_PROPERTY, CONSENT_PROPERTY]


@dataclass(frozen=True)
class Contact:
    """A person we may write to. Personal fields stay out of `repr`, so no log line can show them."""

    user_key: str
    distinct_id: str = field(repr=False)
    email: str = field(repr=False)
    first_name: str = field(repr=False)
    zone: str = field(default="", repr=False)
    """As the profile says it, unchecked."""
    opted_out: bool = False
    consent_refused: bool = False


class People:
    """Finds the person behind a user key: remembered ids first, else one walk over all profiles."""

    def __init__(self, mixpanel: Mixpanel, secret: bytes) -> None:
        self._mixpanel = mixpanel
        self._secret = secret
        self._ids: dict[str, str] = {}
        self._expected: set[str] = set()
        self._absent: set[str] = set()
        self.homes: tuple[datetime, dict[str, tuple[str, ...]]] | None = None
        """When the accounts of users were read from their profiles, and these by user key."""

    def key_of(self, distinct_id: str) -> str:
        """The user key of an id, which is forgotten again."""
        return keys.user_key(self._secret, distinct_id)

    def key(self, distinct_id: str) -> str:
        """The user key of an id that just passed by; the id itself is remembered in memory."""
        user_key = keys.user_key(self._secret, distinct_id)
        self._ids[user_key] = distinct_id
        return user_key

    def expect(self, user_keys: Iterable[str]) -> None:
        """Name everybody who will be asked for, so that one walk over all profiles serves them all."""
        self._expected = set(user_keys)
        self._absent.clear()

    async def fetch(self, user_keys: Collection[str]) -> dict[str, Contact]:
        """Contacts of these people, as far as Mixpanel has profiles of them. Read anew on every call."""
        wanted = set(user_keys)
        ids = await self.ids(wanted)
        if not ids:
            return {}
        profiles = self._mixpanel.profiles(_WANTED, distinct_ids=list(ids.values()))
        found = [_contact(keys.user_key(self._secret, each.distinct_id), each) async for each in profiles]
        return {contact.user_key: contact for contact in found if contact.user_key in wanted}

    async def ids(self, user_keys: Collection[str]) -> dict[str, str]:
        """The distinct_ids of these people, as far as Mixpanel has profiles of them. For memory only."""
        wanted = set(user_keys)
        if not (wanted - (self._absent & self._expected)) <= self._ids.keys():
            await self._walk(wanted | self._expected)
        return {user_key: self._ids[user_key] for user_key in wanted if user_key in self._ids}

    async def _walk(self, wanted: set[str]) -> None:
        """Find ids by their keys among all profiles: one query, however many there are."""
        async for profile in self._mixpanel.profiles(["$created"]):
            user_key = keys.user_key(self._secret, profile.distinct_id)
            if user_key in wanted:
                self._ids[user_key] = profile.distinct_id
        self._absent = wanted - self._ids.keys()


def _contact(user_key: str, profile: Profile) -> Contact:
    values: dict[str, Any] = profile.properties
    email = values.get("$email")
    name = values.get("$first_name") or values.get("$name")
    return Contact(
        user_key=user_key,
        distinct_id=profile.distinct_id,
        email=email.strip() if isinstance(email, str) and _is_address(email.strip()) else "",
        first_name=first_name(name) if isinstance(name, str) else "",
        zone=values["$timezone"] if isinstance(values.get("$timezone"), str) else "",
        opted_out=values.get(OPT_OUT_PROPERTY) is True,
        consent_refused=values.get(CONSENT_PROPERTY) is False,
    )


def _is_address(text: str) -> bool:
    local, at, domain = text.rpartition("@")
    plain = all(char.isprintable() and char not in ' ,;<>"()[]\\' for char in text)
    dotted = "@" not in local and "." in domain and all(domain.split("."))
    return bool(at and local and dotted) and plain and len(text) <= 254
