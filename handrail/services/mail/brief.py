"""Mails to the own team, the morning brief first: no tutorials, so no policy, no links, no tracking."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from mjml import mjml2html

from handrail.domain.briefs import Brief
from handrail.engine import brief_words

_html = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=StrictUndefined
)


def brief_mail(brief: Brief, sender: str, to: Sequence[str]) -> dict[str, Any]:
    """The body of one `mail/send` request: a copy for each colleague, who do not see each other's address."""
    html = {"type": "text/html", "value": as_html(brief)}
    return team_mail(brief_words.subject(brief), brief_words.text(brief), sender, to, html)


def team_mail(
    subject: str, text: str, sender: str, to: Sequence[str], html: dict[str, str] | None = None
) -> dict[str, Any]:
    """A mail to the own team, in plain text and perhaps HTML, that follows nobody."""
    off = {"enable": False}
    return {
        "personalizations": [{"to": [{"email": address}]} for address in to],
        "from": {"email": sender},
        "subject": subject,
        "headers": {"Auto-Submitted": "auto-generated"},
        "content": [{"type": "text/plain", "value": text}, *([html] if html else [])],
        "tracking_settings": {
            "click_tracking": {"enable": False, "enable_text": False},
            "open_tracking": off,
            "subscription_tracking": off,
        },
    }


def as_html(brief: Brief) -> str:
    return str(mjml2html(_html.get_template("brief.mjml").render(brief=brief)))
