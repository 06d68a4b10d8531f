"""Funnels: their definition, and how many users reached each step."""

from pydantic import BaseModel, ConfigDict, Field


class Funnel(BaseModel):
    """A saved funnel. `window_seconds` is counted from step 1."""

    model_config = ConfigDict(frozen=True)

    funnel_id: int
    name: str
    steps: tuple[str, ...] = ()
    window_seconds: int = 0


class FunnelCounts(BaseModel):
    """Users who reached each step, in step order."""

    model_config = ConfigDict(frozen=True)

    events: tuple[str, ...]
    users: tuple[int, ...]


class FunnelStep(BaseModel):
    """One row of a funnel's table."""

    step: int = Field(description="1 is the entry.")
    event: str
    users: int
    from_previous: float | None = Field(description="Share of the previous step's users, 0 to 1.")


class Bottleneck(BaseModel):
    """The step with the largest loss of users."""

    step: int
    event: str
    lost: int
