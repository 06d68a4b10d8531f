"""The tables of what keeps mail from going: bad data, brakes, old tables, and who changed a switch."""

from datetime import date, datetime

from sqlmodel import Field, SQLModel

from handrail.store.tables import moment, perhaps


class DataProblemRow(SQLModel, table=True):
    """Of one night; replaced when the night runs again. `feature` is empty where all are meant."""

    __tablename__ = "data_problems"

    night: date = Field(primary_key=True)
    feature: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    words: str


class BrakeRow(SQLModel, table=True):
    """The last brake of each kind that was pulled."""

    __tablename__ = "brakes"

    kind: str = Field(primary_key=True)
    night: date
    at: datetime = moment()
    words: str
    released_at: datetime | None = perhaps()


class RestoreRow(SQLModel, table=True):
    """One restore of a backup."""

    __tablename__ = "restores"

    id: int | None = Field(default=None, primary_key=True)
    backup_at: datetime = moment()
    restored_at: datetime = moment()
    caught_up_at: datetime | None = perhaps()
    held_until: datetime | None = perhaps()


class SwitchChangeRow(SQLModel, table=True):
    """Who paused or resumed what, and when."""

    __tablename__ = "switch_changes"

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = moment()
    actor: str
    action: str
    scope: str
