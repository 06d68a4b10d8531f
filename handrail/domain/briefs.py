"""Briefs: what a night did, which accounts are worth a look, and what was not done; for the own team."""

from datetime import date, datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class Cause(StrEnum):
    """Why an account is worth a look."""

    STRUGGLES = "struggles"
    DROP = "drop"
    NEEDS_HELP = "needs_help"
    NO_HELP = "no_help"
    ALERT = "alert"


class Finding(BaseModel):
    """One reason to look at an account. No user stands in it, nor a group of fewer than five."""

    model_config = ConfigDict(frozen=True)

    account_id: str
    cause: Cause
    subject: str = Field("", description="The feature's slug, where it is about one.")
    figure: float = Field(description="How bad it is; larger is worse. Comparable within cause and subject.")
    people: int = Field(description="How many it concerns, to put accounts in order.")
    evidence: str = Field(description="The figures, with their dates and sample sizes.")
    next_step: str


class WorthALook(BaseModel):
    """One account, why, and what to do next. `name` comes from Mixpanel: it is untrusted."""

    model_config = ConfigDict(frozen=True)

    account_id: str
    name: str
    findings: tuple[Finding, ...]
    next_step: str
    told_before: date | None = Field(None, description="It was told that night, and is worse now.")


class Brief(BaseModel):
    """What the team reads in the morning. Sentences are ours; names inside them are Mixpanel's."""

    model_config = ConfigDict(frozen=True)

    night: date = Field(description="As-of day of the night it tells.")
    zone: str
    written_at: datetime
    headline: str
    done: tuple[str, ...] = ()
    accounts: tuple[WorthALook, ...] = ()
    not_done: tuple[str, ...] = ()
