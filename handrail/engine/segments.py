"""Counting an account's users, and folding groups that are too small to be told apart."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta

from handrail.domain.segments import NOT_SET, AccountUsers, Breakdown, Group, Seen
from handrail.engine.personal import points_at_somebody
from handrail.engine.text import shown

LEAST_GROUP = 5
"""Groups under so many users are not told."""

MOST_GROUPS = 20
ACTIVE_DAYS = 30
QUIET_DAYS = 14
LEAST_HISTORY = timedelta(days=30)
"""Nobody is called new before so many days of figures lie before the week in question."""

Combination = frozenset[str]
"""All values that one user has of one property; mostly just one."""


def values_of(raw: object) -> Combination:
    """A profile property's values as texts: each distinct one of a list; objects count as not set."""
    texts = (_text(value) for value in (raw if isinstance(raw, list) else [raw]))
    return frozenset(text for text in texts if text) or frozenset({NOT_SET})


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return shown(str(value)) if isinstance(value, str | int | float) else ""


def fold(name: str, users: Mapping[Combination, int]) -> Breakdown:
    """The groups that may be told; the users of all others are `other`, each counted once.

    Nothing that is told, and no difference of it to the whole, is a number from 1 to 4: while one is, the
    smallest group is folded too. Fewer than two groups are no breakdown.
    """
    everybody = sum(users.values())
    sizes: Counter[str] = Counter()
    for combination, count in users.items():
        sizes.update(dict.fromkeys(combination, count))
    harmless = [value for value in sizes if not points_at_somebody(value)]
    told = sorted(harmless, key=lambda value: (-sizes[value], value))[:MOST_GROUPS]
    while len(told) >= 2:
        other = sum(count for combination, count in users.items() if combination - set(told))
        numbers = [*(sizes[value] for value in told), other]
        overlap = sum(numbers) - everybody
        if not any(0 < each < LEAST_GROUP for each in (*numbers, *(everybody - n for n in numbers), overlap)):
            groups = tuple(Group(value=value, users=sizes[value]) for value in told)
            return Breakdown(property=name, groups=groups, other=other)
        told.pop()
    return Breakdown(property=name)


class Tally:
    """The users of one account while the profiles pass by."""

    def __init__(self, properties: Iterable[str], seen: Mapping[str, Seen], as_of: date) -> None:
        self._seen = seen
        self._as_of = as_of
        self._users: set[str] = set()
        self._values: dict[str, Counter[Combination]] = {name: Counter() for name in properties}

    def add(self, user_key: str, profile: Mapping[str, object]) -> None:
        """Count one user of the account, once however often they come."""
        if user_key in self._users:
            return
        self._users.add(user_key)
        for name, counted in self._values.items():
            counted[values_of(profile.get(name))] += 1

    def result(self, account_id: str, active_since: date, now: datetime) -> AccountUsers:
        mine = [seen for user_key, seen in self._seen.items() if user_key in self._users]
        month, week = first_of_last(ACTIVE_DAYS, self._as_of), first_of_last(7, self._as_of)
        quiet = first_of_last(QUIET_DAYS, self._as_of)
        active = sum(seen.last >= month for seen in mine)
        known = active_since <= week - LEAST_HISTORY
        return AccountUsers(
            account_id=account_id,
            as_of=self._as_of,
            active_since=active_since,
            users=len(self._users),
            active_7_days=sum(seen.last >= week for seen in mine),
            active_30_days=active,
            new_7_days=sum(seen.first >= week for seen in mine) if known else None,
            quiet_14_days=sum(seen.last < quiet for seen in mine),
            never_active=len(self._users) - len(mine),
            active_without_profile=sum(seen.last >= month for seen in self._seen.values()) - active,
            breakdowns=tuple(fold(name, counted) for name, counted in self._values.items()),
            counted_at=now,
        )


def first_of_last(days: int, as_of: date) -> date:
    """The first of the last so many days, `as_of` included."""
    return as_of - timedelta(days=days - 1)


def in_words(account: str, users: AccountUsers) -> str:
    """One sentence."""
    new = "" if users.new_7_days is None else f", {users.new_7_days:,} of them new"
    return (
        f"{account}: {users.users:,} users with a profile, of whom {users.active_30_days:,} were active in "
        f"the 30 days up to {users.as_of} and {users.active_7_days:,} in the last 7{new}; "
        f"{users.quiet_14_days:,} have gone quiet for 14 days or more."
    )
