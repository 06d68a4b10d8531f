"""Engagement: what is known of an account on a day, and the score that is made of it."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import pairwise
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, model_validator

from handrail.domain.metrics import FeatureDay

WINDOW = 28
"""Days that a score speaks of: whole weeks, so that weekends weigh alike."""

BASELINE = 84
"""Days before the window that an account's own usual figures are taken from."""

QUIET = 14
"""Whoever was not there for so many days has gone quiet."""

WEEKS = WINDOW // 7

REACH = WINDOW + BASELINE
"""Days that everything of a score is made of."""

ComponentName = Literal["frequency", "breadth", "depth", "trend", "funnels", "friction", "recency"]
FigureName = Literal[
    "active_days",
    "stickiness",
    "seats",
    "features",
    "events_per_user",
    "users_trend",
    "events_trend",
    "funnels_own",
    "funnels_fleet",
    "errors",
    "frustration",
    "struggling",
    "silence",
]
AdoptionState = Literal["never", "tried", "adopted", "habitual", "lapsed"]
Band = Literal["healthy", "watch", "at_risk"]
Confidence = Literal["high", "medium", "low"]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class DayFigures(NamedTuple):
    """An account on one day."""

    events: int
    users: int


@dataclass(frozen=True)
class AccountHistory:
    """The days of one account as the tables hold them. Days without an event are missing."""

    first: date
    """The first day on which it ever had an event."""
    days: Mapping[date, DayFigures] = field(default_factory=dict)
    features: Mapping[str, Mapping[date, FeatureDay]] = field(default_factory=dict)
    """By slug."""
    funnels: Mapping[int, Mapping[date, tuple[int, int]]] = field(default_factory=dict)
    """(entered, finished) of those who entered on the day, by funnel id."""


@dataclass(frozen=True)
class History:
    """The whole book over a stretch of days. Facts of a day read nothing of the days after it."""

    accounts: Mapping[str, AccountHistory]
    known: Collection[date]
    """Days that were read from Mixpanel: on others nothing is known, which is not nothing."""
    windows: Mapping[int, int] = field(default_factory=dict)
    """By funnel: days within which who entered can still finish."""


class People(_Value):
    """An account's users at one day, in numbers. None: not known."""

    users_7: int = 0
    users_28: int = 0
    users_84: int = 0
    """Different users of the 84 days that end with the day."""
    quiet: int = 0
    """Active in the 28 days before the last 14, and not since."""
    events: int | None = None
    """Of users with an id, in 28 days."""
    top_events: int | None = None
    """Of these, the most active user's."""
    events_before: int | None = None
    """Of users with an id, in the 28 days before the last 14."""
    quiet_top_events: int | None = None
    """Of these, those of the most active one who has gone quiet since."""
    seats: int | None = None
    """Users with a profile."""
    seats_activated: int | None = None
    """Of these, those who were ever seen."""
    struggling: int | None = None
    """Users whom the night found stuck; None where no night looked."""


class Adoption(_Value):
    """How far an account has come with one feature."""

    feature: str
    state: AdoptionState
    attempts: int = Field(description="In the window of 28 days.")
    successes: int
    last_used: date | None = None


class FunnelFacts(_Value):
    """Users who entered and finished one funnel, added up over days: who enters on two days counts twice."""

    funnel_id: int
    entered: int
    finished: int
    past_entered: int
    past_finished: int
    fleet_entered: int
    fleet_finished: int


class Facts(_Value):
    """One account at the end of one day, out of that day and the days before alone. None: not measured."""

    account: str
    as_of: date
    history_days: int = Field(description="Days that are known since its first event, of 112 at most.")
    window_days: int = Field(description="Of the last 28 days, those that are known.")
    active_days: int = Field(description="Of these, days with an event.")
    events: int
    user_days: int = Field(description="Users of each day of the window, added up.")
    days_silent: int = Field(description="Days since the last event; 112 stands for that and more.")
    usual_days: int = Field(description="Of the 84 days before the window, those that are known.")
    usual_active_days: int
    usual_users: float | None = Field(description="Users of a usual active day then: the median.")
    events_per_user: float | None = Field(description="Of a usual active day of the window: the median.")
    usual_events_per_user: float | None = Field(description="Of a usual active day before the window.")
    week_users: tuple[int, ...] = Field(description="User days of each whole week of the window.")
    weeks_before_users: tuple[int, ...] = Field(description="Of each whole known week of the 28 days before.")
    week_events: tuple[int, ...]
    weeks_before_events: tuple[int, ...]
    adoption: tuple[Adoption, ...] = Field((), description="One for each feature that is monitored.")
    features_before: int = Field(0, description="Features that were used in the 84 days before the window.")
    attempts: int = 0
    errors: int | None = None
    rage_clicks: int | None = None
    dead_clicks: int | None = None
    funnels: tuple[FunnelFacts, ...] = ()
    people: People | None = None

    @property
    def features_used(self) -> int:
        """Features with an attempt or a success in the window."""
        return sum(bool(each.attempts or each.successes) for each in self.adoption)

    @property
    def never_tried(self) -> tuple[str, ...]:
        return tuple(each.feature for each in self.adoption if each.state == "never")

    @property
    def key_person_share(self) -> float | None:
        """The share of events, in 28 days, that the most active user made; None if that is not known."""
        people = self.people
        if people is None or not people.events or people.top_events is None:
            return None
        return people.top_events / people.events

    @property
    def quiet_champion_share(self) -> float | None:
        """The share of the earlier events by the most active of those who have gone quiet."""
        people = self.people
        if people is None or not people.events_before or people.quiet_top_events is None:
            return None
        return people.quiet_top_events / people.events_before


class FigureRule(_Value):
    """How a raw figure becomes 0 to 100: straight lines between points, level beyond the ends."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    component: ComponentName
    weight: float = Field(gt=0)
    words: str
    points: tuple[tuple[float, float], ...] = Field(min_length=2)
    usual: tuple[tuple[float, float], ...] = ()
    """For small accounts, which are compared with what is usual for them."""

    @model_validator(mode="after")
    def _fits(self) -> "FigureRule":
        for points in filter(None, (self.points, self.usual)):
            steps = list(pairwise(points))
            if any(one[0] >= other[0] for one, other in steps):
                raise ValueError("the first numbers of the points must grow")
            if any(not 0 <= value <= 100 for _, value in points):
                raise ValueError("the second numbers of the points lie between 0 and 100")
            rises = {one[1] < other[1] for one, other in steps if one[1] != other[1]}
            if len(rises) > 1:
                raise ValueError("the points must only rise or only fall")
        return self


class Surety(_Value):
    """What a score needs at least to be called so sure."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    coverage: float = Field(ge=0, le=1)
    history_days: int = Field(ge=0)
    users: int = Field(ge=0)


class Limits(_Value):
    """From where on a figure counts as measured."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    history_days: int = Field(ge=1)
    usual_days: int = Field(ge=1)
    weeks: int = Field(ge=1, le=WEEKS)
    attempts: int = Field(ge=1)
    entrants: int = Field(ge=1)
    small_users: float = Field(ge=0)
    key_person_share: float = Field(ge=0, le=1)
    quiet_champion_share: float = Field(ge=0, le=1)


class Pull(_Value):
    """How strongly few users are pulled towards what is usual."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    user_days: float = Field(ge=0)
    events: float = Field(ge=0)
    entrants: float = Field(ge=0)


class ScoreSettings(_Value):
    """The definition of the score: everything in it that somebody chose."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    weights: dict[ComponentName, float]
    segments: dict[str, dict[ComponentName, float]] = {}
    """Weights that differ for accounts of a segment."""
    bands: dict[Literal["healthy", "watch"], float]
    """From which value on; under `watch` an account is at risk."""
    limits: Limits
    pull: Pull
    confidence: dict[Literal["high", "medium"], Surety]
    figures: dict[FigureName, FigureRule]

    @model_validator(mode="after")
    def _fits(self) -> "ScoreSettings":
        for weights in (self.weights, *self.segments.values()):
            if any(weight < 0 for weight in weights.values()):
                raise ValueError("weights are not negative")
        if not all(any(self.weights_of(segment).values()) for segment in ("", *self.segments)):
            raise ValueError("at least one component needs a weight, in each segment, too")
        if not 0 <= self.bands["watch"] <= self.bands["healthy"] <= 100:
            raise ValueError("bands lie between 0 and 100, watch under healthy")
        return self

    @property
    def version(self) -> str:
        """Changes with the definition: values of different versions are not comparable."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]

    def weights_of(self, segment: str) -> dict[ComponentName, float]:
        return {**self.weights, **self.segments.get(segment, {})}


class Figure(_Value):
    """One raw figure of an account, and what it is worth."""

    name: FigureName
    raw: float | None = Field(description="Null: not measured.")
    points: float | None = Field(description="0 to 100.")
    sample: int = Field(description="Days, users, weeks, attempts or entrants that it rests on.")
    words: str = Field(description="What it says, or why it is not measured.")


class Component(_Value):
    name: ComponentName
    value: float | None = Field(description="0 to 100; null: not measured, and its weight is left out.")
    weight: float = Field(description="As it is set.")
    share: float = Field(description="Of the score: its weight among those measured, 0 to 1.")
    contribution: float = Field(description="Points of the score: value times share.")
    figures: tuple[Figure, ...] = ()


class Score(_Value):
    """An account's engagement on one day. Without a value there is a reason."""

    account: str
    as_of: date
    value: float | None
    band: Band | None
    components: tuple[Component, ...]
    coverage: float = Field(description="Share of the weights whose components were measured.")
    confidence: Confidence
    version: str
    why: str = ""


class Move(_Value):
    """What one component added to the change of a score."""

    component: ComponentName
    before: float | None
    now: float | None
    points: float = Field(description="Of the change of the score.")


class Health(_Value):
    """An account on one day: what is known of it, and its score."""

    facts: Facts
    score: Score


class Verdict(_Value):
    """A score without its parts."""

    value: float | None
    band: Band | None


class Glance(_Value):
    """What a list of thousands of accounts needs of each one's health."""

    facts: Facts
    score: Verdict


class HealthDay(_Value):
    """What was said of an account on one day."""

    day: date
    value: float | None
    band: Band | None
    coverage: float
    confidence: Confidence
    components: dict[ComponentName, float | None]
    version: str


class Sentiment(_Value):
    """What a CSM feels about an account; it stands beside the score and is no part of it."""

    value: int = Field(ge=1, le=5, description="1 bad to 5 good.")
    note: str = ""
    at: datetime
