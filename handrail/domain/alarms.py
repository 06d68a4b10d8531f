"""Alarms: what is wrong with the nights, told through a channel that is not the mail service."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class AlarmCause(StrEnum):
    SILENCE = "silence"
    STUCK = "stuck"
    FAILED = "failed"
    NO_MAILS = "no_mails"
    MANY_MAILS = "many_mails"


class Alarm(BaseModel):
    """One thing that a person has to look at, in a sentence of ours."""

    model_config = ConfigDict(frozen=True)

    cause: AlarmCause
    words: str
