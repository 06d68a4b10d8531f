"""Property breakdowns: which values may be kept at all, and which groups are too small to be shown."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from handrail.domain.metrics import PropertyValue, ValueKind
from handrail.engine.personal import holds_somebody
from handrail.engine.segments import LEAST_GROUP
from handrail.engine.text import shown

KEPT_VALUES = 20
"""Values of a property that are kept for an account and day; what comes after them is `other`."""

_LIST_OR_OBJECT = ("[", "{")
_PERSONAL = re.compile(
    r"@|＠|%40"  # an address, however it is written
    r"|^\W*[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}\W*$"  # a UUID
    r"|^\W*(?=[^0-9]*[0-9])[0-9a-z]{20,}\W*$"  # a key or token: long, without a space, with a digit
    r"|^[\s+()-]*([0-9][\s()-]*){9,}$"  # a telephone number, or any long number
    r"|^(\d{1,3}\.){3}\d{1,3}$",  # an IP address
    re.IGNORECASE,
)


def value(raw: str) -> tuple[ValueKind, str]:
    """What is kept of a value: itself, that it was not set, or nothing but that there was one.

    Values that look like an address or an id of a person are never kept, nor are lists and objects, nor
    what follows the path of a link.
    """
    if raw.startswith(_LIST_OR_OBJECT) or _PERSONAL.search(raw) or holds_somebody(raw):
        return "other", ""
    label = shown(_AFTER_PATH.split(raw)[0] if "://" in raw else raw)
    return ("value", label) if label else ("unset", "")


_AFTER_PATH = re.compile(r"[?#]")


class Group(NamedTuple):
    """One value of a property over a period: its events, and who had it.

    `marks` are those of the days on which marks are kept; `daily_users` is the most users of any one day.
    """

    kind: ValueKind
    label: str
    total: int
    marks: frozenset[bytes]
    daily_users: int
    whole: bool
    """Whether marks are kept for every day of the group."""

    @property
    def least_users(self) -> int:
        return max(len(self.marks), self.daily_users)


def fold(groups: Iterable[Group]) -> tuple[list[PropertyValue], int]:
    """(groups that may be shown, most events first; events of all others).

    A group is shown if at least five users are sure to be in it, and nobody or at least five are not: users
    may be in several groups, and all of them together are told elsewhere. What is folded must itself be five
    users or more, for it is the rest of a known total: else the smallest shown groups are folded too.
    """
    ordered = sorted(groups, key=lambda group: (-group.total, group.kind, group.label))
    everybody = frozenset[bytes]().union(*(group.marks for group in ordered))
    large = [
        group
        for group in ordered
        if group.kind != "other" and group.least_users >= LEAST_GROUP and _leaves_enough(group, everybody)
    ]
    kept = large[:KEPT_VALUES]
    rest = [group for group in ordered if group not in kept]
    while rest and kept and _together(rest) < LEAST_GROUP:
        smallest = min(kept, key=lambda group: (group.least_users, group.total))
        kept.remove(smallest)
        rest.append(smallest)
    shown_groups = [
        PropertyValue(
            kind=group.kind,
            value=group.label,
            total=group.total,
            users=len(group.marks) if group.whole else None,
        )
        for group in kept
    ]
    return shown_groups, sum(group.total for group in rest)


def _leaves_enough(group: Group, everybody: frozenset[bytes]) -> bool:
    """Where marks are gone the users of a group are not told, so that nothing can be taken from them."""
    left = len(everybody - group.marks)
    return not group.whole or left == 0 or left >= LEAST_GROUP


def _together(groups: Sequence[Group]) -> int:
    """Users who are sure to be in one of the groups."""
    marks = len(frozenset[bytes]().union(*(group.marks for group in groups)))
    return max(marks, *(group.daily_users for group in groups))
