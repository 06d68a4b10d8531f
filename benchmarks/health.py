"""How good the alerts are: planted stories found, and nothing else, over many made-up worlds.

`python -m benchmarks.health` replays the nights of 200 seeds and prints for each kind of story how many were
planted and found, and the days to notice; precision and recall with Wilson's 95 % intervals; and the alerts
of worlds in which nothing happens. Exit code 1 where the figures miss what is promised.

An alert is true if it is the first of its story, on the story's account, of one of its kinds, and raised from
the story's first day to two weeks after its last. All others are false: a second alert about a story, too,
and one about an account that only drifted, however far. A story is found if its true alert came by its last
day. An open alert that is told again, because it is a quarter worse, is one alert; these are counted apart.
"""

import argparse
import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np

from benchmarks.health_worlds import EVENTS, FEATURES, JUDGED, NAMES, Name, Story, World, make, nights
from handrail.domain.alerts import Alert, Found
from handrail.engine import alert_limits as limits
from handrail.engine import fleet
from handrail.engine.alerts import reconcile, remembered_since
from handrail.engine.anomalies import find

SEEDS = 200
LEAST = 0.9
MOST_NULL = 1.0
"""Alerts of 100 account-weeks in worlds without a story."""

LATE = timedelta(days=14)
"""An alert that comes later than it should does not count as found, and is no false alarm."""


@dataclass
class Tally:
    """What was raised and what was planted, over worlds."""

    stories: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    true: int = 0
    false: Counter[str] = field(default_factory=Counter)
    account_weeks: float = 0
    days: dict[str, list[int]] = field(default_factory=dict)
    """By story, from its first day to its alert."""
    again: int = 0
    """How often an open alert was told again because it was worse."""

    @property
    def precision(self) -> float:
        raised = self.true + self.false.total()
        return self.true / raised if raised else 1.0

    @property
    def recall(self) -> float:
        return self.found.total() / self.stories.total() if self.stories else 1.0

    def add(self, world: World, alerts: list[Alert], again: int = 0) -> None:
        told: set[Story] = set()
        self.again += again
        self.account_weeks += len(world.accounts) * JUDGED / 7
        self.stories.update(story.name for story in world.stories)
        for alert in sorted(alerts, key=lambda each: each.raised_on):
            story = next((each for each in world.stories if _fits(each, alert)), None)
            if story is None or story in told:
                self.false[f"{alert.kind}{' of all' if not alert.account_id else ''}"] += 1
                continue
            told.add(story)
            self.true += 1
            if alert.raised_on <= story.last:
                self.found[story.name] += 1
                self.days.setdefault(story.name, []).append((alert.raised_on - story.first).days)


def _fits(story: Story, alert: Alert) -> bool:
    return (
        story.account == alert.account_id
        and alert.kind.value in story.kinds
        and story.first <= alert.raised_on <= story.last + LATE
    )


def replay(world: World) -> tuple[list[Alert], int]:
    """Every alert that the judged nights raise, as it was raised, and how often one was told again."""
    kept: dict[str, Alert] = {}
    raised: dict[str, Alert] = {}
    again = 0
    for at in nights(world):
        book = look(world, at)
        known = [
            each
            for each in kept.values()
            if each.state == "open" or each.seen_on >= remembered_since(book.last)
        ]
        for alert in reconcile(find(book), known, book.last, _no_words):
            again += alert.id in kept and alert.told_on > kept[alert.id].told_on
            kept[alert.id] = alert
            raised.setdefault(alert.id, alert)
    return list(raised.values()), again


def _no_words(_: Found) -> tuple[str, str, str]:
    return "", "", ""


def look(world: World, at: int) -> fleet.Book:
    """What a night knows whose last day is column `at`: nothing of it comes later."""
    span = slice(at + 1 - limits.SPAN, at + 1)
    days, known = world.days[span], world.known[span]
    totals = world.by_name[:, :, span].sum(axis=1)
    names = {
        (EVENTS[name], days[number]): int(totals[name, number])
        for name, number in np.argwhere(totals * known)
    }
    born = np.array([np.argmax(row[: at + 1] > 0) for row in world.events]) - (at + 1 - limits.SPAN)
    unborn = np.arange(limits.SPAN)[None, :] < born[:, None]

    def seen(values: fleet.Series) -> fleet.Series:
        return np.where(unborn | ~known, np.nan, values[:, span])

    entered, completed = map(seen, world.funnel)
    features = {feature: seen(world.by_name[-1 - number]) for number, feature in enumerate(FEATURES)}

    gone = [EVENTS.index(each) for each in fleet.retired(names, days[-1])]
    people = {
        name: int(present[:, at + 1 - 35 : at + 1 - 7].any(axis=1).sum())
        for name, present in zip(world.accounts, world.presence, strict=True)
    }
    return fleet.Book(
        accounts=tuple(world.accounts),
        last=days[-1],
        events=seen(world.events - world.by_name[gone].sum(axis=0)),
        users=seen(world.users),
        sessions=seen(world.sessions),
        errors=seen(world.errors),
        people=people,
        holidays=world.holidays,
        funnels={
            (name, "activation"): np.stack([entered[row], completed[row]])
            for row, name in enumerate(world.accounts)
        },
        features={
            (name, feature): values[row]
            for row, name in enumerate(world.accounts)
            for feature, values in features.items()
        },
        quiet=fleet.quiet(_users(world, at), days[-1]),
        names=names,
        samples=[
            fleet.Sample(100_000, int(100_000 * world.coverage[day]))
            for day in range(at - 2 * limits.NEW_USUAL, at + 1)
        ],
    )


def _users(world: World, at: int) -> list[tuple[str, int, date]]:
    """Of each person the days in the six weeks before the reach of silence, and the last day."""
    end = at + 1 - limits.SILENT_REACH
    rows = []
    for name, present in zip(world.accounts, world.presence, strict=True):
        base = present[:, end - 7 * limits.KEY_WEEKS : end].sum(axis=1)
        last = at - np.argmax(present[:, at::-1], axis=1)
        came = present[:, : at + 1].any(axis=1)
        rows += [(name, int(base[person]), world.days[last[person]]) for person in np.flatnonzero(came)]
    return rows


def judge(seeds: range) -> dict[Name, Tally]:
    """Worlds of these seeds, replayed."""
    tallies: dict[Name, Tally] = {name: Tally() for name in NAMES}
    worlds = [(name, seed) for seed in seeds for name in NAMES]
    with ProcessPoolExecutor(initializer=_alone) as processes:
        for name, world, alerts, again in processes.map(judged, worlds, chunksize=len(NAMES)):
            tallies[name].add(world, alerts, again)
    return tallies


def _alone() -> None:
    os.nice(5)


def judged(which: tuple[Name, int]) -> tuple[Name, World, list[Alert], int]:
    """The world of a seed, and what its nights told."""
    world = make(*which)
    return which[0], world, *replay(world)


def told(tallies: dict[Name, Tally]) -> tuple[list[str], bool]:
    """The figures in lines, and whether they keep what is promised.

    Precision and recall are of the worlds with stories together; the null world has its own figure.
    """
    whole = Tally()
    for name, tally in tallies.items():
        if name != "null":
            whole.stories += tally.stories
            whole.found += tally.found
            whole.false += tally.false
            whole.true += tally.true
            whole.again += tally.again
            for story, days in tally.days.items():
                whole.days.setdefault(story, []).extend(days)
    null = tallies["null"]
    rate = 100 * (null.true + null.false.total()) / null.account_weeks
    lines = [
        *(_story(whole, story) for story in whole.stories),
        f"false alerts: {_counts(whole.false)}; open ones told again because worse: {whole.again}",
        f"precision {_share(whole.true, whole.true + whole.false.total())} alerts",
        f"recall {_share(whole.found.total(), whole.stories.total())} stories",
        f"null world: {rate:.2f} alerts of 100 account-weeks (at most {MOST_NULL:g}), of "
        f"{null.account_weeks:,.0f}: {_counts(null.false)}",
    ]
    return lines, min(whole.precision, whole.recall) >= LEAST and rate <= MOST_NULL


def _story(whole: Tally, story: str) -> str:
    days = whole.days.get(story)
    middle = f"{np.median(days):.0f} days to notice in the middle" if days else "none noticed"
    return f"{story}: planted {whole.stories[story]}, found {whole.found[story]}, {middle}"


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{kind} {count}" for kind, count in counts.most_common()) or "none"


def _share(count: int, of: int) -> str:
    """With Wilson's 95 % interval."""
    from statsmodels.stats.proportion import proportion_confint  # noqa: PLC0415

    if not of:
        return "not measured, of 0"
    low, high = proportion_confint(count, of, method="wilson")
    return f"{count / of:.3f} ({low:.3f} to {high:.3f}) of {of}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--first", type=int, default=0, help="First seed; thresholds were fixed on others.")
    given = parser.parse_args()
    begun = time.perf_counter()
    lines, kept = told(judge(range(given.first, given.first + given.seeds)))
    nights_done = given.seeds * len(NAMES) * JUDGED
    print(f"alerts, seeds {given.first} to {given.first + given.seeds - 1}, {nights_done} nights, "  # noqa: T201
          f"{time.perf_counter() - begun:.0f} s")  # fmt: skip
    print("\n".join(lines))  # noqa: T201
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()
