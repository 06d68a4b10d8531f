"""Which properties and values may point at a person: neither is kept, however many people share it."""

import re

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


def points_at_somebody(value: str) -> bool:
    """Whether a value looks like an address, a link, a phone or IP number, or an id."""
    return bool(_ADDRESS_OR_LINK.search(value) or _ID.search(value))
