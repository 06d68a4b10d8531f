"""Finding the account a person means: exactly, or not at all."""

from collections.abc import Sequence

from rapidfuzz import fuzz, process, utils

from handrail.domain.accounts import Account


def match(asked: str, accounts: Sequence[Account]) -> Account | list[Account]:
    """The one account that `asked` names, else up to five candidates, best first (none: an empty list).

    Exact means: the name in any case, our id, the Mixpanel id in its own case, an alias, or a domain.
    """
    wanted = asked.strip()
    for same in (
        lambda account: wanted in (account.id, account.mixpanel_id) or account.name == wanted,
        lambda account: account.name.casefold() == wanted.casefold(),
        lambda account: wanted.casefold() in map(str.casefold, account.aliases),
        lambda account: (
            wanted.casefold() in map(str.casefold, filter(None, (account.domain, *account.domains)))
        ),
    ):
        hits = [account for account in accounts if same(account)]
        if len(hits) == 1:
            return hits[0]
        if hits:
            return hits[:5]
    return _near(wanted, accounts)


def nearest(asked: str, accounts: Sequence[Account]) -> list[Account]:
    """The three accounts whose names come nearest, however far that is."""
    names = [utils.default_process(account.name) for account in accounts]
    found = process.extract(utils.default_process(asked), names, scorer=fuzz.WRatio, limit=3)
    return [accounts[index] for _, _, index in found]


def _near(wanted: str, accounts: Sequence[Account]) -> list[Account]:
    """Names that begin with the words come first, then near spellings, shorter names before longer ones."""
    names = [utils.default_process(account.name) for account in accounts]
    asked = utils.default_process(wanted)
    found = process.extract(asked, names, scorer=fuzz.WRatio, limit=20, score_cutoff=72)

    def rank(hit: tuple[str, float, int]) -> tuple[bool, float, int]:
        begins = hit[0].startswith(asked)
        return not begins, 0 if begins else -round(hit[1]), len(hit[0])

    best = sorted(found, key=rank)
    return [accounts[index] for _, _, index in best[:5]]
