"""SendGrid's suppression lists: whom it will not deliver to, whichever mail told it so."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from python_http_client.exceptions import HTTPError

from handrail.domain.feedback import OptOutKind
from handrail.errors import UpstreamError
from handrail.services.mail.sendgrid import SendGrid

PAGE = 500
DEADLINE_SECONDS = 120.0

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
    model_config = ConfigDict(extra="ignore")

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
    try:
        for at in range(0, len(addresses), PAGE):
            body = {"recipient_emails": list(addresses[at : at + PAGE])}
            await asyncio.wait_for(asyncio.to_thread(mail.ask, path, body), DEADLINE_SECONDS)
    except HTTPError as error:
        hint = " Check HANDRAIL_SENDGRID_UNSUBSCRIBE_GROUP, and the key's scopes for unsubscribe groups."
        raise UpstreamError(
            f"SendGrid did not take who unsubscribed (status {error.status_code})."
            + (hint if error.status_code in (400, 401, 403, 404) else "")
        ) from None
    except (TimeoutError, OSError):
        raise UpstreamError("SendGrid did not take who unsubscribed; it is told again later.") from None


async def since(mail: SendGrid, moment: datetime | None) -> list[Suppressed]:
    """Everybody put on a list from that moment on (None: ever). Raises `UpstreamError` if one is missing."""
    try:
        return await asyncio.wait_for(asyncio.to_thread(lambda: list(_read(mail, moment))), DEADLINE_SECONDS)
    except HTTPError as error:
        hint = " The key needs the scope suppression.read." if error.status_code == 403 else ""
        raise UpstreamError(
            f"SendGrid did not give its suppression lists (status {error.status_code}).{hint}"
        ) from None
    except (TimeoutError, OSError):
        raise UpstreamError("SendGrid did not give its suppression lists; try again later.") from None
    except (ValueError, ValidationError):
        raise UpstreamError("SendGrid gave its suppression lists in an unknown shape.") from None


def _read(mail: SendGrid, moment: datetime | None) -> Iterator[Suppressed]:
    if mail.opt_outs_to.isdecimal():  # a group's list tells no times: it is read whole
        listed = mail.get(f"asm/groups/{mail.opt_outs_to}/suppressions", {})
        for address in _members.validate_python(json.loads(listed)):
            yield Suppressed(address, "unsubscribed", datetime.now(UTC))
    for name, kind in LISTS.items():
        offset = 0
        while True:
            params: dict[str, Any] = {"limit": PAGE, "offset": offset}
            if moment is not None:
                params["start_time"] = int(moment.timestamp())
            page = _entries.validate_python(json.loads(mail.get(f"suppression/{name}", params)))
            for entry in page:
                yield Suppressed(entry.email, kind, datetime.fromtimestamp(entry.created, UTC))
            if len(page) < PAGE:
                break
            offset += PAGE
