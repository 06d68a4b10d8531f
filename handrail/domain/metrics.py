"""Figures of an account: what the tables hold."""

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from handrail.domain.funnels import FunnelCounts
from handrail.domain.periods import Period


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


class DayTables(BaseModel):
    """All that one sync counted, ready to replace the days it covers."""

    model_config = ConfigDict(frozen=True)

    account_days: list[AccountDay]
    user_days: list[tuple[str, date, str]]
    event_days: list[tuple[str, date, str, int]]
    hours: list[tuple[str, date, int, int]]
    events: int
    events_with_account: int


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


class MeasuredFunnel(BaseModel):
    """One funnel of one account over one period, with the route by which it was measured."""

    model_config = ConfigDict(frozen=True)

    account_id: str
    funnel_id: int
    name: str
    period: Period
    counts: FunnelCounts
    route: str
    measured_at: datetime


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
