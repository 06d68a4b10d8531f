"""The table of the doors: one row for each call of a tool."""

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
