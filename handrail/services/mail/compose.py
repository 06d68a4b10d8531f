"""A mail from a tutorial: code fills in the name, the links and the footer; the model never sees them."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import escape
from mjml import mjml2html

from handrail.domain.tutorials import told
from handrail.services.channel import Content, Reader
from handrail.services.mail.picture import Picture

MAX_HTML_BYTES = 70_000
"""Gmail clips mails at about 102 KB, which would hide the way out."""

PICTURE_ID = "where-you-are"
"""Content id of the picture: the same in every mail, so that it tells nothing."""

_NO_TEXT = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0, and so a template of MJML, cannot hold."""


def _as_text(value: object) -> object:
    return _NO_TEXT.sub("", value) if isinstance(value, str) else value


_TEMPLATES = Path(__file__).parent / "templates"
_html = Environment(
    loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, finalize=_as_text
)
_text = Environment(  # noqa: S701  # nosec B701  # plain text: escaping would show in the mail
    loader=FileSystemLoader(_TEMPLATES),
    undefined=StrictUndefined,
    finalize=_as_text,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True)
class Sender:
    """Who the mail is from. All of it stands in every mail."""

    address: str
    reply_to: str
    postal_address: str
    public_url: str


@dataclass(frozen=True)
class Mail:
    """What leaves: everything but the person's address."""

    subject: str
    text: str
    html: str
    unsubscribe_url: str
    picture: Picture | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Email:
    """The channel e-mail: a text and an HTML part with equal content, and a picture that travels inside."""

    sender: Sender

    def form(self, content: Content, reader: Reader) -> Mail:
        unsubscribe_url = f"{self.sender.public_url}/u/{reader.unsubscribe}"
        own = {
            "greeting": f"Hi {reader.first_name}," if reader.first_name else "Hi there,",
            "click_url": f"{self.sender.public_url}/t/{reader.click}",
            "unsubscribe_url": unsubscribe_url,
        }
        sheet = _sheet(content, self.sender.postal_address)
        return Mail(
            subject=content.tutorial.subject,
            text=_filled(sheet.text, own),
            html=_filled(sheet.html, {name: str(escape(value)) for name, value in own.items()}),
            unsubscribe_url=unsubscribe_url,
            picture=content.picture,
        )


@dataclass(frozen=True)
class _Sheet:
    """Both parts with slots for what is one person's own. Turning MJML into HTML is most of the work."""

    text: str
    html: str


_NONCE = secrets.token_hex(8)
"""No text can hold a slot's name, for nobody knows it."""

_SLOT = re.compile(rf"slot-{_NONCE}-(\w+)")


def _filled(part: str, own: Mapping[str, str]) -> str:
    return _SLOT.sub(lambda slot: own[slot[1]], part)


@lru_cache(maxsize=64)
def _sheet(content: Content, postal_address: str) -> _Sheet:
    tutorial, feature = content.tutorial, content.feature
    order = [step.id for step in feature.steps]
    values = {
        **{name: f"slot-{_NONCE}-{name}" for name in ("greeting", "click_url", "unsubscribe_url")},
        "subject": tutorial.subject,
        "intro": tutorial.intro,
        "picture": content.picture,
        "picture_id": PICTURE_ID,
        "steps": told(tutorial, feature),
        "progress": [
            {"title": step.title, "state": _state(order.index(step.id), order.index(tutorial.stuck_step))}
            for step in feature.steps
        ],
        "feature": feature.title,
        "postal_address": postal_address,
    }
    return _Sheet(
        text=_text.get_template("tutorial.txt").render(values),
        html=str(mjml2html(_html.get_template("tutorial.mjml").render(values))),
    )


def _state(index: int, stuck: int) -> str:
    if index < stuck:
        return "done"
    return "here" if index == stuck else "next"


def ask_after(feature: str, sender: Sender, *, first_name: str, page: str, unsubscribe: str) -> Mail:
    """One question about a tutorial that was mailed. `page` and `unsubscribe` are that mail's own tokens."""
    help_subject = quote(f"I need help with {feature}", safe="")
    values = {
        "greeting": f"Hi {first_name}," if first_name else "Hi there,",
        "subject": f"Did it work? {feature}",
        "feature": feature,
        "answer_url": f"{sender.public_url}/tutorials/{page}#answer",
        "help_url": f"mailto:{quote(sender.reply_to, safe='@')}?subject={help_subject}",
        "reply_to": sender.reply_to,
        "unsubscribe_url": f"{sender.public_url}/u/{unsubscribe}",
        "postal_address": sender.postal_address,
    }
    return Mail(
        subject=values["subject"],
        text=_text.get_template("follow_up.txt").render(values),
        html=str(mjml2html(_html.get_template("follow_up.mjml").render(values))),
        unsubscribe_url=values["unsubscribe_url"],
    )
