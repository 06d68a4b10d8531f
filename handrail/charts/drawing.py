"""The drawing board: an SVG that is built node by node, so that the serialiser escapes every text."""

import unicodedata
from functools import lru_cache
from itertools import accumulate
from xml.etree.ElementTree import Element, SubElement, tostring  # nosec B405  # writes, reads nothing

SIZE = 13
"""Of all letters, in pixels of the drawing."""

NARROW = 480
"""Below this width labels stand above their bars."""

PALETTE = {
    "ink": ("#1f2933", "#e6ebf0"),
    "quiet": ("#52606d", "#b4c0cc"),
    "paper": ("#ffffff", "#16202b"),
    "grid": ("#d9e0e6", "#324150"),
    "main": ("#0b57a4", "#9cc7f5"),
    "second": ("#b25e00", "#ffb95c"),
    "worst": ("#b3261e", "#ff9d94"),
}
"""Light and dark; each has a contrast of 3 to 1 or more with its paper, letters 4.5 or more."""

_RULES = {
    "ink": "fill:{ink}",
    "quiet": "fill:{quiet}",
    "strong": "fill:{ink};font-weight:600",
    "grid": "fill:none;stroke:{grid};stroke-width:1",
    "bar": "fill:{main}",
    "track": "fill:{grid}",
    "worst": "fill:{worst}",
    "lost": "fill:{worst};font-weight:600",
    "line": "fill:none;stroke:{main};stroke-width:2;stroke-linejoin:round",
    "line1": "fill:none;stroke:{second};stroke-width:2;stroke-linejoin:round;stroke-dasharray:6 3",
    "line2": "fill:none;stroke:{quiet};stroke-width:2;stroke-linejoin:round;stroke-dasharray:2 3",
    "dot": "fill:{main}",
    "dot1": "fill:{second}",
    "dot2": "fill:{quiet}",
    "band": "fill:{quiet};fill-opacity:0.2",
    "none": "fill:none;stroke:{quiet};stroke-width:1;stroke-dasharray:2 2",
    "c0": "fill:{grid};fill-opacity:0.45",
    "c1": "fill:{main};fill-opacity:0.25",
    "c2": "fill:{main};fill-opacity:0.45",
    "c3": "fill:{main};fill-opacity:0.7",
    "c4": "fill:{main}",
}
LINE_STYLES = 3


def page_style() -> str:
    """For a page: colours are variables, which follow its `color-scheme` and may be set by who shows it."""
    colours = "".join(
        f"--chart-{name}:light-dark({light},{dark});" for name, (light, dark) in PALETTE.items()
    )
    rules = _rules({name: f"var(--chart-{name})" for name in PALETTE})
    fonts = f".chart text{{font:{SIZE}px var(--font-sans,system-ui,sans-serif)}}"
    return f":root{{{colours}}}.chart{{display:block;width:100%;height:auto}}{fonts}{rules}"


def picture_style() -> str:
    """For a PNG: the light colours themselves."""
    return _rules({name: light for name, (light, _) in PALETTE.items()})


def _rules(colours: dict[str, str]) -> str:
    return "".join(f".chart .{name}{{{rule.format(**colours)}}}" for name, rule in _RULES.items())


class Board:
    """One SVG of a given width. What is drawn lies below `top`."""

    def __init__(self, width: int, label: str, told: str) -> None:
        self.width = width
        self.top = 0.0
        self._root = Element(
            "svg",
            {"xmlns": "http://www.w3.org/2000/svg", "role": "img", "class": "chart", "aria-label": label},
        )
        SubElement(self._root, "title").text = label
        SubElement(self._root, "desc").text = told

    def rect(self, x: float, y: float, width: float, height: float, style: str, tip: str = "") -> None:
        box = {"x": _n(x), "y": _n(y), "width": _n(max(0.0, width)), "height": _n(height)}
        self._tip(SubElement(self._root, "rect", {**box, "rx": "2", "class": style}), tip)

    def dot(self, x: float, y: float, size: float, style: str, tip: str = "") -> None:
        self._tip(
            SubElement(self._root, "circle", {"cx": _n(x), "cy": _n(y), "r": _n(size), "class": style}), tip
        )

    def path(self, points: list[tuple[float, float]], style: str, *, closed: bool = False) -> None:
        way = "M" + "L".join(f"{_n(x)} {_n(y)}" for x, y in points) + ("Z" if closed else "")
        SubElement(self._root, "path", {"d": way, "class": style})

    def text(self, x: float, y: float, words: str, style: str = "ink", anchor: str = "start") -> None:
        """`y` is the base line."""
        where = {"x": _n(x), "y": _n(y), "class": style}
        if anchor != "start":
            where["text-anchor"] = anchor
        SubElement(self._root, "text", where).text = words

    def finished(self, height: float, edge: int = 0) -> str:
        """The SVG, `height` pixels tall, with an empty edge around it."""
        box = (-edge, -edge, self.width + 2 * edge, height + 2 * edge)
        self._root.set("viewBox", " ".join(map(_n, box)))
        return tostring(self._root, "unicode")

    @staticmethod
    def _tip(node: Element, tip: str) -> None:
        if tip:
            SubElement(node, "title").text = tip


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def wide(words: str) -> float:
    """How wide these letters are at most, about: those of DejaVu Sans, which is wider than others."""
    return sum(map(_em, words)) * SIZE


@lru_cache(maxsize=4096)
def _em(letter: str) -> float:
    if unicodedata.east_asian_width(letter) in "WF":
        return 1.05
    if unicodedata.combining(letter):
        return 0.0
    if letter in "mwMW@%":
        return 0.98
    return 0.7 if letter.isupper() else 0.64 if letter.isdigit() else 0.58


def fit(words: str, width: float) -> str:
    """As much of a text as fits, with an ellipsis for the rest."""
    if wide(words) <= width:
        return words
    room = width - SIZE
    kept = sum(each * SIZE <= room for each in accumulate(map(_em, words)))
    return words[:kept].rstrip() + "…"
