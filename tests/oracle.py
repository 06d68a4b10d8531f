"""An independent, slow and obvious count of a world folder, to hold the product's numbers against.

It reads the files itself and shares no code with the product or the stand-ins. The rules:

- A line is an event. Lines with the same (event, distinct_id, time, $insert_id), in whatever day files
  they lie, are one event; the one with the highest `mp_processing_time_ms` stays. Without an `$insert_id`
  every line is an event of its own.
- Bookkeeping events (`$identify` and the like) are left out of everything but the counts of lines.
- A day is a calendar day in the project's zone.
- An event belongs to each distinct account its account property names, list or not; missing, empty and
  reserved values name none.
- Users are distinct non-empty distinct_ids.
- A session ends after a gap of more than 30 minutes or at project midnight. It counts for each account
  that has an event in it, and once for everyone.
- Funnels: see `funnel_users` and `attempts_at`. Struggles: see `struggles_with`.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from tests.oracle_reading import Event, Feature, Reading, read, read_feature

SESSION_GAP = 30 * 60
GRACE = 2
SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}


def count(
    folder: Path, from_day: date, to_day: date, accounts: Iterable[str] | None = None
) -> dict[str, Any]:
    """Everything but the struggles, for the days from `from_day` to `to_day`, both included.

    The figures under `counts` are about the whole world, all others about the period. `accounts` limits
    whose figures are listed; by default those of everyone with an event in the period.
    """
    world = read(folder)
    inside = [event for event in world.events if from_day <= event.day <= to_day]
    sessions = [run for run in sessions_of(world.events) if from_day <= run[0].day <= to_day]
    active = {account for event in inside for account in event.accounts}
    listed = sorted(active if accounts is None else active & set(accounts))
    return {
        "world": folder.name,
        "project_id": world.project["project_id"],
        "timezone": world.project["timezone"],
        "period": {
            "from": from_day.isoformat(),
            "to": to_day.isoformat(),
            "days": (to_day - from_day).days + 1,
        },
        "counts": _counts(world),
        "everyone": totals(inside, sessions),
        "accounts": {account: _account(world, account, inside, sessions) for account in listed},
        "accounts_without_events": {
            account: name for account, name in world.group_names.items() if account not in active
        },
        "funnels": [_funnel(world, funnel, from_day, to_day, listed) for funnel in world.project["funnels"]],
    }


def struggling(folder: Path, as_of: date, kb_dir: Path, days: int = 7) -> dict[str, Any]:
    """Who struggles with each feature in the `days` project days that end with `as_of`.

    Order: most attempts first, then lowest completion, then most errors, then by distinct_id.
    """
    world = read(folder)
    first = as_of - timedelta(days=days - 1)
    features = [read_feature(path) for path in sorted(kb_dir.glob("*.md"))]
    answer: dict[str, list[dict[str, Any]]] = {}
    for feature in features:
        pages = {event.page for event in world.events if event.name in feature.step_events}
        users: dict[str, list[Event]] = defaultdict(list)
        for event in world.events:
            if first <= event.day <= as_of and event.user:
                users[event.user].append(event)
        found = [struggles_with(feature, user, events, pages) for user, events in users.items()]
        answer[feature.slug] = sorted(
            (row for row in found if row is not None),
            key=lambda row: (-row["attempts"], row["completion"], -row["errors"], row["distinct_id"]),
        )
    return {"as_of": as_of.isoformat(), "days": days, "features": answer}


def by_user(events: Iterable[Event]) -> dict[str, list[Event]]:
    users: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        if event.user:
            users[event.user].append(event)
    return users


def sessions_of(events: list[Event]) -> Iterator[list[Event]]:
    for mine in by_user(events).values():
        run: list[Event] = []
        for event in mine:
            if run and (event.time - run[-1].time > SESSION_GAP or event.day != run[-1].day):
                yield run
                run = []
            run.append(event)
        yield run


def totals(events: list[Event], sessions: list[list[Event]]) -> dict[str, Any]:
    """The four figures; the average is 0.0 where no event has a user."""
    users = len({event.user for event in events if event.user})
    return {
        "total_events": len(events),
        "unique_users": users,
        "sessions": len(sessions),
        "avg_events_per_user": len(events) / users if users else 0.0,
    }


def _counts(world: Reading) -> dict[str, Any]:
    return {
        "lines": world.lines,
        "duplicates_removed": world.duplicates,
        "left_out": world.left_out,
        "events": len(world.events),
        "without_account": sum(1 for event in world.events if not event.accounts),
        "several_accounts": sum(1 for event in world.events if len(event.accounts) > 1),
        "empty_distinct_id": sum(1 for event in world.events if not event.user),
        "users": len({event.user for event in world.events if event.user}),
    }


def _account(
    world: Reading, account: str, inside: list[Event], sessions: list[list[Event]]
) -> dict[str, Any]:
    """One account: its period, its days with events, its events by name, its hours by weekday from Monday."""
    events = [event for event in inside if account in event.accounts]
    runs = [run for run in sessions if any(account in event.accounts for event in run)]
    names = Counter(event.name for event in events)
    heatmap = [[0] * 24 for _ in range(7)]
    for event in events:
        heatmap[event.day.weekday()][event.hour] += 1
    return {
        "name": world.group_names.get(account, ""),
        "period": totals(events, runs),
        "days": {
            day.isoformat(): totals(
                [event for event in events if event.day == day], [run for run in runs if run[0].day == day]
            )
            for day in sorted({event.day for event in events})
        },
        "top_events": [list(pair) for pair in sorted(names.items(), key=lambda pair: (-pair[1], pair[0]))],
        "heatmap": heatmap,
    }


def _funnel(
    world: Reading, funnel: dict[str, Any], from_day: date, to_day: date, listed: list[str]
) -> dict[str, Any]:
    steps = [step["event"] for step in funnel["steps"]]
    window = funnel["length"] * SECONDS[funnel["length_unit"]]
    overall, accounts = funnel_users(world.events, steps, window, lambda day: from_day <= day <= to_day)
    rates = [(users[0], users[-1] / users[0]) for users in accounts.values()]
    return {
        "funnel_id": funnel["funnel_id"],
        "name": funnel["name"],
        "steps": steps,
        "window_seconds": window,
        "overall": _rates(steps, overall),
        "accounts": {account: _rates(steps, accounts[account]) for account in listed if account in accounts},
        "median_conversion_over_accounts": {
            f"at_least_{least}_entrants": median(
                [rate for entered, rate in rates if entered >= least] or [0.0]
            )
            for least in (1, 5)
        },
    }


def _median(rates: list[float]) -> float | None:
    return median(rates) if rates else None


def _rates(steps: list[str], users: list[int]) -> dict[str, Any]:
    """Rates of users per step; the bottleneck is the earliest of the steps that lose most."""
    lost = [before - after for before, after in pairwise(users)]
    worst = lost.index(max(lost)) + 1
    return {
        "users": users,
        "conversion": users[-1] / users[0] if users[0] else None,
        "step_conversion": [
            None,
            *(after / before if before else None for before, after in pairwise(users)),
        ],
        "bottleneck": {"step": worst + 1, "event": steps[worst], "lost": lost[worst - 1]}
        if lost[worst - 1]
        else None,
    }


def funnel_users(
    events: list[Event], steps: list[str], window: int, enters: Callable[[date], bool]
) -> tuple[list[int], dict[str, list[int]]]:
    """Users per step: of everyone, and by account.

    A user counts once overall, with their first attempt that starts on a day of the period; and once for
    each account, with their first attempt of that account. The account of an attempt is that of its first
    matched step that has one (a list: each of them).
    """
    overall = [0] * len(steps)
    accounts: dict[str, list[int]] = defaultdict(lambda: [0] * len(steps))
    for mine in by_user(events).values():
        seen: set[str] = set()
        for number, matched in enumerate(attempts_at(mine, steps, window, enters)):
            owners = next((event.accounts for event in matched if event.accounts), ())
            for reached in range(len(matched)):
                if number == 0:
                    overall[reached] += 1
                for owner in set(owners) - seen:
                    accounts[owner][reached] += 1
            seen |= set(owners)
    return overall, dict(accounts)


def attempts_at(
    mine: list[Event], steps: list[str], window: int, enters: Callable[[date], bool]
) -> Iterator[list[Event]]:
    """One user's attempts, each the events that matched its steps.

    A step is the first unused event of its name not more than 2 seconds before the step matched last and
    strictly within the window since the first step. The next attempt starts with a first step after the
    conversion, or once the window of the attempt before has passed.
    """
    relevant = [event for event in mine if event.name in steps]
    free_from = 0.0
    for position, start in enumerate(relevant):
        if start.name != steps[0] or not enters(start.day) or start.time < free_from:
            continue
        matched = [start]
        used = {position}
        for name in steps[1:]:
            for place, event in enumerate(relevant):
                fits = event.time > matched[-1].time - GRACE and event.time - start.time < window
                if place not in used and event.name == name and fits:
                    matched.append(event)
                    used.add(place)
                    break
            else:
                break
        yield matched
        converted = len(matched) == len(steps)
        free_from = matched[-1].time + 0.5 if converted else start.time + window


def struggles_with(
    feature: Feature, user: str, events: list[Event], pages: set[str]
) -> dict[str, Any] | None:
    """The verdict on one user and one feature; `events` are all of theirs in the window, oldest first.

    - More than 3 attempts, and completion (successes / attempts) below 30 % (`low_completion`) or at least
      one error event (`errors`). Nobody who succeeded at or after the last attempt.
    - Stuck step: that after the furthest step of the last attempt.
    - Main reason: the most frequent `reason` of the error events; of equals the first in the alphabet.
    - Rage and dead clicks: those on a page on which events of the feature's steps happen.
    - Accounts: those of the user's events of this feature.
    """
    about = [
        event for event in events if event.name in (*feature.step_events, feature.attempt, feature.error)
    ]
    attempts = [event for event in about if event.name == feature.attempt]
    successes = [event for event in about if event.name == feature.success]
    errors = [event for event in about if event.name == feature.error]
    if len(attempts) <= 3:
        return None
    last = attempts[-1]
    if successes and successes[-1].time >= last.time:
        return None
    completion = len(successes) / len(attempts)
    rules = ["low_completion"] * (completion < 0.3) + ["errors"] * bool(errors)
    if not rules:
        return None
    steps = feature.step_events
    reached = max(
        steps.index(event.name) for event in about if event.time >= last.time and event.name in steps
    )
    clicks = Counter(event.name for event in events if event.page in pages)
    return {
        "distinct_id": user,
        "accounts": sorted({account for event in about for account in event.accounts}),
        "attempts": len(attempts),
        "successes": len(successes),
        "completion": completion,
        "errors": len(errors),
        "rules": rules,
        "stuck_step": feature.step_ids[reached + 1],
        "main_reason": _main_reason(errors),
        "rage_clicks": clicks["$mp_rage_click"],
        "dead_clicks": clicks["$mp_dead_click"],
        "last_attempt": last.time,
    }


def _main_reason(errors: list[Event]) -> str | None:
    reasons = [str(event.properties["reason"]) for event in errors if event.properties.get("reason")]
    if not reasons:
        return None
    often = Counter(reasons)
    return min(often, key=lambda reason: (-often[reason], reason))
