"""Feedback: what the mail service, the mail's own links and Mixpanel tell of a mail that left."""

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict


class FeedbackKind(StrEnum):
    PROCESSED = "processed"
    DEFERRED = "deferred"
    DELIVERED = "delivered"
    DROPPED = "dropped"
    BLOCKED = "blocked"
    BOUNCED = "bounced"
    OPENED = "opened"
    CLICKED = "clicked"
    UNSUBSCRIBED = "unsubscribed"
    COMPLAINED = "complained"


class Answer(BaseModel):
    """What a reader told on the page behind a mail: the last yes or no, and the longest visit."""

    model_config = ConfigDict(frozen=True)

    delivery_id: str
    helpful: bool | None = None
    needs_help: bool = False
    """Asked for more help; nobody takes that back."""
    seconds: int = 0
    """Visible time of the longest visit; 0 where nothing was told, as without JavaScript."""
    at: datetime


class AnswerCount(BaseModel):
    """Readers of the pages behind mails who said yes, no, or that they need more help."""

    yes: int = 0
    no: int = 0
    needs_help: int = 0


OptOutKind = Literal["unsubscribed", "bounced", "complained", "erased"]


class MailEvent(BaseModel):
    """One event, scrubbed: no address, no reason text, no url, no user agent, no IP.

    `key` and `event_id` both name it, for the service changes the id of what it delivers again.
    """

    model_config = ConfigDict(frozen=True)

    delivery_id: str
    kind: FeedbackKind
    at: datetime
    key: str
    event_id: str
    by_machine: bool = False
    opts_out: OptOutKind | None = None
    """Why this person is not to be mailed any more, if the event says so."""
