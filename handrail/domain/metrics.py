"""Figures of an account: what the tables hold."""

from datetime import date, datetime
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

USER_DAYS_KEPT = 100
"""Days for which it is known who was there: exact users of 90 days need them."""


class AccountDay(BaseModel):
    """One account on one project day."""

    model_config = ConfigDict(frozen=True)

    mixpanel_id: str
    day: date
    total_events: int
    unique_users: int
    sessions: int


class Totals(BaseModel):
    """One account over a period. Users are exact over the whole period, not a sum of days."""

    model_config = ConfigDict(frozen=True)

    total_events: int
    unique_users: int
    sessions: int
    active_days: int


ValueKind = Literal["value", "unset", "other"]
"""A value that is kept, events without the property, and all values that are not kept."""


class EventCount(NamedTuple):
    """One event of one account and day; `marks` are those of its users, one after the other."""

    account: str
    day: date
    event: str
    total: int
    users: int
    marks: bytes


class ValueCount(NamedTuple):
    """One value of a property of one account and day's events."""

    account: str
    day: date
    property: str
    kind: ValueKind
    value: str
    total: int
    users: int
    marks: bytes


class FeatureDay(NamedTuple):
    """How a feature went for one account on one day.

    Clicks are those of the account's users who attempted the feature on that day.
    """

    account: str
    day: date
    feature: str
    attempts: int
    successes: int
    errors: int
    users_attempting: int
    users_succeeding: int
    rage_clicks: int
    dead_clicks: int


class EventUse(NamedTuple):
    """One event of an account over a period; `users` is None where they are no longer known."""

    event: str
    total: int
    users: int | None


class PropertyValue(BaseModel):
    """One value of a property over a period; `users` is None where they are no longer known."""

    model_config = ConfigDict(frozen=True)

    kind: ValueKind
    value: str
    total: int
    users: int | None


class Coverage(NamedTuple):
    """Events and users that belong to an account. A user counts once a day."""

    events: int
    events_with_account: int
    users: int
    users_with_account: int


class DayTables(BaseModel):
    """All that one sync counted, ready to replace the days it covers."""

    model_config = ConfigDict(frozen=True)

    account_days: list[AccountDay]
    user_days: list[tuple[str, date, str, int]]
    """(account, day, user key, events)."""
    event_days: list[EventCount]
    value_days: list[ValueCount]
    feature_days: list[FeatureDay]
    hours: list[tuple[str, date, int, int]]
    coverage: Coverage


class SyncRecord(BaseModel):
    """When the tables were filled, in which zone, and for which days."""

    model_config = ConfigDict(frozen=True)

    started_at: datetime
    finished_at: datetime
    zone: str
    from_date: date
    to_date: date
    events: int
    events_with_account: int
    users: int = 0
    """Users of each day, added up."""
    users_with_account: int = 0


SyncStatus = Literal["running", "done", "failed", "interrupted"]


class SyncState(BaseModel):
    """One sync, running or over. Days are project days."""

    model_config = ConfigDict(frozen=True)

    id: int
    status: SyncStatus
    from_date: date
    to_date: date
    days_total: int
    days_done: int
    events: int = Field(description="Events read so far.")
    started_at: datetime
    finished_at: datetime | None = None
    message: str = ""

    def words(self) -> str:
        """One sentence."""
        told = f"Sync {self.id} of {self.from_date} to {self.to_date}"
        done = f"{self.days_done} of {self.days_total} days, {self.events:,} events"
        why = f": {self.message}" if self.message else "."
        return {
            "running": f"{told} is running: {done} so far.",
            "done": f"{told} is done: {done}.",
            "failed": f"{told} failed after {done}{why}",
            "interrupted": f"{told} was interrupted after {done}{why}",
        }[self.status]


class ReadDay(BaseModel):
    """A day whose figures are whole: which sync read it, and when."""

    model_config = ConfigDict(frozen=True)

    day: date
    sync_id: int
    read_at: datetime


class Agreement(BaseModel):
    """How far our count of one event agrees with Mixpanel's, over accounts and days."""

    model_config = ConfigDict(frozen=True)

    event: str
    from_date: date
    to_date: date
    ours: int
    theirs: int
    accuracy: float | None
    """1 is equal; None: Mixpanel counts nothing."""
