"""An independent, slow and obvious engagement score of a world's accounts, from its files.

The rules, beside those of the definition's file, which is read here a second time:

- The window is the 28 days that end with the day, the past the 84 before it; none before an account's first.
- Active days: of the window's days. Stickiness: users of its average day by its different users.
- Seats: different users of the window by profiles. Features: those with an attempt or a success.
- Depth: events per user, the median of the window's active days, by the median of the past's.
- Trend: the median of the window's weeks by the median of the whole weeks of the 28 days before.
- Funnels: entrants of single days, of 28 days that are over for them, the 56 before, and everybody's.
- Friction: of the window's attempts; who struggles, of the users of 7 days.
- Silence: days since the last event, less the past's days for each active one, plus one.
- A small account (fewer users on its median past day than the file says) has two figures by its own past.
"""

import tomllib
from collections import Counter, defaultdict
from datetime import date, timedelta
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from tests import oracle, oracle_users
from tests.oracle_reading import Reading, read, read_feature
from tests.oracle_tables import Tables, tables

Figures = dict[str, float | None]


def scores(folder: Path, as_of: date, kb: Path, definition: Path) -> dict[str, dict[str, Any]]:
    """By Mixpanel id: `figures` raw, `components`, `value`, and what stands beside the score."""
    rules = tomllib.loads(definition.read_text("utf-8"))
    features = [read_feature(path) for path in sorted(kb.glob("*.md")) if path.name != "README.md"]
    world = read(folder)
    rows = tables(folder, as_of - timedelta(111), as_of, secret=b"any", features=features)
    stuck: dict[str, set[str]] = defaultdict(set)
    for found in oracle.struggling(folder, as_of, kb)["features"].values():
        for one in found:
            for account in one["accounts"]:
                stuck[account].add(one["distinct_id"])
    seats = {each: found["users"] for each, found in oracle_users.count(folder, as_of, []).items()}
    funnels = _funnels(world, as_of)
    answer = {}
    for account in {each for each, _ in rows.account_days}:
        mine = _Account(account, rows, as_of, [feature.slug for feature in features])
        figures = {
            **mine.figures(rules, seats.get(account, 0), len(stuck[account])),
            **_conversions(account, funnels, rules),
        }
        answer[account] = {**_scored(figures, mine.small(rules), rules), "beside": mine.beside()}
    return answer


class _Account:
    def __init__(self, account: str, rows: Tables, as_of: date, slugs: list[str]) -> None:
        self.days = {day: row for (one, day), row in rows.account_days.items() if one == account}
        self.users = {
            (day, user): events for (one, day, user), events in rows.user_days.items() if one == account
        }
        self.uses = {(day, slug): r for (one, day, slug), r in rows.feature_days.items() if one == account}
        self.fleet = np.array(
            [r for (_, day, _), r in rows.feature_days.items() if as_of - day < timedelta(28)]
        )
        self.as_of, self.slugs = as_of, slugs
        self.first = min(self.days)
        self.age = (as_of - self.first).days + 1

    def last(self, newest: int, oldest: int) -> list[date]:
        """Known days between so many days ago, oldest excluded."""
        days = [self.as_of - timedelta(ago) for ago in range(newest, oldest)]
        return [day for day in days if day >= self.first]

    def small(self, rules: dict[str, Any]) -> bool:
        past = [self.days[day][1] for day in self.last(28, 112) if day in self.days]
        known = len(self.last(28, 112)) >= rules["limits"]["usual_days"]
        return known and bool(past) and bool(np.median(past) < rules["limits"]["small_users"])

    def who(self, newest: int, oldest: int) -> set[str]:
        return {user for day, user in self.users if newest <= (self.as_of - day).days < oldest}

    def figures(self, rules: dict[str, Any], seats: int, stuck: int) -> Figures:
        window, past = self.last(0, 28), self.last(28, 112)
        active, before = [d for d in window if d in self.days], [d for d in past if d in self.days]
        usual = len(past) >= rules["limits"]["usual_days"]
        small = self.small(rules)
        month, week = self.who(0, 28), self.who(0, 7)
        here = {slug for day, slug in self.uses if day in window and any(self.uses[day, slug][:2])}
        earlier = {slug for day, slug in self.uses if day in past and any(self.uses[day, slug][:2])}
        share = len(active) / len(window)
        features: float | None = len(here) / len(self.slugs)
        if small:
            share /= len(before) / len(past)
            features = len(here) / max(1, len(earlier)) if here or earlier else None
        return {
            "active_days": share,
            "stickiness": sum(self.days[d][1] for d in active) / len(window) / len(month) if month else None,
            "seats": len(month) / max(seats, len(month)) if seats else None,
            "features": features,
            "events_per_user": self._depth(active, before) if usual else None,
            "users_trend": self._trend(1, rules["pull"]["user_days"], rules["limits"]["weeks"]),
            "events_trend": self._trend(0, rules["pull"]["events"], rules["limits"]["weeks"]),
            **self._friction(window, rules["limits"]["attempts"]),
            "struggling": min(1.0, stuck / len(week)) if week else None,
            "silence": self._silence(len(past) / len(before) if usual and before else 1.0),
        }

    def _silence(self, gap: float) -> float:
        return max(0.0, (self.as_of - max(self.days)).days - gap + 1)

    def _depth(self, active: list[date], before: list[date]) -> float | None:
        def per_user(days: list[date]) -> list[float]:
            return [self.days[day][0] / self.days[day][1] for day in days if self.days[day][1]]

        now, usual = per_user(active), per_user(before)
        return float(np.median(now) / np.median(usual)) if now and usual else None

    def _trend(self, column: int, pull: float, least: int) -> float | None:
        weeks = [[self.as_of - timedelta(7 * n + m) for m in range(7)] for n in range(8)]
        sums = [
            sum(self.days.get(day, (0, 0, 0))[column] for day in week) if week[-1] >= self.first else None
            for week in weeks
        ]
        now, before = ([each for each in part if each is not None] for part in (sums[:4], sums[4:]))
        if min(len(now), len(before)) < least or not any(now + before):
            return None
        return float((np.median(now) + pull) / (np.median(before) + pull))

    def _friction(self, window: list[date], least: int) -> Figures:
        mine = np.array([row for (day, _), row in self.uses.items() if day in window] or [(0,) * 7])
        attempts, errors, rage, dead = (int(mine[:, column].sum()) for column in (0, 2, 5, 6))
        seen = self.fleet.sum(axis=0)
        if attempts < least:
            return {"errors": None, "frustration": None}
        return {
            "errors": errors / attempts if seen[2] else None,
            "frustration": (rage + dead / 2) / attempts if seen[5] or seen[6] else None,
        }

    def beside(self) -> dict[str, Any]:
        events: Counter[str] = Counter()
        earlier: Counter[str] = Counter()
        for (day, user), count in self.users.items():
            ago = (self.as_of - day).days
            events[user] += count if ago < 28 else 0
            earlier[user] += count if 14 <= ago < 42 else 0
        quiet = self.who(14, 42) - self.who(0, 14)
        return {
            "users": [len(self.who(0, 7)), len(self.who(0, 28)), len(self.who(0, 84))],
            "quiet": len(quiet),
            "key_person_share": max(events.values()) / events.total() if events.total() else None,
            "quiet_champion_share": max((earlier[user] for user in quiet), default=0) / earlier.total()
            if earlier.total()
            else None,
        }


Entrants = dict[str, dict[date, tuple[int, int]]]


def _funnels(world: Reading, as_of: date) -> list[tuple[date, Entrants]]:
    """Of each funnel: the last day whose entrants are through, and (entered, finished) by account and day."""
    found = []
    for funnel in world.project["funnels"]:
        steps = [step["event"] for step in funnel["steps"]]
        seconds = funnel["length"] * oracle.SECONDS[funnel["length_unit"]]
        events = [event for event in world.events if event.name in steps]
        counted: Entrants = defaultdict(dict)
        for day in {event.day for event in events if event.name == steps[0]}:
            near = [
                event
                for event in events
                if timedelta() <= event.day - day <= timedelta(seconds=seconds, days=1)
            ]
            _, accounts = oracle.funnel_users(near, steps, seconds, lambda each, day=day: each == day)  # type: ignore[misc]
            for account, users in accounts.items():
                counted[account][day] = users[0], users[-1]
        found.append((as_of - timedelta(-(-seconds // 86_400)), counted))
    return found


def _conversions(account: str, funnels: list[tuple[date, Entrants]], rules: dict[str, Any]) -> Figures:
    least, more = rules["limits"]["entrants"], rules["pull"]["entrants"]
    own, fleet = [], []
    for last, counted in funnels:

        def sums(who: list[str], newest: int, oldest: int, last: date = last, of: Entrants = counted) -> Any:
            rows = [
                row
                for one in who
                for day, row in of.get(one, {}).items()
                if newest <= (last - day).days < oldest
            ]
            return np.array(rows or [(0, 0)]).sum(axis=0)

        everybody = sums(list(counted), 0, 28)
        now, past = sums([account], 0, 28), sums([account], 28, 84)
        if now[0] < least or not everybody[1]:
            continue
        rate = everybody[1] / everybody[0]
        pulled = (now[1] + more * rate) / (now[0] + more)
        fleet.append((now[0], pulled / rate))
        if past[0] >= least:
            own.append((now[0], pulled / ((past[1] + more * rate) / (past[0] + more))))

    def mean(rows: list[Any]) -> float | None:
        return float(np.average([r for _, r in rows], weights=[n for n, _ in rows])) if rows else None

    return {"funnels_own": mean(own), "funnels_fleet": mean(fleet)}


def _scored(figures: Figures, small: bool, rules: dict[str, Any]) -> dict[str, Any]:
    worth: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for name, rule in rules["figures"].items():
        raw = figures[name]
        points = rule["usual"] if small and "usual" in rule else rule["points"]
        if raw is not None:
            worth[rule["component"]].append((rule["weight"], float(np.interp(raw, *np.array(points).T))))
    components = {
        name: float(np.average([p for _, p in rows], weights=[w for w, _ in rows]))
        for name, rows in worth.items()
    }
    weights = [rules["weights"][name] for name in components]
    return {
        "figures": figures,
        "components": components,
        "value": float(np.average(list(components.values()), weights=weights)),
        "coverage": sum(weights) / (fmean(rules["weights"].values()) * len(rules["weights"])),
    }
