"""Struggles: signals of one user on one feature, and the verdict."""

from datetime import datetime
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from handrail.domain.features import Struggling


class FeatureUse(BaseModel):
    """What one user did with one feature inside the window. Counts only.

    Rage and dead clicks, abandoned attempts and views of help are None where they were not measured:
    their events did not occur in the whole project.
    """

    model_config = ConfigDict(frozen=True)

    user_key: str
    account_ids: tuple[str, ...]
    attempts: int
    successes: int
    errors: dict[str, int] = Field(description="Error events by reason.")
    rage_clicks: int | None
    dead_clicks: int | None
    abandoned: int | None = None
    """Attempts with a step that the next did not follow in time."""
    help_views: int | None = None
    attempts_before: int = 0
    """In as many days just before the window."""
    successes_before: int = 0
    last_attempt: datetime
    last_success: datetime | None
    reached: int = Field(description="Index of the furthest step of the last attempt, 0 is the first.")


class Peers(BaseModel):
    """What people together did with one feature inside the window; `users` of them tried it."""

    model_config = ConfigDict(frozen=True)

    users: int = 0
    attempts: int = 0
    successes: int = 0

    @property
    def completion(self) -> float | None:
        """Successes over attempts, of sums; None without an attempt."""
        return self.successes / self.attempts if self.attempts else None


class Signature(BaseModel):
    """People with the same signature get the same tutorial."""

    model_config = ConfigDict(frozen=True)

    feature: str
    stuck_step: str
    reason: str
    band: str

    @property
    def key(self) -> str:
        return "/".join((self.feature, self.stuck_step, self.reason or "no-error", self.band))

    @staticmethod
    def of(key: str) -> "Signature":
        """The signature of a key."""
        feature, _, rest = key.partition("/")
        step, _, rest = rest.partition("/")
        reason, _, band = rest.rpartition("/")
        return Signature(
            feature=feature, stuck_step=step, reason="" if reason == "no-error" else reason, band=band
        )

    @staticmethod
    def ever_succeeded(key: str) -> bool:
        """Whether the evidence behind the signature of this key held a success."""
        return key.endswith("/sometimes")


class Struggle(BaseModel):
    """The verdict on user × feature, with its signals."""

    model_config = ConfigDict(frozen=True)

    feature: str
    user_key: str
    account_ids: tuple[str, ...]
    attempts: int
    successes: int
    completion: float
    errors: int
    main_reason: str = Field(description="The commonest error reason, empty if there was no error.")
    rules: tuple[str, ...]
    stuck_step: str
    rage_clicks: int | None
    dead_clicks: int | None
    abandoned: int | None = None
    help_views: int | None = None
    attempts_before: int | None = None
    """In as many days just before the window; None in verdicts that were kept before this was counted."""
    successes_before: int | None = None
    last_attempt: datetime
    priority: float
    signature: Signature
    limits: Struggling = Struggling()
    """The thresholds as they were."""
    fleet: Peers | None = None
    """The others who tried the feature, in all accounts."""
    by_account: dict[str, Peers] = Field(default_factory=dict)
    """The others of each of the person's accounts."""


class Struggler(NamedTuple):
    """Who struggles with what, without the figures."""

    user_key: str
    feature: str
    signature: Signature


class Stuck(BaseModel):
    """How many people have one signature. Counts only."""

    model_config = ConfigDict(frozen=True)

    signature: str
    feature: str
    people: int
    attempts: float = Field(description="Of one person in the window, on average.")
