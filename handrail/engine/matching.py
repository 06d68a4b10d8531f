"""Who is compared with whom: churned accounts before they left, kept ones on the same days."""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, timedelta

from handrail.domain.accounts import Account
from handrail.domain.churn import Case, Outcomes, PastDay, Sample

STEP = 7
"""Days between two days that are replayed."""


def outcomes(accounts: Iterable[Account], last: date) -> Outcomes:
    """Who had left by the end of `last`, and who had not. Who will leave later is neither."""
    ours = [each for each in accounts if not each.internal]
    return Outcomes(
        churned={each.id: each.churned_at for each in ours if each.churned_at and each.churned_at <= last},
        kept=frozenset(each.id for each in ours if each.churned_at is None),
    )


def sample(days: Iterable[PastDay], ends: Outcomes, *, days_before: int) -> Sample:
    """Each account once at most.

    A churned account is taken on the replayed day that lies `days_before` to six days more before it left.
    Kept ones are dealt out over the days of the churned ones, in an order that has nothing to do with them;
    what is asked of an account is asked of both kinds, and of the days up to the compared one alone.
    """
    known: dict[date, dict[str, PastDay]] = defaultdict(dict)
    for each in days:
        known[each.day][each.account] = each
    churned = tuple(
        Case(past, left)
        for account, left in sorted(ends.churned.items(), key=lambda one: (one[1], one[0]))
        if (past := _before(known, account, left - timedelta(days=days_before)))
    )
    return Sample(churned, tuple(_dealt(known, churned, ends.kept)))


def _before(known: Mapping[date, Mapping[str, PastDay]], account: str, latest: date) -> PastDay | None:
    """The account on the replayed day of the week that ends with `latest`."""
    week = (latest - timedelta(days=ago) for ago in range(STEP))
    return next((known[day][account] for day in week if day in known and account in known[day]), None)


def _dealt(
    known: Mapping[date, Mapping[str, PastDay]], churned: Sequence[Case], kept: Collection[str]
) -> Iterable[Case]:
    for number, account in enumerate(sorted(kept, key=_shuffled)):
        for at in range(len(churned)):
            case = churned[(number + at) % len(churned)]
            past = known[case.past.day].get(account)
            if past is not None:
                yield Case(past, case.end)
                break


def _shuffled(account: str) -> str:
    """An order that has nothing to do with names, sizes or ages."""
    return hashlib.sha256(account.encode()).hexdigest()
