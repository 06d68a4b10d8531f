"""Finding the account a person means: exactly, or not at all."""

from collections.abc import Sequence

from rapidfuzz import fuzz, process, utils

from handrail.domain.accounts import Account


def match(asked: str, accounts: Sequence[Account]) -> Account | list[Account]:
    """The one account that `asked` names, else up to five candidates, best first (none: an empty list).

    Exact means: the name in any case, our id, the Mixpanel id in its own case, or the domain.
    """
    wanted = asked.strip()
    for same in (
        lambda account: wanted in (account.id, account.mixpanel_id) or account.name == wanted,
        lambda account: account.name.casefold() == wanted.casefold(),
        lambda account: bool(account.domain) and account.domain.casefold() == wanted.casefold(),
    ):
        hits = [account for account in accounts if same(account)]
        if len(hits) == 1:
            return hits[0]
        if hits:
            return hits[:5]
    return _near(wanted, accounts)


def _near(wanted: str, accounts: Sequence[Account]) -> list[Account]:
    names = [account.name for account in accounts]
    found = process.extract(
        wanted, names, scorer=fuzz.WRatio, processor=utils.default_process, limit=20, score_cutoff=72
    )
    # Of equally near names the one closest in length comes first: "acm" is rather Acme than Acme Labs.
    best = sorted(found, key=lambda hit: (-round(hit[1]), abs(len(hit[0]) - len(wanted)), hit[0]))
    return [accounts[index] for _, _, index in best[:5]]
