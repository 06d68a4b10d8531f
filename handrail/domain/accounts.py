"""Accounts: the companies whose people use the product."""

import re
from datetime import date
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

_ISO_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _day(written: object) -> object:
    """Other spellings are not guessed at: a bare number would be read as seconds since 1970."""
    if isinstance(written, str) and not _ISO_DAY.fullmatch(written):
        raise ValueError("write a day such as 2027-02-01")
    return written


Day = Annotated[date | None, BeforeValidator(_day)]
Name = Annotated[str, Field(max_length=200)]
"""No longer than what can be asked for."""


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

    id: Name = ""
    mixpanel_ids: tuple[Name, ...] = ()
    """All ids of one company; the first is the one it is kept under."""
    name: Name = ""
    aliases: tuple[Name, ...] = ()
    domains: tuple[Name, ...] = ()
    segment: Name = ""
    arr: float | None = Field(None, ge=0, allow_inf_nan=False)
    csm: Name = ""
    renewal: Day = None
    churned_at: Day = None


class GroupProfile(BaseModel):
    """What Mixpanel's group profile says of an account. Free properties are not kept."""

    model_config = ConfigDict(frozen=True)

    mixpanel_id: str
    name: str
    domain: str = ""
    internal: bool = False
    opted_out: bool = False
    churned_at: date | None = None
