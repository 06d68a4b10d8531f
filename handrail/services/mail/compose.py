"""A mail from a tutorial: code fills in the name, the links and the footer; the model never sees them."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from mjml import mjml2html

from handrail.domain.features import Feature
from handrail.domain.tutorials import Tutorial, told

MAX_HTML_BYTES = 70_000
"""Gmail clips mails at about 102 KB, which would hide the way out."""

_TEMPLATES = Path(__file__).parent / "templates"
_html = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined)
_text = Environment(  # noqa: S701  (plain text: escaping would show in the mail)
    loader=FileSystemLoader(_TEMPLATES), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
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


def compose(
    tutorial: Tutorial, feature: Feature, sender: Sender, *, first_name: str, click: str, unsubscribe: str
) -> Mail:
    """Render both parts with equal content. `click` and `unsubscribe` are the mail's own tokens."""
    unsubscribe_url = f"{sender.public_url}/u/{unsubscribe}"
    order = [step.id for step in feature.steps]
    values = {
        "greeting": f"Hi {first_name}," if first_name else "Hi there,",
        "subject": tutorial.subject,
        "intro": tutorial.intro,
        "steps": told(tutorial, feature),
        "progress": [
            {"title": step.title, "state": _state(order.index(step.id), order.index(tutorial.stuck_step))}
            for step in feature.steps
        ],
        "feature": feature.title,
        "click_url": f"{sender.public_url}/t/{click}",
        "unsubscribe_url": unsubscribe_url,
        "postal_address": sender.postal_address,
    }
    html = mjml2html(_html.get_template("tutorial.mjml").render(values))
    text = _text.get_template("tutorial.txt").render(values)
    return Mail(subject=tutorial.subject, text=text, html=str(html), unsubscribe_url=unsubscribe_url)


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
