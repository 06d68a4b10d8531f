"""Whether churn analysis finds what is planted and nothing else, over many made-up books of accounts.

`python -m benchmarks.health_churn` makes three worlds a seed: every churned account fades before it leaves,
half of them do, and none does. The days go through the product's own facts, score, matching and tests.
Exit code 1 where the figures miss what is promised.
"""

import argparse
import sys
import time
from datetime import date, timedelta
from typing import Any, NamedTuple

import numpy as np

from handrail.domain.churn import Outcomes, TrackRecord
from handrail.domain.features import Feature, FeatureEvents, Step
from handrail.domain.health import REACH, AccountHistory, DayFigures, History, ScoreSettings
from handrail.domain.metrics import FeatureDay
from handrail.engine.backtest import DAYS_BEFORE, TO, track_record
from handrail.engine.facts import facts
from handrail.engine.lift import difference
from handrail.engine.matching import STEP, sample
from handrail.engine.measures import METRICS, past_day
from handrail.engine.score import score
from handrail.engine.separation import LEVEL, separations
from handrail.engine.weights import suggest
from handrail.services import score_file

SEEDS = 200
LEAST = 0.9
MOST_NULL = 2 * LEVEL
"""Worlds without a signal in which something is said to separate: the level, with room for 200 draws."""

CHURNED, KEPT = 30, 60
LAST = date(2026, 11, 15)
WEEKS = 5
"""Accounts leave within so many weeks."""
DAYS = REACH + DAYS_BEFORE + 7 * (WEEKS + 1)
FADES_FROM, FADES_TO, FADES_BY = 75, 25, 0.8
"""Days before the leaving between which use falls by so much, where it falls."""

PLANTED = frozenset({"score", "trend", "events_change", "users_change"})
"""What fading has to show in: the score, and figures of an account against its own past."""

UNTOUCHED = frozenset({"errors_per_attempt", "frustration_per_attempt", "friction"})
"""What fading leaves alone. The other figures move with it, more or less: neither asked for nor wrong."""

BANDS = {"healthy": 90.0, "watch": 85.0}
"""Bands that have about a quarter of the accounts at risk where nobody fades: with next to none the backtest
could not be wrong. Under the shipped ones, hardly any account that only fades is at risk: it is to watch.
"""

WORLDS = {"all fade": 1.0, "half fade": 0.5, "none fades": 0.0}
_FEATURE = Feature(
    slug="build",
    title="Build",
    url="https://help.example/build",
    summary="Build.",
    events=FeatureEvents(attempt="Started", success="Done", error="Failed"),
    steps=(Step(id="start", event="Started", title="Start", url="https://help.example/build", text="Go."),),
)


class Tally(NamedTuple):
    right: int
    wrong: int
    planted: int
    weights: bool
    """Whether other weights were suggested."""
    praised: bool
    """Whether the backtest has more of the churned at risk than of the kept, beyond chance."""


def run(seed: int, fading: float, settings: ScoreSettings) -> Tally:
    """One world, from its days to the verdicts."""
    chance = np.random.default_rng([seed, round(fading * 100)])
    left = {f"c{n:02}": LAST - timedelta(days=int(chance.integers(0, 7 * WEEKS))) for n in range(CHURNED)}
    ends = Outcomes(left, frozenset(f"k{n:02}" for n in range(KEPT)))
    fades = {each for number, each in enumerate(left) if number < fading * CHURNED}
    known = [LAST - timedelta(days=back) for back in range(DAYS)]
    history = History(
        accounts={
            each: _account(chance, known, left.get(each), fades=each in fades)
            for each in [*left, *sorted(ends.kept)]
        },
        known=frozenset(known),
    )
    first, final = known[-1] + timedelta(days=REACH), LAST - timedelta(days=TO)
    looked = [day for day in known if day.toordinal() % STEP == 0 and first <= day <= final]
    made = [
        past_day(each, score(each, settings), 0)
        for day in looked
        for each in facts(history, {}, [_FEATURE], day).values()
    ]
    past = [each for each in made if each]
    compared = sample(past, ends, days_before=DAYS_BEFORE)
    claimed = {each.metric for each in separations(compared, METRICS) if each.verdict == "separates"}
    wrong = claimed & UNTOUCHED if fading else claimed
    return Tally(
        right=len(claimed & PLANTED) if fading else 0,
        wrong=len(wrong),
        planted=len(PLANTED) if fading else 0,
        weights=suggest(compared, settings.weights) is not None,
        praised=_praised(track_record(past, ends, compared, as_of=LAST, version=settings.version)),
    )


def _praised(record: TrackRecord) -> bool:
    """By the interval of 95 % of the difference of the two shares."""
    return difference(record.flagged, record.churned, record.false_alarms, record.kept).low > 0


def _account(
    chance: np.random.Generator, days: list[date], left: date | None, *, fades: bool
) -> AccountHistory:
    """Five to fifty people with weekends; what they try, and how it goes, has nothing to do with fading."""
    people, share = chance.lognormal(2.8, 0.6), chance.uniform(0.3, 0.7)
    use = np.array([_use(left, day) if fades else float(left is None or day < left) for day in days])
    weekday = np.array([0.25 if day.weekday() >= 5 else 1.0 for day in days])
    users = chance.binomial(max(3, int(people)), share * use * weekday)
    events = users + chance.poisson(4 * users)
    attempts = chance.poisson(1.5 * weekday)
    errors, rage = (
        chance.binomial(attempts, chance.beta(2, 10)),
        chance.binomial(attempts, chance.beta(1, 10)),
    )
    figures = {
        day: DayFigures(int(event), int(user))
        for day, event, user in zip(days, events, users, strict=True)
        if event
    }
    built = {
        day: FeatureDay("", day, "build", int(tried), int(tried - failed), int(failed), 1, 1, int(raged), 0)
        for day, tried, failed, raged in zip(days, attempts, errors, rage, strict=True)
        if tried
    }
    return AccountHistory(first=days[-1], days=figures, features={"build": built})


def _use(left: date | None, day: date) -> float:
    before = (left - day).days if left else FADES_FROM
    faded = min(1.0, max(0.0, (FADES_FROM - before) / (FADES_FROM - FADES_TO)))
    return (1 - FADES_BY * faded) if before > 0 else 0.0


def measure(seeds: int) -> dict[str, list[Tally]]:
    settings = score_file.read().model_copy(update={"bands": BANDS})
    return {name: [run(seed, share, settings) for seed in range(seeds)] for name, share in WORLDS.items()}


def tell(found: dict[str, list[Tally]]) -> bool:
    """Print the figures; whether they hold what is promised."""
    ratios: list[Any] = []
    for name, tallies in found.items():
        right, wrong = sum(each.right for each in tallies), sum(each.wrong for each in tallies)
        planted = sum(each.planted for each in tallies)
        claims = sum(each.wrong > 0 for each in tallies) / len(tallies)
        weights = sum(each.weights for each in tallies)
        if planted:
            ratios += [right / max(1, right + wrong), right / planted]
            told = f"precision {ratios[-2]:.3f}, recall {ratios[-1]:.3f} of {planted} planted metrics"
        else:
            told = f"something is said to separate in {claims:.3f} of the worlds (false discovery rate)"
        print(f"{name:<11} {len(tallies)} worlds: {told}; other weights suggested in {weights}")  # noqa: T201
    null = [each for name, tallies in found.items() if not WORLDS[name] for each in tallies]
    told_apart = {
        name: sum(each.praised for each in tallies) / len(tallies) for name, tallies in found.items()
    }
    words = ", ".join(f"{share:.3f} where {name}" for name, share in told_apart.items())
    print(f"backtest: churned accounts at risk more often than kept ones, beyond chance, in {words}")  # noqa: T201
    shares = [share if WORLDS[name] else 1 - share for name, share in told_apart.items()]
    return (
        min(ratios) >= LEAST
        and sum(each.wrong > 0 for each in null) <= MOST_NULL * len(null)
        and min(shares) >= LEAST
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    begun = time.perf_counter()
    held = tell(measure(parser.parse_args().seeds))
    print(f"{time.perf_counter() - begun:.0f} s; promised: precision and recall >= {LEAST}")  # noqa: T201
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
