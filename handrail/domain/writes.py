"""What is written to Mixpanel, and what became of it."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


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
