"""Struggles: signals of one user on one feature, and the verdict."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field


class FeatureUse(BaseModel):
    """What one user did with one feature inside the window. Counts only."""

    model_config = ConfigDict(frozen=True)

    user_key: str
    account_ids: tuple[str, ...]
    attempts: int
    successes: int
    errors: dict[str, int] = Field(description="Error events by reason.")
    rage_clicks: int
    dead_clicks: int
    last_attempt: datetime
    last_success: datetime | None
    reached: int = Field(description="Index of the furthest step of the last attempt, 0 is the first.")


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
    rage_clicks: int
    dead_clicks: int
    last_attempt: datetime
    priority: float
    signature: Signature


class Stuck(BaseModel):
    """How many people have one signature. Counts only."""

    model_config = ConfigDict(frozen=True)

    signature: str
    feature: str
    people: int
    attempts: float = Field(description="Of one person in the window, on average.")
