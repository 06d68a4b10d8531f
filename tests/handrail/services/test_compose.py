"""The mail: two equal parts with name, links and a way out, and nothing that could run or be fetched."""

import re
from html.parser import HTMLParser
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from handrail.domain.features import Feature
from handrail.domain.struggles import Signature
from handrail.domain.tutorials import DraftStep, Tutorial
from handrail.engine.grounding import from_document
from handrail.services import kb
from handrail.services.channel import Content, Reader
from handrail.services.mail.compose import MAX_HTML_BYTES, Email, Mail, Sender
from handrail.services.mail.picture import Picture

SENDER = Sender(
    address="guides@vendor.example",
    reply_to="success@vendor.example",
    postal_address="Vendor, 1 Example Street, 0150 Oslo",
    public_url="https://handrail.vendor.example",
)
KB = kb.read(Path(__file__).parents[3] / "kb")
CONNECT = KB.feature("connect-data-source")
CLICK, UNSUBSCRIBE = "click-token", "unsubscribe-token"
GUIDE = f"https://handrail.vendor.example/t/{CLICK}"
WAY_OUT = f"https://handrail.vendor.example/u/{UNSUBSCRIBE}"


def tutorial(feature: Feature = CONNECT, stuck_step: str = "credentials", **changes: Any) -> Tutorial:
    signature = Signature(feature=feature.slug, stuck_step=stuck_step, reason="ip_not_allowed", band="never")
    draft = from_document(signature, feature)
    values: dict[str, Any] = {
        "id": "t1",
        "signature": signature.key,
        "feature": feature.slug,
        "stuck_step": stuck_step,
        "style": "plain",
        "subject": draft.subject,
        "intro": draft.intro,
        "steps": draft.steps,
        "source": "document",
    }
    return Tutorial(**{**values, **changes})


def mail(
    told: Tutorial | None = None,
    *,
    feature: Feature = CONNECT,
    name: str = "Ana",
    picture: Picture | None = None,
    **sender: str,
) -> Mail:
    content = Content(told or tutorial(feature), feature, picture)
    return Email(Sender(**{**vars(SENDER), **sender})).form(content, Reader(name, CLICK, UNSUBSCRIBE))


class Page(HTMLParser):
    """The tags, attributes and visible words of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str, str]] = []
        self._words: list[str] = []
        self._quiet = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self._quiet += tag in {"style", "title"}

    def handle_endtag(self, tag: str) -> None:
        self._quiet -= tag in {"style", "title"}

    def handle_data(self, data: str) -> None:
        if not self._quiet:
            self._words.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self._words).split())

    def targets(self, attribute: str) -> set[str]:
        return {value for _, name, value in self.attributes if name == attribute}


def parts(made: Mail) -> list[str]:
    """What a reader sees of the text and of the HTML part, on one line each."""
    return [" ".join(made.text.split()), Page(made.html).words]


def test_both_parts_greet_by_name_and_tell_the_same_steps() -> None:
    told = tutorial()
    titles = {step.id: step.title for step in CONNECT.steps}

    for part in parts(mail(told)):
        assert part.index("Hi Ana,") < part.rindex(told.intro)  # a mail program shows it before the mail, too
        for number, step in enumerate(told.steps, 1):
            assert f"{number}. {titles[step.step]}" in part
            assert step.text in part


def test_without_a_name_both_parts_greet_with_hi_there() -> None:
    for part in parts(mail(name="")):
        assert "Hi there," in part


def test_both_parts_show_how_far_the_person_came() -> None:
    text, html = parts(mail())

    assert "[x] Open the sources page [x] Choose the kind of source [>] Enter the login" in text
    assert "check the access (you are here) [ ] Choose tables and connect" in text
    assert "✓ Open the sources page ✓ Choose the kind of source ➜ Enter the login" in html
    assert "check the access — you are here ○ Choose tables and connect" in html


def test_both_parts_say_why_the_mail_came_who_sent_it_and_how_to_end_it() -> None:
    made = mail()

    for part in parts(made):
        assert "You get this because you use the product and tried" in part
        assert "Connect a data source" in part
        assert SENDER.postal_address in part
        assert "Unsubscribe from these mails" in part
        assert "Just reply if you would rather talk to a person." in part
    assert made.unsubscribe_url == WAY_OUT
    assert WAY_OUT in made.text
    assert GUIDE in made.text


def test_the_only_links_are_the_guide_and_the_way_out() -> None:
    made = mail()

    assert Page(made.html).targets("href") == {GUIDE, WAY_OUT}
    assert set(re.findall(r"https?://[^\s]+", made.text)) == {GUIDE, WAY_OUT}


def test_reading_the_mail_fetches_nothing() -> None:
    html = mail().html
    page = Page(html)

    assert not page.tags & {"link", "img", "script", "iframe", "object", "embed", "form", "video", "audio"}
    assert not page.targets("src") | page.targets("background") | page.targets("srcset")
    assert "@import" not in html
    assert "url(" not in html
    hosts = {urlsplit(url).hostname for url in re.findall(r"https?://[^\s\"'<>)]+", html)}
    assert hosts == {"handrail.vendor.example", "www.w3.org"}  # the latter names namespaces


HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&amp;</title></td>"


@pytest.mark.parametrize("place", ["name", "subject", "intro", "text", "title", "feature", "postal_address"])
def test_markup_in_any_field_is_shown_and_not_obeyed(place: str) -> None:
    feature, told, name = CONNECT, tutorial(), "Ana"
    sender: dict[str, str] = {}
    if place == "name":
        name = HOSTILE
    elif place in {"subject", "intro"}:
        told = told.model_copy(update={place: HOSTILE})
    elif place == "text":
        told = tutorial(steps=(DraftStep(step="credentials", text=HOSTILE, quote="x"),))
    elif place == "title":
        steps = tuple(step.model_copy(update={"title": HOSTILE}) for step in CONNECT.steps)
        feature = CONNECT.model_copy(update={"steps": steps})
    elif place == "feature":
        feature = CONNECT.model_copy(update={"title": HOSTILE})
    else:
        sender = {"postal_address": HOSTILE}

    made = mail(told, feature=feature, name=name, **sender)
    page = Page(made.html)

    assert not page.tags & {"script", "img"}
    assert not any(attribute.startswith("on") for _, attribute, _ in page.attributes)
    assert "<script" not in made.html.lower()
    assert page.targets("href") == {GUIDE, WAY_OUT}
    if place == "subject":
        assert HOSTILE.replace("&amp;", "&amp;amp;").replace("<", "&lt;").split(">")[0] in made.html
    else:
        assert HOSTILE in page.words


@pytest.mark.parametrize("hostile", ["{{ 7 * 7 }}", "{% if 1 %}x{% endif %}", "<% code %>", "%(name)s"])
def test_text_is_never_read_as_a_template(hostile: str) -> None:
    for part in parts(mail(tutorial(intro=hostile))):
        assert hostile in part


def test_ampersands_and_quotes_reach_the_reader_as_they_are() -> None:
    for part in parts(mail(tutorial(intro='Rows & columns, "5 > 3" – naïve'))):
        assert 'Rows & columns, "5 > 3" – naïve' in part


@pytest.mark.parametrize(("slug", "name"), list(product([each.slug for each in KB.features()], ["", "Ana"])))
def test_the_mail_of_every_step_of_every_document_is_small_and_whole(slug: str, name: str) -> None:
    feature = KB.feature(slug)

    for step in feature.steps:
        made = mail(tutorial(feature, step.id), feature=feature, name=name)
        assert len(made.html.encode()) < MAX_HTML_BYTES
        assert made.html.rstrip().endswith("</html>")
        assert 1 <= len(made.subject) <= 78
        assert not re.search(r"\{\{|\}\}|\{%|%\}|None", made.html + made.text)


def test_even_the_longest_tutorial_stays_under_seventy_kilobytes() -> None:
    steps = tuple(DraftStep(step=step.id, text="李" * 600, quote="x") for step in CONNECT.steps)

    assert len(mail(tutorial(steps=steps, intro="李" * 400)).html.encode()) < 70_000


def test_the_page_names_its_language() -> None:
    assert ("html", "lang", "en") in Page(mail().html).attributes
