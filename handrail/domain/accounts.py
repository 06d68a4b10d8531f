"""Accounts: the companies whose people use the product."""

from datetime import date

from pydantic import BaseModel, ConfigDict, Field


class Account(BaseModel):
    """One company. `id` is ours, `mixpanel_id` is the value of the account property."""

    model_config = ConfigDict(frozen=True)

    id: str
    mixpanel_id: str
    name: str
    domain: str = ""
    aliases: tuple[str, ...] = ()
    """Other names: given ones, names it once had, and further Mixpanel ids."""
    domains: tuple[str, ...] = ()
    segment: str = ""
    arr: float | None = None
    csm: str = ""
    renewal: date | None = None
    churned_at: date | None = None
    internal: bool = False
    opted_out: bool = False


class AccountFacts(BaseModel):
    """What the company's own file says of an account; given fields go before Mixpanel's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = ""
    mixpanel_ids: tuple[str, ...] = ()
    """All ids of one company; the first is the one it is kept under."""
    name: str = ""
    aliases: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    segment: str = ""
    arr: float | None = Field(None, ge=0)
    csm: str = ""
    renewal: date | None = None
    churned_at: date | None = None


class GroupProfile(BaseModel):
    """What Mixpanel's group profile says of an account. Free properties are not kept."""

    model_config = ConfigDict(frozen=True)

    mixpanel_id: str
    name: str
    domain: str = ""
    internal: bool = False
    opted_out: bool = False
    churned_at: date | None = None
