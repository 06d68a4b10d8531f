"""SendGrid's own log of mails (`POST /v3/logs`): what it took from us of late, and under which of our ids."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from urllib.parse import quote

import httpx2
from pydantic import AwareDatetime, BaseModel

from handrail.errors import NotOffered, UpstreamError
from handrail.services.mail.sendgrid import DELIVERY_ARGUMENT, SendGrid, parsed

WHAT = "log of mails"
PAGE = 1000
"""As many as one answer holds. There is no cursor: of a fuller time each half is asked for."""

REACH = timedelta(days=3)
"""So far the log reaches back on every plan; on some further."""

SMALLEST = timedelta(seconds=1)
"""The log is asked for whole seconds."""
DEADLINE_SECONDS = 900.0


class Logged(NamedTuple):
    """A mail that SendGrid took. The address lives in memory only; `delivery_id` may be gone: empty."""

    address: str
    delivery_id: str
    at: datetime

    def __repr__(self) -> str:
        return f"Logged({self.delivery_id}, {self.at})"


class _Message(BaseModel):
    from_email: str
    to_email: str
    sg_message_id: str
    sg_message_id_created_at: AwareDatetime


class _Page(BaseModel):
    messages: list[_Message]


class _Details(BaseModel):
    custom_args: dict[str, str] = {}


async def mails_since(mail: SendGrid, since: datetime, until: datetime) -> list[Logged]:
    """What left under our sender's address in between, oldest first.

    Raises `NotOffered` where the key or the plan has no log, `UpstreamError` where it cannot be read now.
    """
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            return await _read(mail, since.replace(microsecond=0), until.replace(microsecond=0) + SMALLEST)
    except TimeoutError:
        raise UpstreamError(f"SendGrid did not give its {WHAT} in time; try again later.") from None
    except ValueError:
        raise UpstreamError(f"SendGrid gave its {WHAT} in an unknown shape; try again later.") from None


async def _read(mail: SendGrid, since: datetime, until: datetime) -> list[Logged]:
    ours = mail.sender.address.casefold()
    found = {
        each.sg_message_id: each
        for each in await _messages(mail, since, until)
        if each.from_email.casefold() == ours
    }
    ordered = sorted(found.values(), key=lambda each: each.sg_message_id_created_at)
    return [
        Logged(
            each.to_email,
            await _delivery_id(mail, each.sg_message_id),
            each.sg_message_id_created_at.astimezone(UTC),
        )
        for each in ordered
    ]


async def _messages(mail: SendGrid, since: datetime, until: datetime) -> list[_Message]:
    """From one whole second on and before the other."""
    query = (
        f'sg_message_id_created_at >= TIMESTAMP "{since:%Y-%m-%dT%H:%M:%SZ}" '
        f'AND sg_message_id_created_at < TIMESTAMP "{until:%Y-%m-%dT%H:%M:%SZ}"'
    )
    answer = await mail.exchange("POST", "logs", WHAT, body={"query": query, "limit": PAGE})
    _understood(answer)
    page = _Page.model_validate(parsed(answer, WHAT)).messages
    if len(page) < PAGE:
        return page
    if until - since <= SMALLEST:
        raise ValueError("more mails in a second than an answer holds")
    middle = since + (until - since) // SMALLEST // 2 * SMALLEST
    return await _messages(mail, since, middle) + await _messages(mail, middle, until)


async def _delivery_id(mail: SendGrid, message_id: str) -> str:
    """Under which id of ours it left; empty where the log has forgotten the details."""
    answer = await mail.exchange("GET", f"logs/{quote(message_id, safe='')}", WHAT)
    if answer.status_code == httpx2.codes.NOT_FOUND:
        return ""
    _understood(answer)
    return _Details.model_validate(parsed(answer, WHAT)).custom_args.get(DELIVERY_ARGUMENT, "")


def _understood(answer: httpx2.Response) -> None:
    if answer.status_code in (401, 403, 404):
        raise NotOffered(
            "SendGrid does not show its log of mails: give the key the scope for Email Logs (read)."
        )
    if answer.status_code != 200:
        raise UpstreamError(
            f"SendGrid did not give its {WHAT} (status {answer.status_code}); try again later."
        )
