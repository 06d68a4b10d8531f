"""SendGrid: one mail a request, at most once, and an outcome that is never guessed."""

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import httpx2

from handrail.errors import ConfigError, UpstreamError
from handrail.services.mail.compose import PICTURE_ID, Mail, Sender
from handrail.services.people import Contact
from handrail.settings import Settings

DELIVERY_ARGUMENT = "handrail_delivery"
"""Comes back at the top level of every event of the mail."""

CONNECT_SECONDS = 5.0

_NOT_LEFT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
    httpx2.UnsupportedProtocol,
    httpx2.InvalidURL,
)
"""No byte of the request went out."""


@dataclass(frozen=True)
class Outcome:
    """`accepted` is a 202 with a message id; `unclear` may have arrived and is never sent again blindly."""

    kind: Literal["accepted", "refused", "not_sent", "unclear"]
    detail: str
    stop: bool = False
    """No mail of this run can get through: the key, the sender or the plan is at fault."""
    wait_seconds: float = 0.0
    """How long the mail service asks to be left alone."""


class SendGrid:
    """Sends through `POST /v3/mail/send`. `http` bounds every answer in time and size."""

    def __init__(self, settings: Settings, http: httpx2.AsyncClient) -> None:
        self.sender = Sender(
            address=settings.mail_from,
            reply_to=settings.mail_reply_to or settings.mail_from,
            postal_address=settings.mail_postal_address,
            public_url=settings.public_url.rstrip("/"),
        )
        self._settings = settings
        self._http = http

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
        """Whether SendGrid knows the key and lets it send. Sends nothing. Raises `UpstreamError`."""
        try:
            answer = await self._ask("GET", "scopes")
            if answer.status_code == 200:
                return "mail.send" in json.loads(answer.content)["scopes"]
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError, KeyError, TypeError, RecursionError):
            raise UpstreamError("SendGrid does not say what the key may do: try again later.") from None
        if answer.status_code in {401, 403}:
            return False
        raise UpstreamError(
            f"SendGrid does not say what the key may do (status {answer.status_code}): try again later."
        )

    async def send(
        self, mail: Mail, contact: Contact, delivery_id: str, *, fence: Callable[[], None] = lambda: None
    ) -> Outcome:
        """Hand one mail to SendGrid, under a deadline.

        `fence` is called just before the request leaves, and does not return where it must not.
        """
        body = _body(mail, contact, self.sender, delivery_id, track_opens=self._settings.track_opens)
        if self.opt_outs_to.isdecimal():
            body["asm"] = {"group_id": int(self.opt_outs_to)}
        return await self.post(body, fence=fence)

    async def post(self, body: dict[str, Any], *, fence: Callable[[], None] = lambda: None) -> Outcome:
        """Hand over any body of `mail/send`, once, under a deadline."""
        fence()
        return await self._post(body)

    @property
    def opt_outs_to(self) -> str:
        """The list that keeps opt-outs: a group's number, `global`, or nothing."""
        return self._settings.sendgrid_unsubscribe_group

    async def read(self, path: str, what: str, params: Mapping[str, Any]) -> Any:
        """The JSON that SendGrid answers below `/v3/`. Raises `UpstreamError`, which calls it `what`."""
        answer = await self.exchange("GET", path, what, params=params)
        if answer.status_code != 200:
            hint = " The key needs the scope suppression.read." if answer.status_code == 403 else ""
            raise UpstreamError(f"SendGrid did not give its {what} (status {answer.status_code}).{hint}")
        return parsed(answer, what)

    async def exchange(
        self,
        method: Literal["GET", "POST"],
        path: str,
        what: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: object = None,
    ) -> httpx2.Response:
        """An answer of any status to a question below `/v3/`. Raises `UpstreamError` where none comes."""
        content = None if body is None else json.dumps(body).encode()
        try:
            return await self._ask(method, path, params=params, content=content)
        except (httpx2.HTTPError, httpx2.InvalidURL):
            raise UpstreamError(f"SendGrid did not answer about its {what}; try again later.") from None

    async def _ask(self, method: str, path: str, **given: Any) -> httpx2.Response:
        """A connection of its own: one that was kept may be dead, and a mail is not sent twice to see."""
        key, seconds = self._settings.sendgrid_api_key, self._settings.mail_seconds
        headers = {
            "Authorization": f"Bearer {key.get_secret_value() if key else ''}",
            "Connection": "close",
            "Accept": "application/json",
            "Content-Type": "application/json",
        }
        url = f"{self._settings.sendgrid_url.rstrip('/')}/v3/{path}"
        timeout = httpx2.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds / 2))
        return await self._http.request(method, url, headers=headers, timeout=timeout, **given)

    async def _post(self, body: dict[str, Any]) -> Outcome:
        try:
            answer = await self._ask("POST", "mail/send", content=json.dumps(body).encode())
        except _NOT_LEFT:
            return Outcome("not_sent", "unreachable")
        except httpx2.TimeoutException:
            return Outcome("unclear", "time_out")
        except httpx2.HTTPError:
            return Outcome("unclear", "cut")
        if answer.status_code == 202 and answer.headers.get("X-Message-Id"):
            return Outcome("accepted", "")
        if answer.is_success:
            return Outcome("unclear", f"status_{answer.status_code}")
        return _refusal(answer.status_code, answer.headers)


def _refusal(status: int, headers: Mapping[str, str]) -> Outcome:
    if status in {401, 403, 451}:
        return Outcome("refused", f"status_{status}", stop=True)
    if status == 429:
        return Outcome("not_sent", "rate_limited", wait_seconds=_wait(headers))
    if status in {400, 404, 405, 406, 413, 415}:
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


def _body(
    mail: Mail, contact: Contact, sender: Sender, delivery_id: str, *, track_opens: bool
) -> dict[str, Any]:
    """The request as SendGrid wants it: nothing personal but address and name, and our opaque delivery id."""
    from sendgrid.helpers import mail as parts  # noqa: PLC0415  (a fifth of a second; chat sends nothing)

    to = parts.To()  # given to it at once, an address would be taken apart and could become another
    to.email, to.name = contact.email, contact.first_name or None
    person = parts.Personalization()
    person.add_to(to)
    person.subject = " ".join(mail.subject.split())
    person.add_custom_arg(parts.CustomArg(DELIVERY_ARGUMENT, delivery_id))
    person.add_header(parts.Header("List-Unsubscribe", f"<{mail.unsubscribe_url}>"))
    person.add_header(parts.Header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"))
    whole = parts.Mail()
    whole.add_personalization(person)
    whole.from_email, whole.reply_to = parts.From(sender.address), parts.ReplyTo(sender.reply_to)
    whole.add_content(parts.Content("text/plain", mail.text))
    whole.add_content(parts.Content("text/html", mail.html))
    whole.tracking_settings = parts.TrackingSettings(
        click_tracking=parts.ClickTracking(enable=False, enable_text=False),
        open_tracking=parts.OpenTracking(enable=track_opens),
        subscription_tracking=parts.SubscriptionTracking(enable=False),
    )
    if mail.picture:
        whole.add_attachment(
            parts.Attachment(
                mail.picture.base64, f"{PICTURE_ID}.png", "image/png", "inline", parts.ContentId(PICTURE_ID)
            )
        )
    body: dict[str, Any] = whole.get()
    return body


def parsed(answer: httpx2.Response, what: str) -> Any:
    """An answer's JSON. Raises `UpstreamError`, which calls it `what`."""
    try:
        return json.loads(answer.content)
    except (ValueError, RecursionError):
        raise UpstreamError(f"SendGrid gave its {what} in an unknown shape; try again later.") from None
