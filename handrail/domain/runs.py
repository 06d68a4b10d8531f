"""Runs: one night, and what it reports."""

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from handrail.domain.gaps import Gap
from handrail.domain.guards import DataProblem
from handrail.domain.metrics import Agreement


class FeatureStruggles(BaseModel):
    """What a night found for one feature, and by which route."""

    feature: str
    struggling: int
    accounts: int
    route: Literal["jql", "behaviors", "export"]
    tried: int | None = None
    """People who tried it inside the window, where they were counted."""


class Refresh(BaseModel):
    """What was read of Mixpanel beside the events, and what could not be."""

    model_config = ConfigDict(frozen=True)

    profiles: int = 0
    reports: int = 0
    notes: tuple[str, ...] = ()


class StageTime(BaseModel):
    """When one part of a night worked. Of a part that was done again after a crash, the time it took then."""

    model_config = ConfigDict(frozen=True)

    name: str
    began: datetime
    ended: datetime


class Report(BaseModel):
    """What a night did and did not do, and why."""

    model_config = ConfigDict(frozen=True)

    night: date = Field(description="As-of day: the last complete project day.")
    status: Literal["running", "done", "failed"]
    started_at: datetime
    finished_at: datetime | None = None
    dry_run: bool = Field(False, description="Nothing was sent; `sent` is who would have been mailed.")
    mode: str = ""
    zone: str = ""
    questions_planned: int = 0
    """Counted queries beside those of the mails, which ask one for each 500."""
    questions_left: int = 0
    """Counted queries the night could still ask in its hour when it began."""
    accounts: int = 0
    active_accounts: int = 0
    events: int = 0
    events_with_account: int = 0
    users: int = 0
    """Users of each day that was read, added up."""
    users_with_account: int = 0
    agreement: Agreement | None = None
    outcomes_settled: int = Field(0, description="Mails and hold-outs followed to the end that night.")
    struggles: tuple[FeatureStruggles, ...] = ()
    struggling_users: int = 0
    tutorials: int = 0
    tutorials_in_own_words: int = Field(0, description="Tutorials in the document's own words.")
    model_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    profiles: int = 0
    """Profiles counted by account and segment."""
    reports_refreshed: int = 0
    sent: int = 0
    failed: int = 0
    unknown: int = 0
    planned: int = Field(0, description="Mails that wait for the person's working hours.")
    reviews: int = Field(0, description="Tutorials that wait for a person's approval.")
    withheld: dict[str, int] = Field(default_factory=dict, description="People not mailed, by reason.")
    notes: tuple[str, ...] = ()
    data_problems: tuple[DataProblem, ...] = ()
    """Of features whose verdicts are not to be trusted; nobody is counted as struggling with them."""
    written_back: int = Field(0, description="Events about mails that Mixpanel took.")
    cache_write_tokens: int = 0
    cache_read_tokens: int = 0
    """Cached tokens are counted apart from `input_tokens`."""
    docs_gaps: tuple[Gap, ...] = Field((), description="What the documents lack, the most people first.")
    model_usd: float = Field(0.0, description="What the model cost on that UTC day, over all runs.")
    scored: int = Field(0, description="Accounts with an engagement score.")
    alerts: int = Field(0, description="Alerts that are new or worse.")
    questions_asked: int | None = None
    """Counted queries of the night; None where it was too long for its books to be whole."""
    stages: tuple[StageTime, ...] = ()
    """Parts that ended, in their order. The mails leave between two of them."""
