"""What keeps mail from going where the person is not the reason: bad data, a brake, a switch."""

from datetime import date, datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from handrail.domain.deliveries import Actor


class ProblemKind(StrEnum):
    COVERAGE = "coverage"
    VANISHED = "vanished"
    JUMPED = "jumped"
    TOO_FEW = "too_few"
    NOTHING_READ = "nothing_read"


class DataProblem(BaseModel):
    """Why a night's verdicts on a feature are not to be trusted."""

    model_config = ConfigDict(frozen=True)

    feature: str = Field(description="Empty: all features.")
    kind: ProblemKind
    words: str


class BrakeKind(StrEnum):
    """The first two hold until an operator resumes, the others for the night they stopped."""

    BOUNCES = "bounces"
    COMPLAINTS = "complaints"
    VOLUME = "volume"
    ERRORS = "errors"


LASTING = frozenset({BrakeKind.BOUNCES, BrakeKind.COMPLAINTS})


class Brake(BaseModel):
    """One that was pulled; the last of its kind is kept."""

    model_config = ConfigDict(frozen=True)

    kind: BrakeKind
    night: date
    at: datetime
    words: str
    released_at: datetime | None = None

    def holds(self, night: date) -> bool:
        return self.released_at is None and (self.kind in LASTING or self.night == night)


class Fate(BaseModel):
    """What became of the people of one account on whom nights decided: each counts once a reason."""

    model_config = ConfigDict(frozen=True)

    mailed: int = 0
    withheld: dict[str, int] = Field(default_factory=dict)
    """By reason; who waits for working hours or a yes, too."""


class SwitchChange(BaseModel):
    """Somebody paused or resumed. `scope` is all, account:ID or feature:SLUG."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    actor: Actor
    action: str
    scope: str
