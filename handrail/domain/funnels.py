"""Funnels: their definition, and how many users reached each step."""

import hashlib
import json
from datetime import datetime
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from handrail.domain.periods import Period


class Funnel(BaseModel):
    """A saved funnel. `window_seconds` is counted from step 1."""

    model_config = ConfigDict(frozen=True)

    funnel_id: int
    name: str
    steps: tuple[str, ...] = ()
    window_seconds: int = 0

    @property
    def definition(self) -> str:
        """Changes with the steps and the window: figures of another definition are not comparable."""
        return hashlib.sha256(json.dumps([self.steps, self.window_seconds]).encode()).hexdigest()[:16]


class FunnelCounts(BaseModel):
    """Users who reached each step, in step order.

    `seconds`: the median time since the step before, of those who made the step; None for the entry and
    where nobody made it. Empty where the route does not tell times.
    """

    model_config = ConfigDict(frozen=True)

    events: tuple[str, ...]
    users: tuple[int, ...]
    seconds: tuple[float | None, ...] = ()


class MeasuredFunnel(BaseModel):
    """One funnel of one account over one period; of everybody there, or of a cohort's members."""

    model_config = ConfigDict(frozen=True)

    account_id: str
    funnel_id: int
    name: str
    period: Period
    cohort: str = ""
    counts: FunnelCounts
    route: str
    measured_at: datetime


class Measurement(BaseModel):
    """That a funnel was measured for all accounts over one period, by which route and definition."""

    model_config = ConfigDict(frozen=True)

    funnel: Funnel
    period: Period
    cohort: str = ""
    route: str
    measured_at: datetime


class Kept(NamedTuple):
    """That a funnel was measured, without its figures."""

    definition: str
    route: str
    measured_at: datetime


class FunnelStep(BaseModel):
    """One row of a funnel's table."""

    step: int
    event: str
    users: int
    from_previous: float | None = Field(description="Share of the previous step's users, 0 to 1.")
    median_seconds: float | None = Field(None, description="Since the step before.")


class Bottleneck(BaseModel):
    """The step with the largest loss of users."""

    step: int
    event: str
    lost: int
