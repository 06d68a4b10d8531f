"""The tables of past days: what was known of accounts then, and how the score did on them."""

from datetime import date, datetime

from sqlmodel import Field, SQLModel

from handrail.store.tables import moment


class PastDayRow(SQLModel, table=True):
    """An account at the end of a past day, out of that day and the days before alone; see `PastDay`."""

    __tablename__ = "past_days"

    customer_id: str = Field(primary_key=True, foreign_key="customers.id")
    metric_date: date = Field(primary_key=True, index=True)
    band: str = ""
    measures: str = Field(description="JSON: value by metric.")


class ReplayRow(SQLModel, table=True):
    """That a past day was replayed, by which definition of the score, and out of what."""

    __tablename__ = "replays"

    metric_date: date = Field(primary_key=True)
    version: str
    read_at: datetime = moment()
    """When the newest of the days that it is made of was read from Mixpanel."""


class TrackRecordRow(SQLModel, table=True):
    """How the score did on past days, as it was known on a day."""

    __tablename__ = "track_records"

    as_of: date = Field(primary_key=True)
    document: str = Field(description="The TrackRecord as JSON.")
