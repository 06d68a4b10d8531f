"""The oracle's tables by account and day, row for row, to hold the product's database against.

Beside the rules of `oracle`:

- Names of events and values are shown on one line: control, format and private characters are taken out,
  white space is one blank, and what is longer than 120 characters ends in an ellipsis after 119.
- A property's values: texts, numbers and booleans as JSON writes them. Missing, null and empty are `unset`.
  Lists, objects, and what looks like a person's address, number or id, are `other`; so is what comes after
  the 20 commonest values of an account, day and property (of equals the first in the alphabet stays).
- A feature's clicks are those of the account's users who attempted it there on that day.
- Users have a key, HMAC-SHA256 of the distinct_id, and a mark, 8 bytes of SHA-256 over a key of its own.
- `same` leads from further ids of an account to the one it is kept under.
- An event that names no account belongs to those of its user's home, if there is one.
"""

import hashlib
import hmac
import string
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

from tests import oracle
from tests.oracle_reading import Event, Feature, read

Users = frozenset[bytes]
KEPT = 20


@dataclass(frozen=True)
class Tables:
    """Rows by their key. Users are told by their marks."""

    account_days: dict[tuple[str, date], tuple[int, int, int]] = field(default_factory=dict)
    user_days: dict[tuple[str, date, str], int] = field(default_factory=dict)
    event_days: dict[tuple[str, date, str], tuple[int, Users]] = field(default_factory=dict)
    value_days: dict[tuple[str, date, str, str, str], tuple[int, Users]] = field(default_factory=dict)
    feature_days: dict[tuple[str, date, str], tuple[int, ...]] = field(default_factory=dict)
    hours: dict[tuple[str, date, int], int] = field(default_factory=dict)
    coverage: tuple[int, int, int, int] = (0, 0, 0, 0)


def tables(
    folder: Path,
    first: date,
    last: date,
    *,
    secret: bytes,
    properties: Iterable[str] = (),
    features: Iterable[Feature] = (),
    homes: Mapping[str, tuple[str, ...]] | None = None,
    same: Mapping[str, str] | None = None,
) -> Tables:
    at_home, united = homes or {}, same or {}
    events = []
    for event in read(folder).events:
        named = event.accounts or at_home.get(event.user, ())
        events.append(replace(event, accounts=tuple({united.get(each, each) for each in named})))
    inside = [event for event in events if first <= event.day <= last]
    days: dict[tuple[str, date], list[Event]] = defaultdict(list)
    for event in inside:
        for account in event.accounts:
            days[account, event.day].append(event)
    sessions = Counter(
        (account, run[0].day)
        for run in oracle.sessions_of(events)
        for account in {account for event in run for account in event.accounts}
    )
    marks = Marks(secret)
    found = Tables(coverage=_coverage(inside))
    for (account, day), mine in days.items():
        users = {event.user for event in mine} - {""}
        found.account_days[account, day] = len(mine), len(users), sessions[account, day]
        for user, total in Counter(event.user for event in mine if event.user).items():
            found.user_days[account, day, marks.key(user)] = total
        for hour, total in Counter(event.hour for event in mine).items():
            found.hours[account, day, hour] = total
        for name, group in _grouped(mine, lambda event: on_one_line(event.name)).items():
            found.event_days[account, day, name] = len(group), marks.of(group)
        for name in properties:
            for (kind, value), group in _values(mine, name).items():
                found.value_days[account, day, name, kind, value] = len(group), marks.of(group)
        for feature in features:
            signals = _signals(mine, feature)
            if any(signals[:3]):
                found.feature_days[account, day, feature.slug] = signals
    return found


class Marks:
    """Keys and marks of users."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._mark_key = hmac.digest(secret, b"marks for counting", "sha256")

    def key(self, user: str) -> str:
        return hmac.digest(self._secret, user.encode(), "sha256").hex()

    def of(self, events: Iterable[Event]) -> Users:
        users = {event.user for event in events} - {""}
        return frozenset(
            hashlib.sha256(self._mark_key + bytes.fromhex(self.key(user))).digest()[:8] for user in users
        )


def _coverage(inside: list[Event]) -> tuple[int, int, int, int]:
    owned = [event for event in inside if event.accounts]
    return (
        len(inside),
        len(owned),
        len({(event.day, event.user) for event in inside if event.user}),
        len({(event.day, event.user) for event in owned if event.user}),
    )


def _grouped(events: list[Event], by: Any) -> dict[Any, list[Event]]:
    groups: dict[Any, list[Event]] = defaultdict(list)
    for event in events:
        groups[by(event)].append(event)
    return groups


def _values(events: list[Event], name: str) -> dict[tuple[str, str], list[Event]]:
    groups = _grouped(events, lambda event: value_of(event.properties.get(name), event.user))
    ranked = sorted((key for key in groups if key[0] == "value"), key=lambda key: (-len(groups[key]), key[1]))
    for key in ranked[KEPT:]:
        groups.setdefault(("other", ""), []).extend(groups.pop(key))
    return groups


def value_of(value: Any, user: str) -> tuple[str, str]:
    if isinstance(value, list | dict):
        return "other", ""
    text = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    if text.startswith(("[", "{")) or (text and text == user) or is_personal(text):
        return "other", ""
    shown = on_one_line(text.partition("?")[0].partition("#")[0] if "://" in text else text)
    return ("value", shown) if shown else ("unset", "")


def is_personal(text: str) -> bool:
    """An address, a UUID, a token of 20 or more letters with a digit, 9 or more digits, an IP address."""
    if "@" in text or "＠" in text or "%40" in text:
        return True
    word = text.strip(string.punctuation.replace("_", "") + string.whitespace)
    parts = word.split("-")
    alphanumeric = string.ascii_letters + string.digits
    uuid = word.replace("-", "")
    if len(uuid) == 32 and all(char in string.hexdigits for char in uuid) and len(parts) in (1, 5):
        return True
    token = len(word) >= 20 and all(char in alphanumeric for char in word)
    if token and any(char.isdigit() for char in word):
        return True
    plain = [char for char in text if char not in "+()-" and not char.isspace()]
    if len(plain) >= 9 and all(char in string.digits for char in plain):
        return True
    numbers = text.split(".")
    return len(numbers) == 4 and all(part.isdecimal() and len(part) <= 3 for part in numbers)


def on_one_line(text: str) -> str:
    blank = "".join(" " if char in "\t\n\r\u2028\u2029" else char for char in text)
    kept = [char for char in blank if unicodedata.category(char) not in ("Cc", "Cf", "Co", "Cs", "Cn")]
    line = " ".join("".join(kept).split())
    return line if len(line) <= 120 else line[:119] + "…"


def _signals(events: list[Event], feature: Feature) -> tuple[int, ...]:
    def named(name: str) -> list[Event]:
        return [event for event in events if event.name == name]

    attempts, successes = named(feature.attempt), named(feature.success)
    tried = {event.user for event in attempts} - {""}
    return (
        len(attempts),
        len(successes),
        len(named(feature.error)),
        len(tried),
        len({event.user for event in successes} - {""}),
        sum(event.user in tried for event in named("$mp_rage_click")),
        sum(event.user in tried for event in named("$mp_dead_click")),
    )
