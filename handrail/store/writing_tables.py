"""The tables of what is written: what the model cost, what was refused, and which reasons may be named."""

from datetime import date, datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from handrail.store.tables import moment


class ModelCall(SQLModel, table=True):
    """One call of the model, written down before it leaves with the most that it can cost."""

    __tablename__ = "model_calls"

    id: int | None = Field(default=None, primary_key=True)
    day: date = Field(index=True, description="UTC.")
    model: str
    batch: bool = False
    answered: bool = Field(default=False, description="The cost is by the usage that the service told.")
    input_tokens: int = 0
    cache_write_tokens: int = 0
    cache_read_tokens: int = 0
    output_tokens: int = 0
    usd: float
    at: datetime = moment()


class ModelBatch(SQLModel, table=True):
    """A message batch that was handed in, so that a restart fetches it instead of paying again."""

    __tablename__ = "model_batches"

    id: str = Field(primary_key=True)
    calls: str = Field(description="JSON object: the number of the model call by tutorial id.")
    done: bool = False
    created_at: datetime = moment()


class RefusedDraft(SQLModel, table=True):
    """What the model wrote and the gate refused: words out of our documents, for an operator to read."""

    __tablename__ = "refused_drafts"

    tutorial_id: str = Field(primary_key=True)
    signature: str = Field(index=True)
    feature: str
    step: str
    version: str = Field(description="Of the document.")
    because: str = Field(description="JSON list, in our words.")
    document: str = Field(description="The Draft as JSON.")
    at: datetime = moment()


class ErrorReason(SQLModel, table=True):
    """A reason of error events that the feature's document does not explain."""

    __tablename__ = "error_reasons"
    __table_args__ = (UniqueConstraint("feature", "reason_key"),)

    feature: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    reason_key: str = Field(description="HMAC of the reason as the events give it.")
    code: str = Field(default="", description="The reason where it reads like a code, else empty.")
    name: str = Field(default="", description="What an operator calls it.")
    status: str = "listed"
    people: int = Field(default=0, description="Whose main reason it was in the last night that saw it.")
    first_seen: date
    last_seen: date
