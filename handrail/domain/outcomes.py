"""Outcomes: what became of people who were mailed, and of those held out, within days of it."""

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Arm = Literal["treated", "holdout"]


class Outcome(BaseModel):
    """One mail, or one held back for the holdout, and whether its person then completed the feature."""

    model_config = ConfigDict(frozen=True)

    delivery_id: str
    user_key: str
    arm: Arm
    feature: str
    window_ends: datetime
    succeeded_before: bool
    """The struggle's evidence holds a success: such a person cannot complete it for the first time."""
    completed_at: datetime | None = None
    settled: bool = False
    """The window is over and late events are in: this row changes no more."""
    delivered_at: datetime | None = None
    """When the mail service said `delivered`, as far as it did. Not kept with the outcome."""


class OutcomeCount(BaseModel):
    """How many outcomes of one feature, night and arm are alike."""

    model_config = ConfigDict(frozen=True)

    feature: str
    night: date
    arm: Arm
    succeeded_before: bool
    settled: bool
    completed: bool
    outcomes: int


class Followed(BaseModel):
    """One arm of a feature. Shares are of `people`, who are settled and had not succeeded before."""

    model_config = ConfigDict(frozen=True)

    people: int = Field(0, description="Followed to the end of their window; never succeeded before.")
    completed: int = Field(0, description="Of these, who completed the feature in it.")
    open: int = Field(0, description="Windows that are not over, or still wait for late events.")
    succeeded_before: int = Field(0, description="Had succeeded before; counted nowhere else.")


class Lift(BaseModel):
    """Share of completion among the treated less that of the holdout, -1 to 1, with a 95 % interval."""

    model_config = ConfigDict(frozen=True)

    difference: float
    low: float
    high: float
