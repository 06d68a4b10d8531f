"""The tables of the doors: calls of tools and commands, requests that may be repeated, and how many came."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from handrail.store.tables import UtcDateTime


class ToolCallRow(SQLModel, table=True):
    """Arguments are kept as a keyed hash only: they may hold anything."""

    __tablename__ = "tool_calls"

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(sa_type=UtcDateTime, index=True)
    caller: str
    tool: str
    account_id: str
    milliseconds: int
    outcome: str
    arguments: str


class RepeatRow(SQLModel, table=True):
    """A request with a key, and its answer. Key and body are kept as keyed hashes: they may hold anything."""

    __tablename__ = "repeats"

    key: str = Field(primary_key=True)
    request: str
    at: datetime = Field(sa_type=UtcDateTime, index=True)
    status: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    answer: str = Field(default="", sa_column_kwargs={"server_default": ""})


class RateRow(SQLModel, table=True):
    """Requests of one caller's minute that processes have taken to let in."""

    __tablename__ = "api_rates"

    caller: str = Field(primary_key=True)
    minute: datetime = Field(sa_type=UtcDateTime, primary_key=True)
    taken: int
