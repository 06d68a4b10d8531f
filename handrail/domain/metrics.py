"""Figures of an account: what the tables hold."""

from datetime import date, datetime

from pydantic import BaseModel, ConfigDict


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
