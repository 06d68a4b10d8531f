"""What people may demand of their data in Mixpanel, and what became of it."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Law(StrEnum):
    GDPR = "GDPR"
    CCPA = "CCPA"


class Disclosure(StrEnum):
    """What the CCPA lets people ask for."""

    DATA = "Data"
    CATEGORIES = "Categories"
    SOURCES = "Sources"


class RequestState(StrEnum):
    """Mixpanel's words. From `STARTED` on a deletion cannot be cancelled."""

    PENDING = "PENDING"
    STAGING = "STAGING"
    STARTED = "STARTED"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    REVOKED = "REVOKED"
    NOT_FOUND = "NOT_FOUND"
    UNKNOWN = "UNKNOWN"


class PrivacyRequest(BaseModel):
    """One request. `link` leads to what a retrieval found, once there is something: keep it out of logs."""

    model_config = ConfigDict(frozen=True)

    tracking_id: str
    state: RequestState
    link: str = ""
