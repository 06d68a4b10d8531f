"""The mail: two equal parts with name, links and a way out, and nothing that could run or be fetched."""

import re
from html.parser import HTMLParser
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from mjml import mjml2html

from handrail.domain.features import Feature
from handrail.domain.struggles import Signature
from handrail.domain.tutorials import DraftStep, Tutorial
from handrail.engine.grounding import from_document
from handrail.services import kb
from handrail.services.channel import Content, Reader
from handrail.services.mail.compose import MAX_HTML_BYTES, PICTURE_ID, Email, Mail, Sender
from handrail.services.mail.picture import Picture, picture_of

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


def test_without_a_picture_both_parts_list_how_far_the_person_came() -> None:
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


@pytest.mark.parametrize("step", ["credentials", "finish"])
def test_the_picture_takes_the_place_of_the_list_and_its_words_say_the_same(step: str) -> None:
    picture = picture_of(KB, CONNECT, step)
    assert picture
    made = mail(tutorial(stuck_step=step), picture=picture)
    page = Page(made.html)

    assert made.picture == picture
    assert [value for tag, name, value in page.attributes if (tag, name) == ("img", "alt")] == [picture.alt]
    for title in (each.title for each in CONNECT.steps):
        assert title in picture.alt
    assert f"You are here: {CONNECT.step(step).title}." in picture.alt  # type: ignore[union-attr]
    assert "you are here" not in page.words
    assert made.text == mail(tutorial(stuck_step=step)).text


def test_the_picture_travels_inside_the_mail_under_a_name_that_is_everybodys() -> None:
    picture = picture_of(KB, CONNECT, "credentials")
    to_ana, to_bo = mail(picture=picture), mail(picture=picture, name="Bo")

    assert Page(to_ana.html).targets("src") == Page(to_bo.html).targets("src") == {f"cid:{PICTURE_ID}"}
    assert to_ana.picture is to_bo.picture


def test_the_mails_of_one_tutorial_differ_in_name_and_tokens_alone() -> None:
    content = Content(tutorial(), CONNECT, picture_of(KB, CONNECT, "credentials"))
    ana, bo = Reader("Ana", "click-a", "out-a"), Reader("Bo", "click-b", "out-b")

    made, other = (Email(SENDER).form(content, reader) for reader in (ana, bo))

    for one, two in ((made.text, other.text), (made.html, other.html)):
        assert one.replace("Ana", "Bo").replace("click-a", "click-b").replace("out-a", "out-b") == two
    assert (made.unsubscribe_url, other.unsubscribe_url) == (
        "https://handrail.vendor.example/u/out-a",
        "https://handrail.vendor.example/u/out-b",
    )


def test_mjml_is_turned_into_html_once_for_many_people(monkeypatch: pytest.MonkeyPatch) -> None:
    turned: list[str] = []

    def counting(mjml: str) -> Any:
        turned.append(mjml)
        return mjml2html(mjml)

    monkeypatch.setattr("handrail.services.mail.compose.mjml2html", counting)
    told = tutorial(intro="A text that no other test has.")

    for number in range(50):
        assert f"Hi Person{number}," in mail(told, name=f"Person{number}").html

    assert len(turned) == 1
    assert "Person" not in turned[0]


@pytest.mark.parametrize("picture", [None, picture_of(KB, CONNECT, "credentials")])
def test_reading_the_mail_fetches_nothing(picture: Picture | None) -> None:
    html = mail(picture=picture).html
    page = Page(html)

    assert not page.tags & {"link", "script", "iframe", "object", "embed", "form", "video", "audio"}
    assert all(source.startswith("cid:") for source in page.targets("src"))
    assert not page.targets("background") | page.targets("srcset")
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
        last = CONNECT.steps[-1].model_copy(update={"title": HOSTILE})
        feature = CONNECT.model_copy(update={"steps": (*CONNECT.steps[:-1], last)})
    elif place == "feature":
        feature = CONNECT.model_copy(update={"title": HOSTILE})
    else:
        sender = {"postal_address": HOSTILE}

    made = mail(told, feature=feature, name=name, picture=picture_of(KB, feature, "finish"), **sender)
    page = Page(made.html)

    assert "script" not in page.tags
    assert page.targets("src") == {f"cid:{PICTURE_ID}"}
    assert not any(attribute.startswith("on") for _, attribute, _ in page.attributes)
    assert "<script" not in made.html.lower()
    assert page.targets("href") == {GUIDE, WAY_OUT}
    assert made.picture
    if place == "title":
        assert HOSTILE in page.words
        assert f"You are here: {HOSTILE}." in page.targets("alt").pop()
    elif place == "subject":
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
        picture = picture_of(KB, feature, step.id)
        made = mail(tutorial(feature, step.id), feature=feature, name=name, picture=picture)
        assert len(made.html.encode()) < MAX_HTML_BYTES
        assert made.html.rstrip().endswith("</html>")
        assert 1 <= len(made.subject) <= 78
        assert not re.search(r"\{\{|\}\}|\{%|%\}|None", made.html + made.text)


def test_even_the_longest_tutorial_stays_under_seventy_kilobytes() -> None:
    steps = tuple(DraftStep(step=step.id, text="李" * 600, quote="x") for step in CONNECT.steps)

    assert len(mail(tutorial(steps=steps, intro="李" * 400)).html.encode()) < 70_000


def test_a_reader_without_eyes_hears_the_mail_in_its_order() -> None:
    made = mail(picture=picture_of(KB, CONNECT, "credentials"))

    after_preview = made.html[made.html.index("Hi Ana,") :]
    steps = [each.title for each in CONNECT.steps[2:]]
    told = ["Hi Ana,", "alt=", *(f"{at}. {title}</h2>" for at, title in enumerate(steps, 1)), GUIDE]
    told += ["You get this because", WAY_OUT, SENDER.postal_address]
    places = [after_preview.index(each) for each in told]
    assert places == sorted(places)
    tables = re.findall(r"<table[^>]*>", made.html)
    assert tables
    assert all('role="presentation"' in each for each in tables)


def test_a_name_that_looks_like_a_slot_is_only_a_name() -> None:
    for part in parts(mail(name="slot-0-click_url \\g<1> \\1")):
        assert "Hi slot-0-click_url \\g<1> \\1," in part


def test_the_page_names_its_language() -> None:
    assert ("html", "lang", "en") in Page(mail().html).attributes
