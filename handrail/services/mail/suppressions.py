"""SendGrid's suppression lists: whom it will not deliver to, whichever mail told it so."""

import asyncio
import json
from collections.abc import Iterator
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
