"""The preflight guards: each says so at its bound, and not a little before it."""

from datetime import date, timedelta

import pytest

from handrail.domain.features import Feature, FeatureEvents, Step
from handrail.domain.guards import DataProblem, ProblemKind
from handrail.domain.metrics import FeatureDay
from handrail.engine import preflight

LAST = date(2026, 11, 19)
"""A Thursday."""

FIRST = LAST - timedelta(days=60)
FEATURE = Feature(
    slug="export",
    title="Export",
    url="https://help.vendor.example/export",
    summary="Send it.",
    events=FeatureEvents(attempt="Started", success="Done", error="Failed"),
    steps=tuple(
        Step(id=name.lower(), event=name, title=name, url="https://help.vendor.example", text=name)
        for name in ("Started", "Chosen", "Done")
    ),
)


def kind(problem: DataProblem | None) -> ProblemKind | None:
    return problem.kind if problem else None


@pytest.mark.parametrize(
    ("events", "named", "found"),
    [(1000, 499, ProblemKind.COVERAGE), (1000, 500, None), (999, 0, None), (0, 0, None)],
)
def test_with_fewer_than_half_of_the_events_naming_an_account_nobody_is_judged(
    events: int, named: int, found: ProblemKind | None
) -> None:
    assert kind(preflight.coverage(events, named)) is found


def usual(a_day: int = 20, *, weekend: int = 0, **silent: int) -> dict[tuple[str, date], int]:
    """So many of each event on each day of nine weeks; of some names none in the last so many days."""
    return {
        (name, day): weekend if day.weekday() >= 5 else a_day
        for name in ("Started", "Chosen", "Done", "Failed")
        for ago in range(61)
        for day in [LAST - timedelta(days=ago)]
        if ago >= silent.get(name, 0)
    }


def gone(totals: dict[tuple[str, date], int], *, last: date = LAST, first: date = FIRST) -> str | None:
    found = preflight.vanished(FEATURE, totals, first=first, last=last)
    return found.words if found else None


@pytest.mark.parametrize("name", ["Started", "Chosen", "Done"])
def test_an_event_that_stays_away_for_a_day_of_twenty_has_vanished(name: str) -> None:
    assert gone(usual()) is None
    assert gone(usual(**{name: 1})) == (
        f"Nobody had the event '{name}' on 2026-11-19; the weeks before tell of 20."
    )


def test_errors_that_stay_away_are_good_news() -> None:
    assert gone(usual(Failed=3)) is None


@pytest.mark.parametrize(
    ("a_day", "days", "found"),
    [
        (19, 1, False),
        (20, 1, True),
        (7, 2, False),
        (7, 3, True),
        (2, 7, False),
        (3, 7, True),
        (5, 6, True),
        (50, 8, False),
    ],
)
def test_rarer_events_have_vanished_after_more_days_and_what_is_gone_for_long_is_not_news(
    a_day: int, days: int, found: bool
) -> None:
    silent = {} if days == 6 else {"weekend": a_day}

    assert (gone(usual(a_day, Done=days, **silent)) is not None) is found


def test_nobody_works_on_sundays() -> None:
    sunday = LAST + timedelta(days=3)
    totals = {key: count for key, count in usual(40).items() if key[1] <= LAST}
    friday = {(name, LAST + timedelta(days=1)): 40 for name in ("Started", "Chosen", "Done")}

    assert gone(totals | friday, last=sunday) is None


def test_days_before_the_first_that_is_known_say_nothing() -> None:
    young = LAST - timedelta(days=6)

    assert gone(usual(Done=1), first=young) is None
    assert gone(usual(Done=1), first=LAST - timedelta(days=7)) is not None


def test_half_the_usual_is_no_vanished_event() -> None:
    assert gone({**usual(), ("Done", LAST): 1}) is None


def days(account: str, share: float, *, of: int = 10, errors: int = 0, recent: bool) -> list[FeatureDay]:
    """The last three days, or the three before: of so many people a day this share fails."""
    return [
        FeatureDay(
            account=account,
            day=LAST - timedelta(days=ago),
            feature="export",
            attempts=of,
            successes=round(of * (1 - share)),
            errors=errors,
            users_attempting=of,
            users_succeeding=round(of * (1 - share)),
            rage_clicks=0,
            dead_clicks=0,
        )
        for ago in (range(3) if recent else range(3, 6))
    ]


def fleet(
    worse: int, accounts: int = 8, *, now: float = 0.9, of: int = 10, errors: int = 0
) -> list[FeatureDay]:
    """A fifth fails everywhere; in the last days, in the first `worse` accounts, more of it does."""
    return [
        row
        for number in range(accounts)
        for bad in [number < worse]
        for row in (
            *days(f"a{number}", 0.2, of=of, recent=False),
            *days(f"a{number}", now if bad else 0.2, of=of, errors=errors if bad else 0, recent=True),
        )
    ]


def test_failures_that_rise_in_nearly_all_accounts_at_once_are_a_release() -> None:
    found = preflight.jumped(FEATURE, fleet(8), LAST)

    assert found is not None
    assert (found.feature, found.kind) == ("export", ProblemKind.JUMPED)
    assert found.words == (
        "In the last 3 days 90% of the tries failed, before 20%, and 8 of 8 accounts got worse at once: "
        "look at the last release."
    )


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        (fleet(0), False),
        (fleet(6), True),
        (fleet(5), False),
        (fleet(4, 4), False),
        (fleet(5, 5), True),
        (fleet(8, now=0.4), False),
        (fleet(8, now=0.5), True),
        (fleet(5, 5, of=1, now=1.0), False),
        (fleet(8, now=0.2, errors=9), True),
        (fleet(3, now=0.2, errors=9), False),
    ],
)
def test_a_jump_takes_many_tries_many_accounts_and_thirty_points(rows: list[FeatureDay], found: bool) -> None:
    assert (preflight.jumped(FEATURE, rows, LAST) is not None) is found


def test_what_is_new_has_no_past_to_jump_from() -> None:
    young = [each for each in fleet(8) if each.day > LAST - timedelta(days=3)]

    assert preflight.jumped(FEATURE, young, LAST) is None


@pytest.mark.parametrize(
    ("tried", "struggling", "found"),
    [(2, 1, ProblemKind.TOO_FEW), (3, 1, None), (2, 0, None), (None, 1, None)],
)
def test_two_people_are_no_base(tried: int | None, struggling: int, found: ProblemKind | None) -> None:
    assert kind(preflight.too_few(FEATURE, tried, struggling)) is found


def test_a_problem_of_all_features_is_each_ones() -> None:
    everywhere = DataProblem(feature="", kind=ProblemKind.COVERAGE, words="Few.")
    here = DataProblem(feature="export", kind=ProblemKind.JUMPED, words="Up.")

    assert preflight.troubled([everywhere], "alerts")
    assert preflight.troubled([here], "export")
    assert not preflight.troubled([here], "alerts")
    assert not preflight.troubled([], "export")
