"""The tables of accounts' health: each day's score, the newest in full, and what CSMs feel."""

from datetime import date, datetime

from sqlmodel import Field, SQLModel

from handrail.store.tables import moment


class HealthDayRow(SQLModel, table=True):
    """What was said of an account on a day, in numbers. It stays as it was said."""

    __tablename__ = "health_days"

    customer_id: str = Field(primary_key=True, foreign_key="customers.id")
    metric_date: date = Field(primary_key=True, index=True)
    value: float | None = None
    band: str = ""
    coverage: float
    confidence: str
    components: str = Field(description="JSON: value by component, null where it was not measured.")
    people: str = Field(
        description="The People as JSON: users of a day are kept 100 days, these numbers stay."
    )
    version: str = Field(description="Of the score's definition.")


class AccountHealthRow(SQLModel, table=True):
    """The newest of each account in full; replaced as a whole."""

    __tablename__ = "account_health"

    customer_id: str = Field(primary_key=True, foreign_key="customers.id")
    metric_date: date
    document: str = Field(description="The Health as JSON.")


class SentimentRow(SQLModel, table=True):
    """What a CSM feels about an account, from 1 to 5. It is never part of the score."""

    __tablename__ = "sentiments"

    id: int | None = Field(default=None, primary_key=True)
    customer_id: str = Field(foreign_key="customers.id", index=True)
    at: datetime = moment()
    value: int
    note: str = ""
