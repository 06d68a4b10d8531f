"""Alerts: what changed for an account, or for all of them, and what to do about it."""

from datetime import date, datetime
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

FLEET = ""
"""The account id of an alert that is about all accounts together."""


class AlertKind(StrEnum):
    DROP = "drop"
    DECLINE = "decline"
    ERRORS = "errors"
    ABANDONED = "abandoned"
    SILENT = "silent"
    DATA = "data"


AlertState = Literal["open", "resolved", "dismissed"]
Direction = Literal["down", "up", "data"]


class Point(BaseModel):
    """One day of the series behind an alert. None: not known, or too little came before it to say."""

    model_config = ConfigDict(frozen=True)

    day: date
    value: float | None
    usual: float | None = None
    low: float | None = None
    high: float | None = None


class Found(BaseModel):
    """One anomaly, as a night's figures show it. No user stands in it, nor a group of fewer than five."""

    model_config = ConfigDict(frozen=True)

    account_id: str
    kind: AlertKind
    subject: str = Field(description="The series, the feature's slug, or the event's name.")
    size: float = Field(description="Larger is worse: the share lost, or for errors, times the usual.")
    score: float = Field(description="How far outside its usual noise, in standard errors.")
    since: date
    observed: float
    usual: float
    days: int = Field(description="The days that both are of.")
    points: tuple[Point, ...] = ()

    @property
    def direction(self) -> Direction:
        if self.kind is AlertKind.DATA:
            return "data"
        return "up" if self.kind is AlertKind.ERRORS else "down"


class Alert(Found):
    """An anomaly that was raised, and what became of it."""

    id: str
    state: AlertState = "open"
    raised_on: date = Field(description="As-of day of the night that raised it.")
    told_on: date = Field(description="When it was told last: raised, or worse.")
    told_size: float
    seen_on: date = Field(description="The last night that found it.")
    evidence: str
    cause: str = ""
    next_step: str
    closed_at: datetime | None = None
    reason: str = Field("", description="Why a person closed it.")
