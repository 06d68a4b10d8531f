"""What is known of every account at the end of one day, out of the daily tables alone.

Nothing of a later day is read: neither days after it, nor entrants of a funnel who could still finish then.
"""

import statistics
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import TypeVar

from handrail.domain.features import Feature
from handrail.domain.health import (
    REACH,
    WEEKS,
    WINDOW,
    AccountHistory,
    Adoption,
    AdoptionState,
    DayFigures,
    Facts,
    FunnelFacts,
    History,
    People,
)
from handrail.domain.metrics import FeatureDay

SETTLED = 14
"""Days within which a funnel is finished, where nobody told: Mixpanel's own default."""

_NOTHING = DayFigures(0, 0)
T = TypeVar("T")


def facts(
    history: History, people: Mapping[str, People], features: Sequence[Feature], as_of: date
) -> dict[str, Facts]:
    """By account id, for every account that had an event on or before the day."""
    fleet = _Fleet(history, as_of)
    return {
        account: _facts(account, mine, fleet, people.get(account), features)
        for account, mine in history.accounts.items()
        if mine.first <= as_of
    }


class _Fleet:
    """What is the same for all accounts: the days, and sums that say what was measured at all."""

    def __init__(self, history: History, as_of: date) -> None:
        self.as_of = as_of
        self.days = [as_of - timedelta(days=ago) for ago in range(REACH)]
        self.known = frozenset(day for day in self.days if day in history.known)
        self.window, self.usual = self.days[:WINDOW], self.days[WINDOW:]
        ended = {
            funnel: as_of - timedelta(days=history.windows.get(funnel, SETTLED))
            for funnel in sorted({each for one in history.accounts.values() for each in one.funnels})
        }
        self.funnels = {
            funnel: (_days(last, 0, WINDOW), _days(last, WINDOW, 3 * WINDOW))
            for funnel, last in ended.items()
        }
        self.entered = dict.fromkeys(self.funnels, (0, 0))
        self.errors = self.rage = self.dead = 0
        for one in history.accounts.values():
            for funnel, days in one.funnels.items():
                self.entered[funnel] = _added(self.entered[funnel], _entrants(days, self.funnels[funnel][0]))
            for used in one.features.values():
                inside = [used[day] for day in self.window if day in used]
                self.errors += sum(row.errors for row in inside)
                self.rage += sum(row.rage_clicks for row in inside)
                self.dead += sum(row.dead_clicks for row in inside)


def _facts(
    account: str, mine: AccountHistory, fleet: _Fleet, people: People | None, features: Sequence[Feature]
) -> Facts:
    since = frozenset(day for day in fleet.known if day >= mine.first)
    window, usual = _known(fleet.window, since), _known(fleet.usual, since)
    now = [mine.days[day] for day in window if day in mine.days]
    before = [mine.days[day] for day in usual if day in mine.days]
    weeks = _weeks(fleet.window, since, mine.days)
    earlier = _weeks(fleet.usual[:WINDOW], since, mine.days)
    slugs = {feature.slug for feature in features}
    used = [row for slug, days in mine.features.items() if slug in slugs for row in _rows(days, fleet.window)]
    funnels = [_funnel(funnel, days, fleet) for funnel, days in sorted(mine.funnels.items())]
    return Facts(
        account=account,
        as_of=fleet.as_of,
        history_days=len(since),
        window_days=len(window),
        active_days=len(now),
        events=sum(day.events for day in now),
        user_days=sum(day.users for day in now),
        days_silent=next((ago for ago, day in enumerate(fleet.days) if day in mine.days), REACH),
        usual_days=len(usual),
        usual_active_days=len(before),
        usual_users=_median(day.users for day in before),
        events_per_user=_median(day.events / day.users for day in now if day.users),
        usual_events_per_user=_median(day.events / day.users for day in before if day.users),
        week_users=tuple(week.users for week in weeks),
        weeks_before_users=tuple(week.users for week in earlier),
        week_events=tuple(week.events for week in weeks),
        weeks_before_events=tuple(week.events for week in earlier),
        adoption=tuple(
            _adoption(feature, mine.features.get(feature.slug, {}), fleet) for feature in features
        ),
        features_before=sum(
            any(map(_used, _rows(mine.features.get(slug, {}), fleet.usual))) for slug in slugs
        ),
        attempts=sum(row.attempts for row in used),
        errors=sum(row.errors for row in used) if fleet.errors else None,
        rage_clicks=sum(row.rage_clicks for row in used) if fleet.rage else None,
        dead_clicks=sum(row.dead_clicks for row in used) if fleet.dead else None,
        funnels=tuple(each for each in funnels if each.entered or each.past_entered),
        people=people,
    )


def _known(days: Iterable[date], known: Collection[date]) -> list[date]:
    return [day for day in days if day in known]


def _days(last: date, first_ago: int, end_ago: int) -> list[date]:
    """The days from so many before the last one on, newest first."""
    return [last - timedelta(days=ago) for ago in range(first_ago, end_ago)]


def _weeks(
    days: Sequence[date], known: Collection[date], figures: Mapping[date, DayFigures]
) -> list[DayFigures]:
    """Sums of the weeks that are known as a whole, newest first."""
    found = []
    for week in range(WEEKS):
        mine = days[7 * week : 7 * week + 7]
        if all(day in known for day in mine):
            rows = [figures.get(day, _NOTHING) for day in mine]
            found.append(DayFigures(sum(row.events for row in rows), sum(row.users for row in rows)))
    return found


def _rows(days: Mapping[date, T], wanted: Iterable[date]) -> list[T]:
    return [days[day] for day in wanted if day in days]


def _median(values: Iterable[float]) -> float | None:
    listed = list(values)
    return statistics.median(listed) if listed else None


def _entrants(days: Mapping[date, tuple[int, int]], wanted: Iterable[date]) -> tuple[int, int]:
    found = (0, 0)
    for row in _rows(days, wanted):
        found = _added(found, row)
    return found


def _added(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    return one[0] + other[0], one[1] + other[1]


def _funnel(funnel: int, days: Mapping[date, tuple[int, int]], fleet: _Fleet) -> FunnelFacts:
    now, before = fleet.funnels[funnel]
    entered, finished = _entrants(days, now)
    past_entered, past_finished = _entrants(days, before)
    fleet_entered, fleet_finished = fleet.entered[funnel]
    return FunnelFacts(
        funnel_id=funnel,
        entered=entered,
        finished=finished,
        past_entered=past_entered,
        past_finished=past_finished,
        fleet_entered=fleet_entered,
        fleet_finished=fleet_finished,
    )


def _adoption(feature: Feature, days: Mapping[date, FeatureDay], fleet: _Fleet) -> Adoption:
    now = _rows(days, fleet.window)
    return Adoption(
        feature=feature.slug,
        state=_state(feature, days, fleet),
        attempts=sum(row.attempts for row in now),
        successes=sum(row.successes for row in now),
        last_used=next((day for day in fleet.days if day in days and _used(days[day])), None),
    )


def _state(feature: Feature, days: Mapping[date, FeatureDay], fleet: _Fleet) -> AdoptionState:
    """Habitual and adopted by the successes of the window; lapsed: succeeded before, not used in it."""
    used = [day for day in fleet.days if day in days and _used(days[day])]
    if not used:
        return "never"
    weeks = [_rows(days, fleet.window[7 * week : 7 * week + 7]) for week in range(WEEKS)]
    successes = [sum(row.successes for row in week) for week in weeks]
    if sum(map(bool, successes)) >= feature.adoption.habitual_weeks:
        return "habitual"
    if sum(successes) >= feature.adoption.successes:
        return "adopted"
    if used[0] in fleet.usual and any(row.successes for row in _rows(days, fleet.usual)):
        return "lapsed"
    return "tried"


def _used(row: FeatureDay) -> bool:
    return bool(row.attempts or row.successes)
