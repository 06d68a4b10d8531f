"""Counting an account's users, and folding groups that are too small to be told apart."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import date, datetime, timedelta
from typing import NamedTuple

from handrail.domain.segments import INSIDE, NOT_SET, OUTSIDE, AccountUsers, Breakdown, Group, Seen
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
        if not any(map(too_few, (*numbers, *(everybody - n for n in numbers), overlap))):
            groups = tuple(Group(value=value, users=sizes[value]) for value in told)
            return Breakdown(property=name, groups=groups, other=other)
        told.pop()
    return Breakdown(property=name)


Users = int
"""A set of an account's users: a bit each, in the order in which they passed by."""


def too_few(users: int) -> bool:
    """Whether a number of people must not be told, nor follow from numbers that are."""
    return 0 < users < LEAST_GROUP


def singles_out(families: Iterable[Sequence[Users]], wholes: Iterable[Users]) -> bool:
    """Whether the sizes of these sets, subtracted from one another, can come to a number from 1 to 4.

    `families` are the groups of a property each, or a figure of them; `wholes` are told of the whole account.
    A difference is a number of people where one set lies inside another, or all of a family that do.
    """
    told = [family for family in families if family]
    known = {each for family in told for each in family}
    for whole in {*known, *wholes}:
        for family in told:
            inside = [each for each in family if not each & ~whole]
            parts = [*inside, _together(inside)] if inside else []
            if any(too_few((whole & ~each).bit_count()) for each in parts):
                return True
    return any(too_few(each.bit_count()) for each in known)


class Split(NamedTuple):
    """What users are divided by: a property of their profiles, or a cohort."""

    name: str
    cohort: bool


class Tally:
    """The users of one account while the profiles pass by."""

    def __init__(
        self,
        properties: Iterable[str],
        seen: Mapping[str, Seen],
        as_of: date,
        cohorts: Mapping[str, Set[str]] | None = None,
    ) -> None:
        """`cohorts`: the user keys of their members by name."""
        self._seen = seen
        self._as_of = as_of
        self._cohorts = cohorts or {}
        self._users: dict[str, Users] = {}
        splits = [
            *(Split(name, False) for name in properties),
            *(Split(name, True) for name in self._cohorts),
        ]
        self._values: dict[Split, Counter[Combination]] = {split: Counter() for split in splits}

    def add(self, user_key: str, profile: Mapping[str, object]) -> None:
        """Count one user of the account, once however often they come."""
        if user_key in self._users:
            return
        bit = self._users[user_key] = 1 << len(self._users)
        for split, counted in self._values.items():
            if split.cohort:
                had = frozenset({INSIDE if user_key in self._cohorts[split.name] else OUTSIDE})
            else:
                had = values_of(profile.get(split.name))
            counted[had] += bit  # every user has a bit of their own: the sum is the set

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
            breakdowns=tuple(self._breakdowns(month, quiet)),
            counted_at=now,
        )

    def _breakdowns(self, month: date, quiet: date) -> Iterable[Breakdown]:
        """Each split as far as it may be told beside those before it, and then the activity of its groups."""
        figures: dict[str, Users] = {"active_30_days": 0, "quiet_14_days": 0}
        for user_key, bit in self._users.items():
            seen = self._seen.get(user_key)
            if seen is not None:
                figures["active_30_days"] |= bit if seen.last >= month else 0
                figures["quiet_14_days"] |= bit if seen.last < quiet else 0
        wholes = [(1 << len(self._users)) - 1, *figures.values()]
        told: list[Sequence[Users]] = []
        for split, counted in self._values.items():
            sizes = {values: users.bit_count() for values, users in counted.items()}
            found = fold(split.name, sizes).model_copy(update={"cohort": split.cohort})
            sets = _sets(found, counted)
            if not found.groups or singles_out([*told, sets], wholes):
                yield Breakdown(property=split.name, cohort=split.cohort)
                continue
            told.append(sets)
            numbers: list[dict[str, int]] = [{} for _ in found.groups]
            for name, figure in figures.items():
                within = [each & figure for each in sets]
                if not singles_out([*told, within], wholes):
                    told.append(within)
                    for at, number in enumerate(numbers):
                        number[name] = within[at].bit_count()
            yield found.model_copy(
                update={
                    "groups": tuple(
                        group.model_copy(update=number)
                        for group, number in zip(found.groups, numbers, strict=True)
                    )
                }
            )


def _sets(found: Breakdown, counted: Mapping[Combination, Users]) -> list[Users]:
    """Who is in each group that is told, and last the rest."""
    names = [group.value for group in found.groups]
    sets = [_together(users for values, users in counted.items() if name in values) for name in names]
    rest = _together(users for values, users in counted.items() if values - set(names))
    return [*sets, rest] if rest else sets


def _together(sets: Iterable[Users]) -> Users:
    union = 0
    for each in sets:
        union |= each
    return union


def may_stand_beside(part: tuple[int, int], whole: tuple[int, int]) -> bool:
    """Whether (entered, finished) of a group may be told where the whole account's are."""
    rest = (whole[0] - part[0], whole[1] - part[1])
    return not any(map(too_few, (*part, part[0] - part[1], *rest, rest[0] - rest[1])))


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
