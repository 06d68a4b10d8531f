"""SendGrid: one mail a request, at most once, and an outcome that is never guessed."""

import asyncio
import json
import logging
import math
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import python_http_client
from python_http_client.exceptions import HTTPError
from sendgrid import SendGridAPIClient

from handrail.errors import ConfigError
from handrail.services.mail.compose import PICTURE_ID, Mail, Sender
from handrail.services.mail.picture import Picture
from handrail.services.people import Contact
from handrail.settings import Settings

DELIVERY_ARGUMENT = "handrail_delivery"
"""Comes back at the top level of every event of the mail."""

SOCKET_SECONDS = 10.0
DEADLINE_SECONDS = 30.0
"""The client's own limit is per socket operation: a server that trickles would never be cut off."""

# At DEBUG this logger writes the recipient and the key.
logging.getLogger("python_http_client.client").setLevel(logging.WARNING)


@dataclass(frozen=True)
class Outcome:
    """`accepted` is a 202 with a message id; `unclear` may have arrived and is never sent again blindly."""

    kind: Literal["accepted", "refused", "not_sent", "unclear"]
    detail: str
    stop: bool = False
    """No mail of this run can get through: the key, the sender or the plan is at fault."""
    wait_seconds: float = 0.0
    """How long the mail service asks to be left alone."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: Any, **_kwargs: Any) -> None:
        return None


class _SafeClient(python_http_client.Client):  # type: ignore[misc]
    """The package's client with a time-out, and without redirects: it would hand the key to the new host."""

    def _build_client(self, name: str | None = None) -> "_SafeClient":
        return type(self)(
            host=self.host,
            version=self._version,
            request_headers=dict(self.request_headers),
            url_path=[*self._url_path, name] if name else self._url_path,
            append_slash=self.append_slash,
            timeout=self.timeout,
        )

    def _make_request(self, _opener: Any, request: Any, timeout: float | None = None) -> Any:
        opener = urllib.request.build_opener(_NoRedirect)
        return super()._make_request(opener, request, timeout=timeout or self.timeout)


class SendGrid:
    """Sends through `POST /v3/mail/send`."""

    def __init__(self, settings: Settings) -> None:
        self.sender = Sender(
            address=settings.mail_from,
            reply_to=settings.mail_reply_to or settings.mail_from,
            postal_address=settings.mail_postal_address,
            public_url=settings.public_url.rstrip("/"),
        )
        self._settings = settings

    def require(self) -> None:
        """Raise `ConfigError` naming the first variable without which no mail may leave."""
        needed = {
            "SENDGRID_API_KEY": self._settings.sendgrid_api_key,
            "HANDRAIL_MAIL_FROM": self._settings.mail_from,
            "HANDRAIL_MAIL_POSTAL_ADDRESS": self._settings.mail_postal_address,
        }
        for name, value in needed.items():
            if not value:
                raise ConfigError(
                    f"{name} is not set; without it no mail may be sent. See docs/configuration.md."
                )

        key = self._settings.sendgrid_api_key
        if key and not key.get_secret_value().isprintable():
            raise ConfigError(
                "SENDGRID_API_KEY holds a line break or another control character: paste it anew."
            )

    async def may_send(self) -> bool:
        """Whether SendGrid knows the key and lets it send. Sends nothing."""
        try:
            return await asyncio.wait_for(asyncio.to_thread(self._scopes), DEADLINE_SECONDS)
        except (TimeoutError, HTTPError, OSError):
            return False

    def _scopes(self) -> bool:
        answer = self._client().scopes.get()
        return "mail.send" in json.loads(answer.body).get("scopes", [])

    async def send(
        self, mail: Mail, contact: Contact, delivery_id: str, *, fence: Callable[[], None] = lambda: None
    ) -> Outcome:
        """Hand one mail to SendGrid, off the event loop and under a deadline.

        `fence` is called just before the request leaves, and does not return where it must not.
        """
        body = _body(mail, contact, self.sender, delivery_id)
        if self.opt_outs_to.isdecimal():
            body["asm"] = {"group_id": int(self.opt_outs_to)}
        return await self.post(body, fence=fence)

    async def post(self, body: dict[str, Any], *, fence: Callable[[], None] = lambda: None) -> Outcome:
        """Hand over any body of `mail/send`, off the event loop and under a deadline."""
        try:
            return await asyncio.wait_for(asyncio.to_thread(self._post, body, fence), DEADLINE_SECONDS)
        except TimeoutError:
            return Outcome("unclear", "time_out")

    def get(self, path: str, params: dict[str, Any]) -> bytes:
        """What SendGrid answers below `/v3/`. Blocks; raises the package's own errors."""
        answer = self._client()._(path).get(query_params=params)
        return bytes(answer.body)

    def ask(self, path: str, body: dict[str, Any]) -> bytes:
        """What SendGrid answers to a body below `/v3/`. Blocks; raises the package's own errors."""
        return bytes(self._client()._(path).post(request_body=body).body)

    @property
    def opt_outs_to(self) -> str:
        """The list that keeps opt-outs: a group's number, `global`, or nothing."""
        return self._settings.sendgrid_unsubscribe_group

    def _client(self) -> _SafeClient:
        """A client of its own for each call: the package's keeps headers of one call for the next."""
        key = self._settings.sendgrid_api_key
        client = SendGridAPIClient(key.get_secret_value() if key else "", host=self._settings.sendgrid_url)
        return _SafeClient(
            host=client.host, request_headers=client._default_headers, version=3, timeout=SOCKET_SECONDS
        )

    def _post(self, body: dict[str, Any], fence: Callable[[], None]) -> Outcome:
        client = self._client()
        fence()
        try:
            answer = client.mail.send.post(request_body=body)
        except HTTPError as error:
            return _refusal(int(error.status_code), error.headers or {})
        except urllib.error.URLError as error:
            return _unreached(error)
        except Exception:
            return Outcome("unclear", "cut")
        if answer.status_code == 202 and answer.headers.get("X-Message-Id"):
            return Outcome("accepted", "")
        return Outcome("unclear", f"status_{answer.status_code}")


def _refusal(status: int, headers: Mapping[str, str]) -> Outcome:
    if status in {401, 403, 451}:
        return Outcome("refused", f"status_{status}", stop=True)
    if status == 429:
        return Outcome("not_sent", "rate_limited", wait_seconds=_wait(headers))
    if status in {400, 404, 405, 413, 415}:
        return Outcome("refused", f"status_{status}")
    # 5xx may come after the message was queued; a redirect is no answer of SendGrid's.
    return Outcome("unclear", f"status_{status}")


def _wait(headers: Mapping[str, str]) -> float:
    """Seconds until a limit is lifted: `Retry-After`, else `X-RateLimit-Reset` (a Unix time), else none."""
    asked, reset = headers.get("Retry-After"), headers.get("X-RateLimit-Reset")
    try:
        seconds = float(asked) if asked else float(reset) - time.time() if reset else 0.0
    except ValueError:
        return 0.0
    return seconds if 0.0 < seconds < math.inf else 0.0


def _unreached(error: urllib.error.URLError) -> Outcome:
    if isinstance(error.reason, ConnectionRefusedError | socket.gaierror):
        return Outcome("not_sent", "unreachable")
    return Outcome("unclear", "cut")


def _body(mail: Mail, contact: Contact, sender: Sender, delivery_id: str) -> dict[str, Any]:
    """The request as SendGrid wants it: nothing personal but address and name, and our opaque delivery id."""
    to: dict[str, str] = {"email": contact.email}
    if contact.first_name:
        to["name"] = contact.first_name
    off = {"enable": False}
    return {
        "personalizations": [
            {
                "to": [to],
                "subject": " ".join(mail.subject.split()),
                "custom_args": {DELIVERY_ARGUMENT: delivery_id},
                "headers": {
                    "List-Unsubscribe": f"<{mail.unsubscribe_url}>",
                    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
                },
            }
        ],
        "from": {"email": sender.address},
        "reply_to": {"email": sender.reply_to},
        "content": [{"type": "text/plain", "value": mail.text}, {"type": "text/html", "value": mail.html}],
        "tracking_settings": {
            "click_tracking": {"enable": False, "enable_text": False},
            "open_tracking": off,
            "subscription_tracking": off,
        },
        **({"attachments": [_inline(mail.picture)]} if mail.picture else {}),
    }


def _inline(picture: Picture) -> dict[str, str]:
    """The picture as a part of the mail, shown where the HTML names its content id."""
    return {
        "content": picture.base64,
        "type": "image/png",
        "filename": f"{PICTURE_ID}.png",
        "disposition": "inline",
        "content_id": PICTURE_ID,
    }
