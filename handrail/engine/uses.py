"""From one user's events of a feature to the signals that the struggle rules read."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from handrail.domain.features import Feature
from handrail.domain.struggles import FeatureUse, Peers

RAGE_CLICK = "$mp_rage_click"
DEAD_CLICK = "$mp_dead_click"
REASON_PROPERTY = "reason"


class FeatureEvent(NamedTuple):
    """One event of one user; `time` in epoch seconds."""

    time: int
    name: str
    account_ids: tuple[str, ...]
    reason: str = ""


@dataclass
class Walk:
    """How far the last attempt got, and how many attempts were abandoned on the way.

    An attempt is abandoned where a step is not followed by a further one in time: in so many seconds, and
    before the next attempt. It counts once. `pending` is the time of the furthest step of an attempt that
    is neither finished nor abandoned.
    """

    steps: Sequence[str]
    patience: float
    reached: int = 0
    pending: int | None = None
    abandoned: int = 0

    def attempt(self, time: int) -> None:
        self._leave()
        self.reached = 0
        self.pending = time if len(self.steps) > 1 else None

    def step(self, name: str, time: int) -> None:
        place = self.steps.index(name)
        if place <= self.reached:
            return
        self.reached = place
        self._check(time)
        if self.pending is not None:
            self.pending = time if place < len(self.steps) - 1 else None

    def success(self) -> None:
        self.pending = None

    def end(self, time: float) -> None:
        """The window is over; an attempt that still had time is not judged."""
        self._check(time)

    def _check(self, time: float) -> None:
        if self.pending is not None and time - self.pending > self.patience:
            self._leave()

    def _leave(self) -> None:
        if self.pending is not None:
            self.abandoned += 1
            self.pending = None


def collect(
    user_key: str, events: Sequence[FeatureEvent], feature: Feature, *, since: float = 0, until: float
) -> FeatureUse | None:
    """The signals of one user on one feature from `since` to `until`; None without an attempt.

    `reached` is the furthest step of the last attempt. Clicks are all of the user's inside the window.
    Events before `since` count as what was before.
    """
    named = feature.events
    errors: Counter[str] = Counter()
    accounts: dict[str, None] = {}
    attempts: list[int] = []
    successes: list[int] = []
    walk = Walk([step.event for step in feature.steps], 60 * feature.struggle.abandoned_after_minutes)
    inside = sorted((event for event in events if event.time >= since), key=lambda event: event.time)
    for event in inside:
        if event.name not in feature.event_names():
            continue
        accounts.update(dict.fromkeys(event.account_ids))
        if event.name == named.attempt:
            attempts.append(event.time)
            walk.attempt(event.time)
        elif event.name in walk.steps:
            walk.step(event.name, event.time)
        if event.name == named.success:
            successes.append(event.time)
            walk.success()
        if named.error and event.name == named.error:
            errors[event.reason] += 1
    if not attempts:
        return None
    walk.end(until)
    names = Counter(event.name for event in inside)
    before = Counter(event.name for event in events if event.time < since)
    return FeatureUse(
        user_key=user_key,
        account_ids=tuple(accounts),
        attempts=len(attempts),
        successes=len(successes),
        errors=dict(errors),
        rage_clicks=names[RAGE_CLICK],
        dead_clicks=names[DEAD_CLICK],
        abandoned=walk.abandoned,
        help_views=names[named.help] if named.help else 0,
        attempts_before=before[named.attempt],
        successes_before=before[named.success],
        last_attempt=datetime.fromtimestamp(attempts[-1], UTC),
        last_success=datetime.fromtimestamp(successes[-1], UTC) if successes else None,
        reached=walk.reached,
    )


@dataclass
class Gathering:
    """Adds up one feature over everybody, and keeps those who tried it often enough."""

    feature: Feature
    often: list[FeatureUse] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    """Names of events that anybody had inside the window."""
    _fleet: Peers = field(default_factory=Peers)
    _by_account: dict[str, Peers] = field(default_factory=lambda: defaultdict(Peers))

    def keep(self, use: FeatureUse) -> None:
        """Somebody who may struggle; whoever tried less often is not kept."""
        if use.attempts > self.feature.struggle.more_than_attempts:
            self.often.append(use)

    def count(self, accounts: Iterable[str], peers: Peers) -> None:
        """Add people who all belong to these accounts."""
        self._fleet = together(self._fleet, peers)
        for account in set(accounts):
            self._by_account[account] = together(self._by_account[account], peers)

    @property
    def tried(self) -> int:
        """People who tried it, often or not."""
        return self._fleet.users

    def measured(self) -> Iterator[FeatureUse]:
        """Those who tried it often enough."""
        return (measured(use, self.feature, self.seen) for use in self.often)

    def others(self, use: FeatureUse) -> tuple[Peers, dict[str, Peers]]:
        """The fleet, and each account of this person, without this person."""
        mine = alone(use)
        accounts = {each: together(self._by_account[each], mine, sign=-1) for each in use.account_ids}
        return together(self._fleet, mine, sign=-1), accounts


def together(one: Peers, other: Peers, *, sign: int = 1) -> Peers:
    return Peers(
        users=one.users + sign * other.users,
        attempts=one.attempts + sign * other.attempts,
        successes=one.successes + sign * other.successes,
    )


def alone(use: FeatureUse) -> Peers:
    return Peers(users=1, attempts=use.attempts, successes=use.successes)


def measured(use: FeatureUse, feature: Feature, seen: Collection[str]) -> FeatureUse:
    """The use with None for every frustration whose events nobody had: it was not measured, it is not zero.

    Abandoned attempts need a step after the first.
    """
    later = {step.event for step in feature.steps[1:]} - {feature.events.attempt}
    unseen = {
        "rage_clicks": RAGE_CLICK not in seen,
        "dead_clicks": DEAD_CLICK not in seen,
        "help_views": feature.events.help not in seen,
        "abandoned": later.isdisjoint(seen),
    }
    return use.model_copy(update={name: None for name, missing in unseen.items() if missing})
