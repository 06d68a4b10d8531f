"""An independent, slow and obvious count of the users of a world's accounts, from profiles.jsonl.

- A profile belongs to each account its account property names; one that names none belongs to the accounts
  in which its user had an event in the last 30 days.
- Active, new and quiet are said of these users, by the days on which they had an event of that account.
- Groups: users by each distinct value of a property. Kept are those of 5 users and more, the largest 20;
  then, while any kept group, the rest, what either leaves of the whole, or what the groups have in common
  is 1 to 4 users, the smallest kept group goes to the rest. Fewer than two kept groups: nothing is told.
"""

import json
from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from tests.oracle_reading import NO_ACCOUNT, Reading, read

LEAST = 5


def count(folder: Path, as_of: date, properties: list[str]) -> dict[str, dict[str, Any]]:
    """By Mixpanel id of the account: the figures, and the groups by property."""
    world = read(folder)
    days = active_days(world, as_of)
    members: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    for line in (folder / "profiles.jsonl").read_text("utf-8").split("\n"):
        if line.strip():
            row = json.loads(line)
            user, profile = row["$distinct_id"], row["$properties"]
            named = names(profile.get(world.project["account_property"]))
            lately = [a for a in days if any(day > as_of - timedelta(days=30) for day in days[a][user])]
            for account in named or lately:
                members[account][user] = profile
    return {
        account: {
            **figures(set(members[account]), days[account], as_of),
            "groups": {name: groups(members[account], name) for name in properties},
        }
        for account in {*members, *days}
    }


def active_days(world: Reading, as_of: date) -> dict[str, dict[str, set[date]]]:
    """By account and user: the days up to `as_of` with an event."""
    found: dict[str, dict[str, set[date]]] = defaultdict(lambda: defaultdict(set))
    for event in world.events:
        if event.user and event.day <= as_of:
            for account in event.accounts:
                found[account][event.user].add(event.day)
    return found


def names(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [str(one) for one in values if one is not None and str(one).strip().lower() not in NO_ACCOUNT]


def figures(users: set[str], days: dict[str, set[date]], as_of: date) -> dict[str, Any]:
    def within(last: int) -> set[str]:
        return {user for user, active in days.items() if any(as_of - day < timedelta(last) for day in active)}

    before_this_week = {
        user for user, active in days.items() if any(as_of - day >= timedelta(7) for day in active)
    }
    return {
        "users": len(users),
        "active_7_days": len(users & within(7)),
        "active_30_days": len(users & within(30)),
        "new_7_days": len(users & (within(7) - before_this_week)),
        "quiet_14_days": len(users & (within(10_000) - within(14))),
        "never_active": len(users - within(10_000)),
        "active_without_profile": len(within(30) - users),
    }


def groups(profiles: dict[str, dict[str, Any]], name: str) -> tuple[dict[str, int], int]:
    """Users by value, and users of the rest."""
    having: dict[str, set[str]] = defaultdict(set)
    for user, profile in profiles.items():
        value = profile.get(name)
        for each in value if isinstance(value, list) else [value]:
            having["(not set)" if each is None else str(each)].add(user)
    sizes = sorted(((len(users), value) for value, users in having.items()), key=lambda s: (-s[0], s[1]))
    kept = [value for size, value in sizes if size >= LEAST][:20]
    while len(kept) >= 2:
        rest = {user for value, users in having.items() if value not in kept for user in users}
        parts = [*(having[value] for value in kept), rest]
        common = sum(len(part) for part in parts) - len(profiles)
        left = [len(profiles.keys() - part) for part in parts]
        if all(number == 0 or number >= LEAST for number in [*map(len, parts), *left, common]):
            return {value: len(having[value]) for value in kept}, len(rest)
        kept.pop()
    return {}, 0
