"""Funnels as Mixpanel counts them: per user, in time order, inside a window from step 1."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from handrail.domain.funnels import Bottleneck, FunnelCounts, FunnelStep

GRACE_SECONDS = 2
"""Two events closer than this count as simultaneous (Mixpanel's documented rule)."""


def conversion(counts: FunnelCounts) -> float | None:
    """Users who finished over users who entered, 0 to 1; None if nobody entered."""
    if not counts.users or counts.users[0] == 0:
        return None
    return counts.users[-1] / counts.users[0]


def steps(counts: FunnelCounts) -> list[FunnelStep]:
    """The step table, with each step's share of the step before (None for the entry and after nobody)."""
    before = [0, *counts.users]
    return [
        FunnelStep(
            step=number,
            event=event,
            users=users,
            from_previous=users / before[number - 1] if number > 1 and before[number - 1] else None,
        )
        for number, (event, users) in enumerate(zip(counts.events, counts.users, strict=True), 1)
    ]


def bottleneck(counts: FunnelCounts) -> Bottleneck | None:
    """The step with the largest loss of users; the earlier one of equals; None if nobody was lost."""
    losses = [before - after for before, after in pairwise(counts.users)]
    if not losses or max(losses) <= 0:
        return None
    worst = losses.index(max(losses))
    return Bottleneck(step=worst + 2, event=counts.events[worst + 1], lost=losses[worst])


def median(values: Sequence[float]) -> float | None:
    ordered = sorted(values)
    if not ordered:
        return None
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


FunnelEvent = tuple[int, str, tuple[str, ...]]
"""(epoch seconds, event name, account ids) of one user's event."""


def reached(
    events: Sequence[FunnelEvent], step_events: Sequence[str], window: int, entry: tuple[int, int]
) -> dict[str, int]:
    """How many steps one user completed, by account; the key "" is the user without a breakdown.

    `entry` is the half-open span of epoch seconds in which step 1 must lie. A further attempt starts when
    the one before has converted or run out, and counts only for an account that the user has not entered yet.
    """
    ordered = sorted(events, key=lambda event: event[0])
    first: dict[str, int] = {}
    free_at = entry[0]
    for index, (start, name, _) in enumerate(ordered):
        if name != step_events[0] or not entry[0] <= start < entry[1]:
            continue
        if start < free_at:
            continue
        matched = _attempt(ordered, index, step_events, window)
        accounts = next((ids for _, _, ids in (ordered[at] for at in matched) if ids), ())
        for key in ("", *accounts):
            first.setdefault(key, len(matched))
        done = len(matched) == len(step_events)
        free_at = ordered[matched[-1]][0] + 1 if done else start + window
    return first


def _attempt(
    ordered: Sequence[FunnelEvent], first: int, step_events: Sequence[str], window: int
) -> list[int]:
    """Indexes of the events matched from `first` on, one for each step reached."""
    start = ordered[first][0]
    matched, used = [first], {first}
    for wanted in step_events[1:]:
        earliest = ordered[matched[-1]][0] - GRACE_SECONDS
        hit = next(
            (
                at
                for at, (when, name, _) in enumerate(ordered)
                if name == wanted and at not in used and earliest < when < start + window
            ),
            None,
        )
        if hit is None:
            break
        matched.append(hit)
        used.add(hit)
    return matched


def count(
    users: Iterable[Sequence[FunnelEvent]], step_events: Sequence[str], window: int, entry: tuple[int, int]
) -> dict[str, FunnelCounts]:
    """Users per step, by account id; the key "" is everybody, each user once."""
    totals: dict[str, list[int]] = {"": [0] * len(step_events)}
    for events in users:
        for key, depth in reached(events, step_events, window, entry).items():
            row = totals.setdefault(key, [0] * len(step_events))
            for step in range(depth):
                row[step] += 1
    return {key: FunnelCounts(events=tuple(step_events), users=tuple(row)) for key, row in totals.items()}
