"""An independent, slow and obvious count of frustration, of what was before, and of everybody's use.

- Abandoned attempts. An attempt is what lies between its event and the next attempt's. Its progress is the
  attempt itself, then each step further than all before, until its success or its last step. It is
  abandoned, once, if any progress comes more than 30 minutes after the one before; or if it stops short and
  another attempt follows, or the window's end is more than 30 minutes away.
- Views of help: events of the name on the document's line `  help: `.
- A frustration whose events nobody had inside the window was not measured: None. Abandoned attempts need a
  step after the first.
- Before: attempts and successes of the seven days before the window.
- Everybody: users with an attempt inside the window, their attempts and successes, in all and by account.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tests.oracle import by_user
from tests.oracle_reading import Event, Feature, Reading, read_feature

PATIENCE = 30 * 60
Figures = dict[str, Any]


def frustration(world: Reading, document: Path, as_of: date) -> dict[str, Figures]:
    """By distinct_id of everybody with an attempt in the 7 days."""
    feature, help_event = read_feature(document), help_of(document)
    now = [event for event in world.events if as_of - timedelta(7) < event.day <= as_of]
    before = [event for event in world.events if as_of - timedelta(14) < event.day <= as_of - timedelta(7)]
    happened = {event.name for event in now if event.user}
    end = datetime.combine(as_of + timedelta(1), time(), ZoneInfo(world.project["timezone"])).timestamp()
    told = {}
    for user, mine in by_user(now).items():
        if not any(event.name == feature.attempt for event in mine):
            continue
        earlier = [event.name for event in before if event.user == user]
        names = [event.name for event in mine]
        later = set(feature.step_events[1:]) & happened
        told[user] = {
            "rage_clicks": names.count("$mp_rage_click") if "$mp_rage_click" in happened else None,
            "dead_clicks": names.count("$mp_dead_click") if "$mp_dead_click" in happened else None,
            "help_views": names.count(help_event) if help_event in happened else None,
            "abandoned": sum(abandoned(*each, end, feature) for each in tries(mine, feature))
            if later
            else None,
            "attempts_before": earlier.count(feature.attempt),
            "successes_before": earlier.count(feature.success),
        }
    return told


def help_of(document: Path) -> str:
    lines = document.read_text("utf-8").split("\n")
    return next((line.removeprefix("  help: ") for line in lines if line.startswith("  help: ")), "")


def tries(mine: list[Event], feature: Feature) -> Iterator[tuple[list[Event], bool]]:
    """Each attempt with what followed it, and whether another attempt came."""
    starts = [place for place, event in enumerate(mine) if event.name == feature.attempt]
    for start, stop in zip(starts, [*starts[1:], None], strict=True):
        yield mine[start:stop], stop is not None


def abandoned(events: list[Event], tried_again: bool, end: float, feature: Feature) -> bool:
    progress = [(events[0].time, 0)]
    finished = len(feature.step_events) == 1
    for event in events[1:]:
        if finished:
            break
        if event.name in feature.step_events:
            place = feature.step_events.index(event.name)
            if place > progress[-1][1]:
                progress.append((event.time, place))
        finished = event.name == feature.success or progress[-1][1] == len(feature.step_events) - 1
    times = [at for at, _ in progress]
    slow = any(after - earlier > PATIENCE for earlier, after in itertools.pairwise(times))
    return slow or (not finished and (tried_again or end - times[-1] > PATIENCE))


def everybody(world: Reading, document: Path, as_of: date) -> tuple[list[int], dict[str, list[int]]]:
    """[users, attempts, successes] of the fleet, and by Mixpanel id of the account."""
    feature = read_feature(document)
    names = {*feature.step_events, feature.attempt, feature.success, feature.error}
    fleet = [0, 0, 0]
    accounts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    now = [event for event in world.events if as_of - timedelta(7) < event.day <= as_of]
    for mine in by_user(now).values():
        about = [event for event in mine if event.name in names]
        attempts = sum(event.name == feature.attempt for event in about)
        if not attempts:
            continue
        row = [1, attempts, sum(event.name == feature.success for event in about)]
        for sums in (fleet, *(accounts[each] for each in {a for event in about for a in event.accounts})):
            sums[:] = [one + other for one, other in zip(sums, row, strict=True)]
    return fleet, dict(accounts)
