"""Every word of the mail can be read: contrast by WCAG 2.2, light and dark, over the colours as they stand.

Relative luminance is that of sRGB; contrast is (lighter + 0.05) / (darker + 0.05), and 4.5 for text.
"""

import re
from html.parser import HTMLParser

import pytest

from handrail.services.mail.picture import CARD, HERE, HERE_INK, MARK, QUIET, WHITE, Picture, picture_of
from tests.handrail.services.test_compose import CONNECT, KB, SENDER, mail

DARK_RULE = re.compile(r"@media \(prefers-color-scheme: dark\) \{(.*?)\n\s*\}\s*</style>", re.DOTALL)


def luminance(colour: str) -> float:
    full = "".join(each * 2 for each in colour[1:]) if len(colour) == 4 else colour[1:]
    parts = [int(full[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


HIDDEN = "none"


class Painted(HTMLParser):
    """Each text that shows with its ink and its ground, as inline styles and the classes paint it."""

    VOID = frozenset({"meta", "img", "br", "link"})

    def __init__(self, html: str, rules: dict[str, dict[str, str]]) -> None:
        super().__init__()
        self.found: list[tuple[str, str, str]] = []
        self._rules = rules
        self._open: list[tuple[str, str, frozenset[str], str, str]] = [("", "", frozenset(), "#000", "#fff")]
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        _, parent, above, ink, ground = self._open[-1]
        own = set(given.get("class", "").split())
        style = {
            name.strip(): value.strip()
            for name, _, value in (part.partition(":") for part in given.get("style", "").split(";"))
        }
        for selector, painted in self._rules.items():
            if self._hits(selector, tag, own, parent, above):
                weak = {name: value for name, value in painted.items() if "!" not in value}
                style = (
                    weak | style | {name: v.split("!")[0].strip() for name, v in painted.items() if "!" in v}
                )
        if style.get("display") == "none":
            style["color"] = HIDDEN
        ink = style.get("color", ink)
        ground = style.get("background-color", style.get("background", ground))
        if tag == "img":
            self.found.append((given["alt"], ink, ground))
        if tag not in self.VOID:
            self._open.append((tag, " ".join(own), above | own, ink, ground))

    @staticmethod
    def _hits(selector: str, tag: str, own: set[str], parent: str, above: frozenset[str]) -> bool:
        *outer, last = selector.replace(">", " > ").split()
        if (last[1:] not in own) if last.startswith(".") else last != tag:
            return False
        if not outer:
            return True
        return outer[0][1:] in (parent.split() if ">" in outer else above)

    def handle_endtag(self, tag: str) -> None:
        if any(each[0] == tag for each in self._open):
            while self._open.pop()[0] != tag:
                pass

    def handle_data(self, data: str) -> None:
        shown = self._open[-1][3] != HIDDEN
        if data.strip() and shown and self._open[-1][0] not in {"style", "title", "script"}:
            self.found.append((data.strip(), *self._open[-1][3:]))


def rules(css: str) -> dict[str, dict[str, str]]:
    """Selector to colours, with `!important` where it stands."""
    found = {}
    for selectors, body in re.findall(r"([^{}]+)\{([^{}]*)\}", css):
        pairs = (part.partition(":") for part in body.split(";"))
        painted = {name.strip(): value.strip() for name, _, value in pairs if "color" in name and value}
        for selector in selectors.split(","):
            found[selector.strip()] = painted
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("picture", [None, picture_of(KB, CONNECT, "credentials")])
def test_every_word_stands_out_from_its_ground(scheme: str, picture: Picture | None) -> None:
    html = mail(picture=picture).html
    dark = DARK_RULE.findall(html)
    assert len(dark) == 1
    painted = Painted(html, rules("a { color: #0b57a4; }" + (dark[0] if scheme == "dark" else "")))

    texts = [text for text, _, _ in painted.found]
    assert len(texts) > 9
    assert SENDER.postal_address in texts
    low = [
        (text, ink, ground, round(contrast(ink, ground), 2))
        for text, ink, ground in painted.found
        if contrast(ink, ground) < 4.5
    ]
    assert low == []
    grounds = {ground for _, _, ground in painted.found}
    assert ("#16202b" in grounds) == (scheme == "dark")
    assert not grounds & {"#000", "#fff"}


@pytest.mark.parametrize(
    ("ink", "ground"),
    [(QUIET, CARD), (HERE_INK, HERE), (WHITE, MARK), (WHITE, QUIET), (MARK, HERE), (MARK, WHITE)],
)
def test_what_is_drawn_in_the_picture_stands_out_from_its_ground(ink: str, ground: str) -> None:
    assert contrast(ink, ground) >= 4.5 if ink != MARK else contrast(ink, ground) >= 3


def test_contrast_is_computed_as_the_guideline_does() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#fff") == pytest.approx(4.48, abs=0.005)
