"""Which accounts an event belongs to, from the value of the account property or the user's profile."""

from collections.abc import Iterable, Mapping

from handrail.domain.accounts import Account
from handrail.engine.personal import is_address

NO_ACCOUNT = frozenset(
    {"", "undefined", "null", "<null>", "none", "(not set)", "$other", "$overall", "$average"}
)
"""Values that stand for "nothing" or for sums, in any case: never an account."""


def account_ids(value: object) -> tuple[str, ...]:
    """The accounts a value names: a string, a number, or a list of them; each once, in order.

    Ids are case-sensitive, words for nothing are not. Booleans and objects name no account, and neither does
    a mail address: it names a person, and ids of accounts are kept as they are.
    """
    values = value if isinstance(value, list) else [value]
    return tuple(dict.fromkeys(name for name in map(_name, values) if _is_account(name)))


def _is_account(name: str) -> bool:
    return name.strip().lower() not in NO_ACCOUNT and not is_address(name)


def _name(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


PUBLIC_MAIL = frozenset(
    {
        "126.com", "163.com", "aol.com", "btinternet.com", "comcast.net", "duck.com", "fastmail.com",
        "free.fr", "gmail.com", "gmx.at", "gmx.ch", "gmx.com", "gmx.de", "gmx.net", "googlemail.com",
        "hey.com", "hotmail.co.uk", "hotmail.com", "hotmail.de", "hotmail.fr", "hotmail.it", "hushmail.com",
        "icloud.com", "laposte.net", "libero.it", "live.com", "mac.com", "mail.com", "mail.ru", "me.com",
        "msn.com", "naver.com", "orange.fr", "outlook.com", "outlook.de", "outlook.fr", "pm.me",
        "posteo.de", "proton.me", "protonmail.com", "qq.com", "rediffmail.com", "rocketmail.com",
        "seznam.cz", "t-online.de", "tutanota.com", "uol.com.br", "wanadoo.fr", "web.de", "wp.pl",
        "yahoo.co.in", "yahoo.co.jp", "yahoo.co.uk", "yahoo.com", "yahoo.de", "yahoo.fr", "yahoo.it",
        "yandex.com", "yandex.ru", "ymail.com", "zoho.com",
    }
)  # fmt: skip
"""Domains under which anybody gets an address: they name no company, whatever an account says."""


def by_domain(accounts: Iterable[Account]) -> dict[str, str]:
    """Mixpanel ids by mail domain; a domain that two accounts claim leads to neither."""
    claims: dict[str, set[str]] = {}
    for account in accounts:
        for domain in filter(None, (account.domain, *account.domains)):
            claims.setdefault(domain.lower(), set()).add(account.mixpanel_id)
    return {
        domain: next(iter(ids))
        for domain, ids in claims.items()
        if len(ids) == 1 and domain not in PUBLIC_MAIL
    }


def of_profile(
    properties: Mapping[str, object], *, profile_property: str, domains: Mapping[str, str]
) -> tuple[str, ...]:
    """The accounts of a user: what the profile property names, else whose domain the address has."""
    named = account_ids(properties.get(profile_property)) if profile_property else ()
    email = properties.get("$email")
    if named or not isinstance(email, str):
        return named
    account = domains.get(email.strip().rpartition("@")[2].lower())
    return (account,) if account else ()


def elsewhere(address: str, accounts: Iterable[Account]) -> bool:
    """Whether the address is of a domain that none of these accounts has.

    Nobody can tell where there is no address, or an account whose domain is not known.
    """
    domain = address.rpartition("@")[2].lower()
    known = [{each.lower() for each in (one.domain, *one.domains) if each} for one in accounts]
    return bool(domain and known) and all(domains and domain not in domains for domains in known)
