"""Deliveries: one decision per night, person and feature, and what became of it."""

from datetime import date, datetime
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict


class Status(StrEnum):
    """`planned` waits for the person's send hours and is decided anew when they begin."""

    PLANNED = "planned"
    WITHHELD = "withheld"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"


MAY_HAVE_ARRIVED = (Status.SENDING, Status.SENT, Status.UNKNOWN)
"""Counts as mailed for every rule: what is unclear is never sent again blindly."""

RECALLED = "recalled"
"""The detail of a mail that the mail service told of after a restore: which text it was is not known."""

NO_TRACE = "a person found no trace of it"
"""The detail of an unknown mail that somebody looked for in the mail service's log."""

Actor = Literal["chat", "nightly", "web", "shell"]


class Reason(StrEnum):
    """Why a mail was not sent, in the order in which the policy asks."""

    PAUSED = "paused"
    MODE_OFF = "mode_off"
    RESTORED = "restored"
    BRAKED = "braked"
    SENDER_DOWN = "sender_down"
    DATA_PROBLEM = "data_problem"
    NO_CONSENT_BASIS = "no_consent_basis"
    SUPPRESSED = "suppressed"
    UNSUBSCRIBED = "unsubscribed"
    ACCOUNT_OPTED_OUT = "account_opted_out"
    INTERNAL_ADDRESS = "internal_address"
    DOMAIN_MISMATCH = "domain_mismatch"
    ALREADY_SENT = "already_sent"
    COOLDOWN = "cooldown"
    ACCOUNT_CAP = "account_cap"
    RUN_CAP = "run_cap"
    ALREADY_SUCCEEDED = "already_succeeded"
    NOT_CHECKED = "not_checked"
    HOLDOUT = "holdout"
    QUIET_HOURS = "quiet_hours"
    NO_DOCUMENT = "no_document"
    NOT_GROUNDED = "not_grounded"
    NEEDS_APPROVAL = "needs_approval"
    NO_ADDRESS = "no_address"


class Delivery(BaseModel):
    """One row of the truth about mail. `detail` is a class of ours, never a remote's text."""

    model_config = ConfigDict(frozen=True)

    id: str
    night: date
    user_key: str
    feature: str
    account_ids: tuple[str, ...]
    actor: Actor
    tutorial_id: str
    signature: str
    status: Status
    reason: str
    detail: str
    decided_at: datetime
    review_id: str = ""
    """The review that a person decided, empty while nobody did."""
    due_at: datetime | None = None
    """When a planned mail is asked about again."""
    expires_at: datetime | None = None
    """A planned mail that could not leave by then is withheld for good: its news is old."""
    attempts: int = 0
    """How often it was on its way."""


class Chosen(BaseModel):
    """Which deliveries are asked for; what is empty does not narrow."""

    model_config = ConfigDict(frozen=True)

    status: Status | None = None
    reason: Reason | None = None
    feature: str = ""
    account_id: str = ""


class History(BaseModel):
    """What our own books say of one person and one mail, read in the transaction that decides."""

    model_config = ConfigDict(frozen=True)

    paused: bool
    suppressed: bool
    unsubscribed: bool
    already_sent: bool
    mailed_within_cooldown: bool
    account_mails_this_week: dict[str, int]
    account_active_users: dict[str, int]
    run_mails: int
    feature_volume: int
    """Mails of the feature in the last 90 days, those of people held out included."""


class FollowUp(BaseModel):
    """The one question after a mail: planned until it may leave, and kept before it leaves."""

    model_config = ConfigDict(frozen=True)

    delivery_id: str
    status: Status
    reason: str = ""
    detail: str = ""
    decided_at: datetime
    due_at: datetime | None = None
    """When a planned one is asked about again."""
