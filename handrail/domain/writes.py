"""What is written to Mixpanel, and what became of it."""

from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from handrail.domain.tutorials import Style


class NewEvent(BaseModel):
    """An event to write. The same `insert_id` and `time` again is the same event, not a second one."""

    model_config = ConfigDict(frozen=True)

    event: str
    distinct_id: str
    time: int = Field(description="UTC epoch in seconds.")
    insert_id: str
    properties: dict[str, Any] = Field(default_factory=dict)


class Imported(BaseModel):
    """How many events were taken, and the places in the list of those that were not."""

    model_config = ConfigDict(frozen=True)

    taken: int = 0
    refused: tuple[int, ...] = ()


class ProfileChange(BaseModel):
    """Properties of one user to set, and lists to add to. The same again changes nothing."""

    model_config = ConfigDict(frozen=True)

    distinct_id: str
    values: dict[str, Any] = Field(default_factory=dict)
    union: dict[str, tuple[str, ...]] = Field(default_factory=dict)


class News(BaseModel):
    """What Mixpanel is to be told of one mail."""

    model_config = ConfigDict(frozen=True)

    what: Literal["sent", "completed"]
    delivery_id: str
    night: date
    user_key: str
    account_ids: tuple[str, ...]
    feature: str
    tutorial_id: str
    style: Style
    at: datetime

    @property
    def key(self) -> str:
        """Of the row that says it was told."""
        return f"{self.what}/{self.delivery_id}"
