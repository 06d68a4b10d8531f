"""The tables of mail: what was decided, what became of it, and who is not to be mailed."""

from datetime import date, datetime

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from handrail.store.tables import UtcDateTime, moment, perhaps


class DeliveryRow(SQLModel, table=True):
    __tablename__ = "deliveries"
    __table_args__ = (
        UniqueConstraint("night", "user_key", "feature"),
        Index("ix_deliveries_night_status", "night", "status"),
    )

    id: str = Field(primary_key=True)
    night: date
    user_key: str = Field(index=True)
    feature: str
    actor: str
    tutorial_id: str = ""
    signature: str = ""
    status: str = Field(index=True)
    reason: str = ""
    detail: str = ""
    decided_at: datetime = moment()
    due_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    expires_at: datetime | None = perhaps()
    review_id: str = Field(default="", description="The review that a person decided.")
    sending_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    attempts: int = Field(default=0, sa_column_kwargs={"server_default": "0"})


class DeliveryAccount(SQLModel, table=True):
    """The accounts a delivery counts for."""

    __tablename__ = "delivery_accounts"

    delivery_id: str = Field(primary_key=True, foreign_key="deliveries.id")
    customer_id: str = Field(primary_key=True, index=True)


class FeedbackRow(SQLModel, table=True):
    """One event of one mail, scrubbed. Repeats come under the same key or under the same id."""

    __tablename__ = "feedback"

    key: str = Field(primary_key=True)
    event_id: str = Field(default="", index=True)
    delivery_id: str = Field(index=True)
    kind: str = Field(index=True)
    by_machine: bool = False
    at: datetime = moment()


class OutcomeRow(SQLModel, table=True):
    """What became of one mail, or of one that was held back for the holdout."""

    __tablename__ = "outcomes"

    delivery_id: str = Field(primary_key=True)
    arm: str
    feature: str
    signature: str
    tutorial_id: str
    window_ends: datetime = moment()
    succeeded_before: bool
    completed_at: datetime | None = perhaps()
    settled: bool = Field(index=True)


class StyleChoice(SQLModel, table=True):
    """The style that one mail was to be told in, with the probability of it."""

    __tablename__ = "style_choices"

    delivery_id: str = Field(primary_key=True)
    night: date = Field(index=True)
    style: str
    probability: float
    version: str = Field(description="Of the rules that chose.")
    chosen_at: datetime = moment()


class StyleFreeze(SQLModel, table=True):
    """A style that a feature is not told in, for complaints; once lifted, only later ones count."""

    __tablename__ = "style_freezes"

    feature: str = Field(primary_key=True)
    style: str = Field(primary_key=True)
    frozen_at: datetime = moment()
    lifted_at: datetime | None = perhaps()


class WrittenBack(SQLModel, table=True):
    """What Mixpanel was told: one row a mail and event, or a night's note."""

    __tablename__ = "written_back"

    key: str = Field(primary_key=True)
    at: datetime = moment()


class FollowUpRow(SQLModel, table=True):
    """The one question after a mail, and what became of it."""

    __tablename__ = "follow_ups"

    delivery_id: str = Field(primary_key=True)
    status: str = Field(index=True)
    reason: str = ""
    detail: str = ""
    decided_at: datetime = moment()
    due_at: datetime | None = perhaps()
    sending_at: datetime | None = perhaps()


class AnswerRow(SQLModel, table=True):
    """What a reader told on the page behind one mail; nothing of the reader or the browser."""

    __tablename__ = "answers"

    delivery_id: str = Field(primary_key=True)
    helpful: bool | None = None
    needs_help: bool = False
    seconds: int = 0
    at: datetime = moment()


class Link(SQLModel, table=True):
    """A token of a mail: 128 random bits, one purpose, one target. Unknown tokens lead nowhere."""

    __tablename__ = "links"

    token: str = Field(primary_key=True)
    delivery_id: str = Field(index=True)
    purpose: str
    target: str = ""
    created_at: datetime = moment()


class SuppressedAddress(SQLModel, table=True):
    """An address that the mail service will not deliver to, under its key."""

    __tablename__ = "suppressed_addresses"

    address_key: str = Field(primary_key=True)
    kind: str
    at: datetime = moment()


class SuppressionLists(SQLModel, table=True):
    """When the mail service's lists were last read; one row."""

    __tablename__ = "suppression_lists"

    id: int = Field(default=1, primary_key=True)
    read_at: datetime = moment()


class OptOut(SQLModel, table=True):
    """A person who is not to be mailed, and why: unsubscribed, bounced, complained or erased."""

    __tablename__ = "opt_outs"

    user_key: str = Field(primary_key=True)
    kind: str
    at: datetime = moment()
    erased_at: datetime | None = perhaps()
    """When everything else about the person went. Nights read nothing of them since."""
    told_at: datetime | None = perhaps()
    """When a place outside learned of it, which a restore of these tables does not touch."""


class Pause(SQLModel, table=True):
    """The switch that every sender reads before every mail. `scope` is all, account:ID or feature:SLUG."""

    __tablename__ = "pauses"

    scope: str = Field(primary_key=True)
    at: datetime = moment()


class ReviewRow(SQLModel, table=True):
    """A text and its audience that wait, or waited, for a person's yes."""

    __tablename__ = "reviews"

    id: str = Field(primary_key=True)
    night: date = Field(index=True)
    signature: str = Field(index=True)
    feature: str
    tutorial_id: str
    text_hash: str
    deliveries: str = Field(description="JSON list of delivery ids.")
    status: str = Field(index=True)
    created_at: datetime = moment()
    expires_at: datetime = moment()
    decided_at: datetime | None = perhaps()
    objection: str = Field(default="", sa_column_kwargs={"server_default": ""})


class Promotion(SQLModel, table=True):
    """A signature whose text needs no review any more, as long as it is this text."""

    __tablename__ = "promotions"

    signature: str = Field(primary_key=True)
    text_hash: str
    at: datetime = moment()
