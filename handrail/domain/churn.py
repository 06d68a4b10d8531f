"""Churn: what accounts looked like before they left, and how often the score had seen it."""

from datetime import date
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

BandName = Literal["healthy", "watch", "at_risk", ""]
"""As in the score; empty: there was none."""

Verdict = Literal["separates", "no_sign", "too_few"]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class PastDay(NamedTuple):
    """What is known of an account at the end of a past day. What was not measured is missing."""

    account: str
    day: date
    band: BandName
    measures: dict[str, float]


class Outcomes(NamedTuple):
    """Who left when, and who stayed, by account id; of others it is not known yet."""

    churned: dict[str, date]
    kept: frozenset[str]


class Case(NamedTuple):
    """One account on the day on which it is compared."""

    past: PastDay
    end: date
    """The day it left; of a kept account as many days after the compared one, at most."""


class Sample(NamedTuple):
    """Churned accounts so many days before they left, and kept ones on the same days."""

    churned: tuple[Case, ...]
    kept: tuple[Case, ...]


class Separation(_Value):
    """How well one figure separated churned from kept accounts."""

    metric: str
    verdict: Verdict
    direction: Literal["lower", "higher", ""] = Field("", description="Of churned accounts.")
    auc: float | None = Field(
        None,
        description="How often the kept one of a kept and a churned account has the higher value; "
        "0.5 says nothing.",
    )
    low: float | None = Field(None, description="Of the AUC, 95 %.")
    high: float | None = None
    effect: float | None = Field(None, description="Cliff's delta, -1 to 1: kept less churned.")
    p: float | None = Field(None, description="Adjusted for all that were tried (Benjamini-Hochberg).")
    churned_median: float | None = None
    kept_median: float | None = None
    churned: int = Field(description="Accounts.")
    kept: int


class Quartile(_Value):
    """Accounts by a figure on one day, and the share of them that was still there later."""

    from_value: float
    to_value: float
    accounts: int
    churned: int
    kept_share: float = Field(description="Kaplan-Meier, after the days that are named.")
    low: float | None = Field(None, description="95 %; null where nobody left.")
    high: float | None = None


class Survival(_Value):
    metric: str
    day: date = Field(description="Values of this day; followed from it on.")
    after_days: int
    quartiles: tuple[Quartile, ...] = Field(description="Lowest values first.")
    p: float | None = Field(description="Log-rank test that all leave alike.")


class BandOutcome(_Value):
    """Of accounts in a band, how many left in the days after."""

    band: BandName
    accounts: int = Field(description="Each once a quarter.")
    churned: int
    low: float = Field(description="Of the share, Wilson 95 %.")
    high: float


class TrackRecord(_Value):
    """How the score did on past days. It read nothing of later ones."""

    as_of: date
    version: str = Field(description="Of the score's definition.")
    from_date: date | None = Field(description="Oldest day that was replayed.")
    to_date: date | None = None
    churned: int = Field(0, description="Accounts that left and had a score in the 90 to 7 days before.")
    flagged: int = Field(0, description="Of these, those at risk on one of those days.")
    kept: int = Field(0, description="Kept accounts with a score on comparable days.")
    false_alarms: int = Field(0, description="Of these, those at risk on one of those days.")
    warning_days: float | None = Field(None, description="Median days from the flag to the leaving.")
    calibration: tuple[BandOutcome, ...] = ()
    words: str


class SuggestedWeights(_Value):
    """Weights that would have separated better. Never applied by themselves."""

    weights: dict[str, int]
    auc_now: float = Field(description="Of the components under today's weights.")
    auc_suggested: float = Field(description="Under weights learned on other accounts (cross-validated).")
    churned: int
    kept: int
