"""Reviews: a text and the people it is for, waiting for a person's yes."""

from datetime import date, datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class ReviewStatus(StrEnum):
    """`void`: another text or audience took its place before anybody decided."""

    WAITING = "waiting"
    APPROVED = "approved"
    REJECTED = "rejected"
    VOID = "void"


class Objection(StrEnum):
    """Why a person says no. Words of their own are not kept: they could name somebody."""

    NONE = ""
    WORDS = "words"
    FACTS = "facts"
    AUDIENCE = "audience"
    TIMING = "timing"


class Review(BaseModel):
    """One decision to take. The id is a hash of night, text and audience: a yes is to exactly these."""

    model_config = ConfigDict(frozen=True)

    id: str
    night: date
    signature: str
    feature: str
    tutorial_id: str
    text_hash: str
    deliveries: tuple[str, ...]
    """Ids of the mails, one a person."""
    status: ReviewStatus
    created_at: datetime
    expires_at: datetime
    decided_at: datetime | None = None
    objection: Objection = Objection.NONE
    """Of a rejected one, where the person gave a reason."""
