"""SendGrid's suppression lists: whom it will not deliver to, whichever mail told it so."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any, NamedTuple

from pydantic import BaseModel, TypeAdapter

from handrail.domain.feedback import OptOutKind
from handrail.errors import UpstreamError
from handrail.services.mail.sendgrid import SendGrid

PAGE = 500
DEADLINE_SECONDS = 120.0
"""For all pages of all lists."""

WHAT = "suppression lists"

LISTS: dict[str, OptOutKind] = {
    "bounces": "bounced",
    "invalid_emails": "bounced",
    "spam_reports": "complained",
    "unsubscribes": "unsubscribed",
}
"""Blocks are no list of suppressed addresses: they refused one mail each."""


class Suppressed(NamedTuple):
    """One entry. The address lives in memory only."""

    address: str
    kind: OptOutKind
    at: datetime

    def __repr__(self) -> str:
        return f"Suppressed({self.kind})"


class _Entry(BaseModel):
    email: str
    created: int


_entries = TypeAdapter(list[_Entry])
_members = TypeAdapter(list[str])


async def add(mail: SendGrid, addresses: Sequence[str]) -> None:
    """Put addresses on the list that keeps opt-outs; nothing is done where none is chosen.

    They are there for SendGrid and for us, whatever becomes of our tables. Raises `UpstreamError`.
    """
    path = "asm/suppressions/global"
    if mail.opt_outs_to.isdecimal():
        path = f"asm/groups/{mail.opt_outs_to}/suppressions"
    if not mail.opt_outs_to or not addresses:
        return
    for at in range(0, len(addresses), PAGE):
        body = {"recipient_emails": list(addresses[at : at + PAGE])}
        answer = await mail.exchange("POST", path, WHAT, body=body)
        if not answer.is_success:
            hint = " Check HANDRAIL_SENDGRID_UNSUBSCRIBE_GROUP, and the key's scopes for unsubscribe groups."
            raise UpstreamError(
                f"SendGrid did not take who unsubscribed (status {answer.status_code})."
                + (hint if answer.status_code in (400, 401, 403, 404) else "")
            )


async def since(mail: SendGrid, moment: datetime | None) -> list[Suppressed]:
    """Everybody put on a list from that moment on (None: ever). Raises `UpstreamError` if one is missing."""
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            return [one async for one in _read(mail, moment)]
    except TimeoutError:
        raise UpstreamError(f"SendGrid did not give its {WHAT} in time; try again later.") from None
    except (ValueError, OverflowError):
        raise UpstreamError(f"SendGrid gave its {WHAT} in an unknown shape; try again later.") from None


async def _read(mail: SendGrid, moment: datetime | None) -> AsyncIterator[Suppressed]:
    if mail.opt_outs_to.isdecimal():  # a group's list tells no times: it is read whole
        raw = await mail.read(f"asm/groups/{mail.opt_outs_to}/suppressions", WHAT, {})
        for address in _members.validate_python(raw):
            yield Suppressed(address, "unsubscribed", datetime.now(UTC))
    for name, kind in LISTS.items():
        params: dict[str, Any] = {"limit": PAGE}
        if moment is not None:
            params["start_time"] = int(moment.timestamp())
        before: set[int] = set()
        for offset in count(0, PAGE):
            raw = await mail.read(f"suppression/{name}", WHAT, {**params, "offset": offset})
            page = _entries.validate_python(raw)
            mark = hash(tuple((entry.email, entry.created) for entry in page))
            if page and mark in before:
                raise UpstreamError(f"SendGrid gave a page of its {WHAT} twice; try again later.")
            for entry in page:
                yield Suppressed(entry.email, kind, datetime.fromtimestamp(entry.created, UTC))
            if len(page) < PAGE:
                break
            before.add(mark)
