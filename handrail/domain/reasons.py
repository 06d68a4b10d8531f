"""Reasons: what error events say went wrong, as far as the documents do not explain it."""

from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

ReasonStatus = Literal["listed", "approved", "rejected"]


class SeenReason(BaseModel):
    """One reason that the feature's document does not explain, under a number that stays."""

    model_config = ConfigDict(frozen=True)

    feature: str
    number: int
    code: str = Field("", description="As the events give it, if it reads like a code; else empty.")
    name: str = Field("", description="What an operator calls it, once approved.")
    status: ReasonStatus = "listed"
    people: int = Field(0, description="Whose main reason it was in the last night that saw it.")
    first_seen: date
    last_seen: date

    @property
    def label(self) -> str:
        """What stands for it: an approved name, else its number; one that was rejected is like any other."""
        if self.status == "approved":
            return self.name
        return "other" if self.status == "rejected" else f"reason_{self.number}"
