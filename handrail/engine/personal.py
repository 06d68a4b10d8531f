"""Which properties and values may point at a person: neither is kept, however many people share it."""

import re
from typing import Any

_NAMES = {"id", "ip", "alias", "login", "mobile", "user", "userid", "identifiedid", "anonid", "deviceid"}
_NAMES |= {"name", "names", "surname", "middlename", "familyname", "givenname", "nickname", "displayname"}
_NAMES |= {"city", "region", "timezone", "zip", "zipcode", "postcode", "postalcode"}
_NAMES |= {"birthday", "dateofbirth", "gender", "latitude", "longitude"}
_WORDS = {"mail", "avatar", "contact", "address", "secret", "token", "ip", "person"}
_WORDS |= {"url", "uri", "href", "referrer", "referer", "el"}
_INSIDE = ("email", "phone", "password", "firstname", "lastname", "fullname", "username", "distinctid")
_WORD = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")
_ADDRESS_OR_LINK = re.compile(r"@|://|\+\d[\d ().-]{6,}|\b\d{1,3}(\.\d{1,3}){3}\b")
_ID = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-|[0-9a-f]{12,}|\d{6,}|\b(?=[a-z]*\d)(?=\d*[a-z])[a-z0-9]{20,}\b", re.IGNORECASE
)


def is_personal(name: str) -> bool:
    """Whether a property holds personal data by its name: `$email`, `user_email`, `Full Name`.

    Mixpanel's reserved properties of people, and what products call their own copies of them.
    """
    words = {word.casefold() for word in _WORD.findall(name)}
    bare = re.sub(r"[^a-z0-9]", "", name.casefold())
    return "@" in name or bare in _NAMES or bool(words & _WORDS) or any(part in bare for part in _INSIDE)


_ADDRESS = re.compile(r"[^\s@<>(),;:\"]+@[^\s@]+\.\w\S*")
_SOMEBODY = (
    r"[\w.+-](?:@|＠|%40|%2540|&#0*64;|&#x0*40;|\\u0040)\w"  # an address, however it is written
    r"|(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])"  # an IP address
    r"|\+\d[\d ().-]{6,}\d"  # a telephone number
    r"|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"  # an id
)
_HOLDS = re.compile(_SOMEBODY, re.IGNORECASE)
_AROUND = re.compile(rf'[^\s"\\<>]*(?:{_SOMEBODY})[^\s"\\<>]*', re.IGNORECASE)


def is_address(text: str) -> bool:
    """Whether the text is a mail address and nothing else."""
    return bool(_ADDRESS.fullmatch(text.strip()))


def holds_somebody(text: str) -> bool:
    """Whether somebody's address, telephone or IP number, or id stands in a name that is kept as it is.

    Narrower than `points_at_somebody`: versions, dates, order numbers and long words pass.
    """
    return bool(_HOLDS.search(text))


def harmless_name(name: str, number: int) -> str:
    """A name that a colleague gave something in Mixpanel; its number where somebody stands in it."""
    return name if name and not holds_somebody(name) else f"no. {number}"


def without_somebody(text: str) -> str:
    """The text with such words taken out."""
    return _AROUND.sub("(removed)", text)


def nobody_inside(value: Any) -> Any:
    """A JSON value with such words taken out of each of its texts."""
    if isinstance(value, dict):
        return {name: nobody_inside(each) for name, each in value.items()}
    if isinstance(value, list):
        return [nobody_inside(each) for each in value]
    return without_somebody(value) if isinstance(value, str) else value


def points_at_somebody(value: str) -> bool:
    """Whether a value looks like an address, a link, a phone or IP number, or an id."""
    return bool(_ADDRESS_OR_LINK.search(value) or _ID.search(value))
