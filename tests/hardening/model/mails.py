"""What a mail may hold, read from the documents' files and the settings, with no code of the product."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

ORIGIN = "http://127.0.0.1:8321"
"""HANDRAIL_PUBLIC_URL of the tests' settings."""

_OWN = re.compile(rf"{re.escape(ORIGIN)}/[tu]/[A-Za-z0-9_-]+")
_TAGS = {
    *("html", "head", "title", "meta", "style", "body", "div", "table", "tbody", "tr", "td", "h2", "p", "a"),
    *("img", "span", "br"),
}
_HEADERS = {"List-Unsubscribe", "List-Unsubscribe-Post"}
_FETCHED = {"src", "srcset", "background", "action", "formaction", "data", "poster", "href", "xlink:href"}
_LINKED = re.compile(r"[a-z][a-z0-9+.-]*:/?/?[^\s<>\"]+@?|[\w.+-]+@[\w.-]+|\bwww\.\S+", re.IGNORECASE)


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]


def documents(folder: Path) -> dict[str, dict[str, Any]]:
    """The front matter of each document, by slug."""
    found = [yaml.safe_load(path.read_text("utf-8").split("---")[1]) for path in sorted(folder.glob("*.md"))]
    return {each["slug"]: each for each in found}


def wrong_with(mail: dict[str, Any], to: str) -> list[str]:
    """Everything in this mail that no mail may hold, as SendGrid got it."""
    page = _Page(mail["html"])
    found = [f"tag {tag}" for tag in page.tags - _TAGS]
    found += [f"attribute {name}" for _, name, _ in page.attributes if name.startswith("on")]
    for tag, name, value in page.attributes:
        own = _OWN.fullmatch(value) or (tag == "img" and name == "src" and value == "cid:where-you-are")
        if name in _FETCHED and not own:
            found.append(f"{tag} {name} {value}")
        if name == "style" and "url(" in value:
            found.append(f"style {value}")
    hosts = {urlsplit(url).hostname for url in re.findall(r"https?://[^\s\"'<>)]+", mail["html"])}
    found += [f"host {host}" for host in hosts - {"127.0.0.1", "www.w3.org"}]
    found += [f"link {link}" for link in _LINKED.findall(mail["text"]) if not _OWN.fullmatch(link)]
    if set(mail["headers"]) != _HEADERS or any(
        not _OWN.search(each) for each in [mail["headers"]["List-Unsubscribe"]]
    ):
        found.append(f"headers {mail['headers']}")
    if (mail["to"], mail["from"], mail["reply_to"]) != (
        to,
        "guides@vendor.example",
        "success@vendor.example",
    ):
        found.append(f"people {mail['to']} {mail['from']} {mail['reply_to']}")
    if len(mail["subject"].splitlines()) != 1 or len(mail["subject"]) > 78:
        found.append(f"subject {mail['subject']!r}")
    if set(mail["custom_args"]) != {"handrail_delivery"} or mail["categories"]:
        found.append("arguments")
    names = [(each["filename"], each["disposition"]) for each in mail["attachments"]]
    if names not in ([], [("where-you-are.png", "inline")]):
        found.append(f"attachments {names}")
    return found


def steps_told(mail: dict[str, Any], document: dict[str, Any]) -> list[str] | None:
    """The ids of the steps that a mail tells in the document's own words; None if it tells anything else.

    A step is its title, and below it its text or the advice on one of its errors.
    """
    body = " ".join(mail["text"].split("\n--\n")[0].split())
    told = []
    for number in range(1, len(document["steps"]) + 1):
        for step in document["steps"]:
            texts = [
                step["text"],
                *(hint["text"] for hint in document["errors"] if hint["step"] == step["id"]),
            ]
            for text in texts:
                words = " ".join(f"{number}. {step['title']} {text}".split())
                if words in body:
                    told.append(step["id"])
                    body = body.replace(words, "", 1)
    return None if re.search(r"\d+\. ", body) else told
