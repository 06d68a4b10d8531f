"""Learning: what is known of each way to tell a tutorial, and which one a person gets."""

from datetime import date, datetime

from pydantic import BaseModel, ConfigDict, Field

from handrail.domain.tutorials import Style


class Tried(BaseModel):
    """People who were followed to the end and had not succeeded before, and how many completed."""

    model_config = ConfigDict(frozen=True)

    people: int = 0
    completed: int = 0

    def __add__(self, other: "Tried") -> "Tried":
        return Tried(people=self.people + other.people, completed=self.completed + other.completed)


class StyleTried(BaseModel):
    """How one style of one signature did."""

    model_config = ConfigDict(frozen=True)

    feature: str
    signature: str
    style: Style
    tried: Tried


class Choice(BaseModel):
    """The style of one mail, the probability with which it was chosen, and by which rules."""

    model_config = ConfigDict(frozen=True)

    delivery_id: str
    night: date
    style: Style
    probability: float
    version: str
    chosen_at: datetime


class StyleSample(BaseModel):
    """One style of a feature, all signatures together."""

    model_config = ConfigDict(frozen=True)

    style: Style
    people: int = Field(description="Followed to the end.")
    completed: int
    frozen: bool = Field(description="Not chosen any more, for complaints.")
