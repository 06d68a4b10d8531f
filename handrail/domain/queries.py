"""What Mixpanel's query API counts, in our words."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from handrail.domain.funnels import FunnelCounts

Counting = Literal["general", "unique"]
"""`general` counts events, `unique` the users of each bucket: users of several buckets do not add up."""

Unit = Literal["minute", "hour", "day", "week", "month"]
Coarse = Literal["day", "week", "month"]

OVERALL = "$overall"
ANY_EVENT = "$all_events"
"""Stands for every event in a count by `EventCount`."""


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class Point(_Value):
    """One bucket. `start` is the project's date or wall-clock time, or `all` if there is but one bucket."""

    start: str
    count: float


class Series(_Value):
    """One line of a chart, oldest bucket first. Buckets of which Mixpanel says nothing are not there."""

    name: str
    points: tuple[Point, ...] = ()

    @property
    def total(self) -> float:
        """The sum of all buckets: of users it is no count of users."""
        return sum(point.count for point in self.points)


class Segmentation(_Value):
    """Series by event or by segment. `complete` is False where the limit of segments was reached."""

    series: tuple[Series, ...] = ()
    complete: bool = True

    def of(self, name: str) -> Series:
        """The series of that name; an empty one where nothing was counted."""
        return next((one for one in self.series if one.name == name), Series(name=name))


class TopEvent(_Value):
    """An event of today. `change` is the share gained or lost since yesterday, None where it is unknown."""

    event: str
    count: float
    change: float | None = None


class PropertyUse(_Value):
    """A property, and how many events have it where Mixpanel says so."""

    name: str
    events: int | None = None


class RetentionCohort(_Value):
    """`size` people who began in the bucket `start`; `returned[k]` of them came back in interval k."""

    start: str
    size: int
    returned: tuple[int, ...] = ()
    segment: str = OVERALL


class Frequency(_Value):
    """`users[k]` people were active in at least k + 1 hours or days of the bucket `start`."""

    start: str
    users: tuple[int, ...] = ()


class Cohort(_Value):
    """A saved cohort. `count` is a cached size, None where Mixpanel does not tell it."""

    cohort_id: int
    name: str
    description: str = ""
    count: int | None = None


class ReportStep(_Value):
    """One step of a funnel; None where the report does not tell how many reached it."""

    event: str
    users: int | None = None


class ReportRow(_Value):
    """One leaf of a saved report: which one (`path`, the metric first) and what it shows."""

    path: tuple[str, ...]
    points: tuple[Point, ...] = ()
    steps: tuple[ReportStep, ...] = ()
    cohorts: tuple[RetentionCohort, ...] = ()


class SavedReport(_Value):
    """A saved report as Mixpanel computed it. `complete` is False where it left segments out.

    `by` are the properties that break it down, in the order in which a row's path has their values.
    """

    kind: Literal["insights", "funnels", "retention"]
    by: tuple[str, ...] = ()
    computed_at: str = ""
    from_date: str = ""
    to_date: str = ""
    rows: tuple[ReportRow, ...] = ()
    complete: bool = True


class Property(_Value):
    """What a report is broken down or narrowed by: a property of events, or of users as it is now."""

    name: str
    of_users: bool = False


class OneOf(_Value):
    """Only where the property is one of these texts."""

    property: Property
    values: tuple[str, ...]


class InCohort(_Value):
    """Only people who are in a saved cohort now; or with `inside` False only people who are not."""

    cohort_id: int
    inside: bool = True


Narrowing = OneOf | InCohort


class Did(_Value):
    """What a person did so often in the last `days` times 24 hours; `at_most=0` is what they never did."""

    event: str
    days: int
    at_least: int = 1
    at_most: int | None = None


class EventCount(_Value):
    """How often an event happened, or how many users did it, over a whole period."""

    event: str
    counting: Counting = "general"


class FunnelTable(_Value):
    """Users per step by segment, `$overall` among them. `complete` is False where segments are missing."""

    segments: dict[str, FunnelCounts]
    complete: bool = True


class Figures(_Value):
    """For each figure asked, in the order asked, its value by segment, `$overall` among them.

    A value is None where Mixpanel has none. `complete` is False where segments are missing.
    """

    rows: tuple[dict[str, float | None], ...]
    complete: bool = True


class Activity(_Value):
    """One event of one person. `time` is in seconds, as the project stores it."""

    event: str
    distinct_id: str
    time: float
    properties: dict[str, Any]
