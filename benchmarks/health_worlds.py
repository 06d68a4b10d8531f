"""Worlds of accounts as daily figures, with stories planted in them; made without a look at what finds them.

Each account has people. A person comes on a day with a chance of their own, which the weekday, leave and
the story change, and then makes an overdispersed (negative binomial) number of events. The account's level
drifts (a random walk over weeks), new accounts ramp up, days go missing, public holidays and, for some
accounts, regional ones empty a day. Figures are never smoothed, and no threshold is known here.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray

FIRST = date(2026, 1, 5)
DAYS = 182
SIZE = 20
"""Accounts of a world."""

JUDGED = 56
"""The last days, whose nights are judged."""

Series = NDArray[np.float64]
Name = Literal["stories", "fleet", "null"]
NAMES: tuple[Name, ...] = ("stories", "fleet", "null")

HOLIDAYS = (date(2026, 1, 6), date(2026, 4, 3), date(2026, 4, 6), date(2026, 5, 1), date(2026, 5, 25))
EVENTS = ("Opened", "Viewed", "Edited", "Shared", "Exported")
STORIES = ("cliff", "decline", "errors", "champion", "abandoned", "funnel")
"""Planted in accounts of at least ten people."""

FEATURES = ("export", "share")


@dataclass(frozen=True)
class Story:
    """What was planted: where, of which kinds an alert may be, and the days on which it may come first."""

    account: str
    name: str
    kinds: tuple[str, ...]
    first: date
    last: date


@dataclass
class World:
    """Arrays are accounts × days. `presence` is people × days by account."""

    days: list[date]
    known: NDArray[np.bool_]
    """Days that were read."""
    coverage: Series
    accounts: list[str] = field(default_factory=list)
    presence: list[NDArray[np.bool_]] = field(default_factory=list)
    events: Series = field(default_factory=lambda: np.zeros((SIZE, DAYS)))
    users: Series = field(default_factory=lambda: np.zeros((SIZE, DAYS)))
    sessions: Series = field(default_factory=lambda: np.zeros((SIZE, DAYS)))
    errors: Series = field(default_factory=lambda: np.zeros((SIZE, DAYS)))
    by_name: Series = field(default_factory=lambda: np.zeros((len(EVENTS), SIZE, DAYS)))
    """Names × accounts × days."""
    funnel: Series = field(default_factory=lambda: np.zeros((2, SIZE, DAYS)))
    """Entered and completed × accounts × days."""
    stories: list[Story] = field(default_factory=list)
    holidays: frozenset[date] = frozenset(HOLIDAYS)


def make(name: Name, seed: int) -> World:
    """The world of a seed: 20 accounts over half a year."""
    random = np.random.default_rng([seed, NAMES.index(name)])
    days = [FIRST + timedelta(days=at) for at in range(DAYS)]
    known = random.random(DAYS) > 0.01
    known[-1] = True
    world = World(days, known, np.full(DAYS, 0.95))
    planted = _plan(random, name)
    outage = _outage(random, world) if name == "fleet" and seed % 2 == 0 else np.ones(DAYS)
    for at in range(SIZE):
        _account(random, world, at, planted.get(at, ""), outage)
    if name == "fleet" and seed % 2:
        _broken_tracking(random, world)
    return world


def _plan(random: np.random.Generator, name: Name) -> dict[int, str]:
    """Which account has which story."""
    if name == "null":
        return {0: "seasonal", 1: "seasonal", 2: "small", 3: "small", 4: "new"}
    if name == "fleet":
        return {0: "seasonal", 1: "small", 2: str(random.choice(["cliff", "decline"]))}
    told = ["cliff", "decline", "errors", "champion", "abandoned", "funnel", "seasonal", "small", "new"]
    return dict(enumerate(told))


def _account(random: np.random.Generator, world: World, at: int, story: str, outage: Series) -> None:
    """One account's half year."""
    name = f"a{at:02}"
    people = int(random.integers(1, 3)) if story == "small" else int(np.exp(random.normal(2.6, 0.7))) + 5
    people = max(people, 10) if story in STORIES else people
    born = int(random.integers(0, 60)) if random.random() < 0.25 else 0
    born = int(random.integers(90, 150)) if story == "new" else born
    level = _level(random, born)
    rate = random.gamma(3, 3, people) + 2
    chance = np.where(random.random(people) < 0.4, random.uniform(0.6, 0.9, people),
                      random.uniform(0.1, 0.45, people))  # fmt: skip
    if story == "champion":
        chance = np.concatenate([[random.uniform(0.85, 0.95)], random.uniform(0.15, 0.45, people - 1)])
        rate[0] = rate.mean() * random.uniform(1.0, 2.0)
    weekly = _weekdays(random, seasonal=story == "seasonal")
    day_chance = chance[:, None] * (weekly * level)[None, :]
    _absences(random, day_chance, casual=chance < 0.46)
    _empty_holidays(random, world, day_chance)
    intensity = np.ones(DAYS)
    start = int(random.integers(DAYS - JUDGED + 7, DAYS - 37))
    day_chance *= _told(random, world, name, story, start, people)
    if story == "champion":
        day_chance[0, start:] = 0
    present = random.random(day_chance.shape) < np.clip(day_chance * np.sqrt(outage), 0, 1)
    intensity *= outage / np.sqrt(outage)
    mean = rate[:, None] * intensity[None, :] * present
    shape = float(random.uniform(1.0, 4.0))
    events = np.where(present, random.negative_binomial(shape, shape / (shape + np.maximum(mean, 1e-9))), 0)
    present &= events > 0
    world.accounts.append(name)
    world.presence.append(present)
    world.events[at] = events.sum(axis=0)
    world.users[at] = present.sum(axis=0)
    world.sessions[at] = present.sum(axis=0) + random.poisson(0.3 * present.sum(axis=0))
    _split(random, world, at, story, start)
    _lost_days(random, world, at)


def _level(random: np.random.Generator, born: int) -> Series:
    """A random walk of 4 % a week, and a ramp of six weeks for those who are new."""
    weeks = np.cumsum(random.normal(0, 0.04, DAYS // 7 + 2))
    level = np.exp(np.interp(np.arange(DAYS), 7 * np.arange(len(weeks)), weeks))
    ramp = np.clip((np.arange(DAYS) - born) / 42, 0, 1) if born else np.ones(DAYS)
    return np.asarray(level * np.where(np.arange(DAYS) < born, 0, 0.15 + 0.85 * ramp))


def _weekdays(random: np.random.Generator, *, seasonal: bool) -> Series:
    """How busy each day is, Mondays first: FIRST is one. Seasonal accounts live by week and month's end."""
    week = np.concatenate([random.uniform(0.8, 1.1, 5), random.uniform(0.02, 0.3, 2)])
    if seasonal:
        week = np.array([1.3, 1.1, 0.5, 0.35, 0.9, 0.0, 0.0]) * random.uniform(0.9, 1.1, 7)
    busy = np.tile(week, DAYS // 7 + 1)[:DAYS]
    if seasonal:
        ends = np.array([(FIRST + timedelta(days=at + 3)).day <= 3 for at in range(DAYS)])
        busy = np.where(ends, busy * 1.6, busy)
    return np.asarray(busy)


def _absences(random: np.random.Generator, day_chance: Series, casual: NDArray[np.bool_]) -> None:
    """A long leave of one to three weeks, a few short ones; some casual users come later, some leave."""
    for person in range(len(day_chance)):
        lengths = [
            int(random.choice([9, 16, 23], p=[0.5, 0.4, 0.1])),
            *random.integers(1, 6, random.poisson(1.5)),
        ]
        for length in lengths:
            begins = int(random.integers(0, DAYS))
            day_chance[person, begins : begins + int(length)] = 0
        if casual[person] and random.random() < 0.2:
            cut = int(random.integers(0, DAYS))
            day_chance[person, :cut] *= random.random() < 0.5
            if day_chance[person, :cut].any():
                day_chance[person, cut:] = 0


def _empty_holidays(random: np.random.Generator, world: World, day_chance: Series) -> None:
    """Known public holidays nearly empty a day; a third of the accounts have regional ones nobody knows."""
    for at, day in enumerate(world.days):
        if day in HOLIDAYS:
            day_chance[:, at] *= random.uniform(0.02, 0.2)
    if random.random() < 0.33:
        for at in random.integers(0, DAYS, 3):
            day_chance[:, at] *= random.uniform(0.05, 0.4)


def _told(
    random: np.random.Generator, world: World, name: str, story: str, start: int, people: int
) -> Series:
    """The story's part in how many come; and its entry among what has to be found."""
    shape = np.ones(DAYS)
    if story == "cliff":
        shape[start:] = random.uniform(0.05, 0.35)
        _plant(world, name, story, ("drop",), start, 21)
    elif story == "decline":
        begins = DAYS - int(random.integers(56, 77))
        weeks = np.clip((np.arange(DAYS) - begins) / 7, 0, None)
        shape = np.exp(-random.uniform(0.07, 0.13) * weeks)
        _plant(world, name, story, ("decline", "drop"), begins + 14, DAYS)
    elif story == "champion" and people >= 3:
        _plant(world, name, story, ("silent", "drop", "decline"), start, 36)
    elif story in {"errors", "abandoned", "funnel"}:
        kinds = {"errors": ("errors",), "abandoned": ("abandoned",), "funnel": ("drop",)}[story]
        _plant(world, name, story, kinds, start, 28)
    return shape


def _plant(world: World, account: str, name: str, kinds: tuple[str, ...], start: int, within: int) -> None:
    last = min(start + within, DAYS - 1)
    world.stories.append(Story(account, name, kinds, world.days[start], world.days[last]))


def _split(random: np.random.Generator, world: World, at: int, story: str, start: int) -> None:
    """Events by name, errors, and a funnel of the people who come."""
    shares = random.dirichlet([8, 6, 5, 3, 3])
    total = world.events[at].astype(int)
    for day in range(DAYS):
        world.by_name[:, at, day] = random.multinomial(total[day], shares)
    if story == "abandoned":
        world.events[at, start:] -= world.by_name[4, at, start:]
        world.by_name[4, at, start:] = 0
    rate = random.uniform(0.005, 0.04)
    spread = random.gamma(2, 0.5, DAYS)
    errors = rate * total * spread
    if story == "errors":
        until = start + int(random.integers(4, 9))
        errors[start:until] = (errors[start:until] + 1.5) * random.uniform(5, 10)
    world.errors[at] = random.poisson(errors)
    entered = random.binomial(world.users[at].astype(int), random.uniform(0.5, 0.9))
    converts = np.full(DAYS, random.uniform(0.35, 0.8))
    if story == "funnel":
        converts[start:] *= random.uniform(0.05, 0.3)
    noisy = np.clip(converts * random.normal(1, 0.08, DAYS), 0, 1)
    world.funnel[:, at] = entered, random.binomial(entered, noisy)


def _lost_days(random: np.random.Generator, world: World, at: int) -> None:
    """Some days of the account were lost on the way: they look like days without anybody."""
    for day in np.flatnonzero(random.random(DAYS) < 0.004):
        for values in (world.events, world.users, world.sessions, world.errors):
            values[at, day] = 0
        world.by_name[:, at, day] = 0
        world.funnel[:, at, day] = 0


def _outage(random: np.random.Generator, world: World) -> Series:
    """The service is down, or half of the events are lost, for everybody, for one to four working days."""
    left = np.ones(DAYS)
    start = int(random.integers(DAYS - JUDGED + 7, DAYS - 10))
    while world.days[start].weekday() > 3 or world.days[start] in HOLIDAYS:
        start += 1
    left[start : start + int(random.integers(1, 5))] = random.uniform(0.05, 0.35)
    _plant(world, "", "outage", ("drop",), start, 4)
    return left


def _broken_tracking(random: np.random.Generator, world: World) -> None:
    """From one release on an event is not sent any more, or fewer events name their account."""
    start = int(random.integers(DAYS - JUDGED + 7, DAYS - 14))
    if random.random() < 0.5:
        gone = int(random.integers(0, len(EVENTS)))
        world.events[:, start:] -= world.by_name[gone][:, start:]
        world.by_name[gone][:, start:] = 0
        _plant(world, "", "event gone", ("data",), start, 7)
    else:
        kept = random.uniform(0.3, 0.6)
        world.coverage[start:] *= kept
        for values in (world.events, world.users, world.sessions, world.errors):
            values[:, start:] = random.binomial(values[:, start:].astype(int), kept)
        world.by_name[:, :, start:] = random.binomial(world.by_name[:, :, start:].astype(int), kept)
        _plant(world, "", "coverage fell", ("data",), start, 7)


def nights(world: World) -> Iterator[int]:
    """The last column of each judged night. Where the last day could not be read, there was no night."""
    yield from (at for at in range(DAYS - JUDGED, DAYS) if world.known[at])
