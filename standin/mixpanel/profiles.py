"""Changes to one profile, operation by operation."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from standin.mixpanel.values import is_number

Profile = dict[str, Any]
Operation = Callable[[Profile, Any], None]


class UpdateError(Exception):
    """An update that changes nothing; the message goes into the answer's body."""


def apply(
    profiles: dict[str, Profile],
    identifier: str,
    update: dict[str, Any],
    operations: dict[str, Operation],
    now: str | None,
) -> None:
    """Change a profile, making it if there is none. `now` becomes `$last_seen` unless time is ignored."""
    asked = [name for name in update if name in operations or name == "$delete"]
    if len(asked) != 1:
        raise UpdateError("an update needs exactly one known operation")
    if asked[0] == "$delete":
        profiles.pop(identifier, None)
        return
    changed = copy.deepcopy(profiles.get(identifier, {}))
    operations[asked[0]](changed, update[asked[0]])
    if now is not None and not update.get("$ignore_time"):
        changed["$last_seen"] = now
    profiles[identifier] = changed


def _set(profile: Profile, given: Any) -> None:
    profile.update(_object(given))


def _set_once(profile: Profile, given: Any) -> None:
    for name, value in _object(given).items():
        profile.setdefault(name, value)


def _add(profile: Profile, given: Any) -> None:
    for name, amount in _object(given).items():
        before = profile.get(name, 0)
        if not is_number(amount) or not is_number(before):
            raise UpdateError(f"$add needs numbers: {name}")
        profile[name] = before + amount


def _union(profile: Profile, given: Any) -> None:
    for name, values in _object(given).items():
        known = _list(profile, name)
        for value in values if isinstance(values, list) else [values]:
            if value not in known:
                known.append(value)


def _append(profile: Profile, given: Any) -> None:
    for name, value in _object(given).items():
        _list(profile, name).append(value)


def _remove(profile: Profile, given: Any) -> None:
    for name, value in _object(given).items():
        if isinstance(profile.get(name), list) and value in profile[name]:
            profile[name].remove(value)


def _unset(profile: Profile, given: Any) -> None:
    if not isinstance(given, list):
        raise UpdateError("$unset needs a list of names")
    for name in given:
        profile.pop(str(name), None)


def _object(given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise UpdateError("the operation needs an object")
    return given


def _list(profile: Profile, name: str) -> list[Any]:
    known = profile.setdefault(name, [])
    if not isinstance(known, list):
        raise UpdateError(f"{name} is not a list")
    return known


GROUP_OPERATIONS: dict[str, Operation] = {
    "$set": _set,
    "$set_once": _set_once,
    "$unset": _unset,
    "$union": _union,
    "$remove": _remove,
}
USER_OPERATIONS = GROUP_OPERATIONS | {"$add": _add, "$append": _append}
