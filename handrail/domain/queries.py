"""What Mixpanel's query API counts, in our words."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

Counting = Literal["general", "unique"]
"""`general` counts events, `unique` the users of each bucket: users of several buckets do not add up."""

Unit = Literal["minute", "hour", "day", "week", "month"]
Coarse = Literal["day", "week", "month"]

OVERALL = "$overall"
NO_NAME = frozenset({"", "undefined", "null", "<null>", "$other", OVERALL, "$average"})
"""Segments that Mixpanel adds by itself: none of them is the name of an account."""


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


class Activity(_Value):
    """One event of one person. `time` is in seconds, as the project stores it."""

    event: str
    distinct_id: str
    time: float
    properties: dict[str, Any]
