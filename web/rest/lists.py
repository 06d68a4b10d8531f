"""The one shape of lists: rows in `items`, and where the next ones begin."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Generic, Self, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field

Row = TypeVar("Row")
MOST = 200

Limit = Annotated[int, Query(ge=1, le=MOST, description="Rows of one answer.")]
Cursor = Annotated[
    str, Query(max_length=200, description="`next_cursor` of the answer before. Empty: the first rows.")
]


class Listed(BaseModel, Generic[Row]):
    """A list, or a part of it."""

    summary: str = Field("", description="One sentence.")
    as_of: datetime | None = Field(None, description="When the figures were read; null: each row tells.")
    caveats: list[str] = Field(default_factory=list, description="What a reader has to know.")
    items: list[Row]
    next_cursor: str | None = Field(None, description="Of the next rows; null after the last.")

    @classmethod
    def of(cls, answer: BaseModel, items: Sequence[Row], cursor: str = "", **more: object) -> Self:
        """A tool's answer as a list: its fields by their names, its rows as `items`."""
        shared = cls.model_fields.keys() & type(answer).model_fields.keys()
        told = {name: getattr(answer, name) for name in shared}
        return cls(**{**told, **more}, items=list(items), next_cursor=cursor or None)
