"""Where somebody is stuck, as a picture: the document's screenshot with the place marked, or a strip."""

import io
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import cast

from PIL import Image, ImageDraw, ImageFont

from handrail.domain.features import Feature, Region, Step
from handrail.services.kb import KnowledgeBase

MAX_STRIP_BYTES = 20_000
STRIP_COLOURS = 32
MAX_SCREENSHOT_BYTES = 120_000
MAX_STEPS = 8
"""A longer strip would be longer than a telephone's screen."""

SHARP = 2
"""Pixels of the file for each pixel of the page: telephones have finer screens."""

STRIP_WIDTH = 440
MAX_WIDTH = 552
"""The mail's column, in pixels of the page."""

INK, QUIET, CARD, LINE = "#1f2933", "#52606d", "#f4f6f8", "#9aa5b1"
HERE_INK, HERE, MARK, WHITE = "#6b3f00", "#fff1d6", "#b25e00", "#ffffff"
_PLAIN = str.maketrans({"–": "-", "—": "-", "\N{NO-BREAK SPACE}": " "})
"""What the font lacks and has an equal for."""


@dataclass(frozen=True)
class Picture:
    """A PNG, the same for everybody who is stuck there. `width` and `height` are pixels of the page.

    `alt` tells the whole way, in place of a list of the steps.
    """

    png: bytes
    alt: str
    width: int
    height: int

    @cached_property
    def base64(self) -> str:
        """As mail wants it; made once for the many mails that carry it."""
        return b64encode(self.png).decode()


def picture_of(kb: KnowledgeBase, feature: Feature, stuck_step: str) -> Picture | None:
    """None where nothing can be shown rightly: then the steps are listed in words alone."""
    return _picture(feature, stuck_step, kb.screenshot(feature, stuck_step))


@lru_cache(maxsize=128)
def _picture(feature: Feature, stuck_step: str, screenshot: bytes | None) -> Picture | None:
    step = feature.step(stuck_step)
    if step is None:
        return None
    marked = _marked(screenshot, step.region) if screenshot and step.region else None
    if marked:
        alt = f"{_way(feature, step)} The screenshot marks the place."
        return _as_picture(*marked, MAX_WIDTH, alt)
    strip = _strip(feature.steps, feature.steps.index(step))
    png = _png(strip, STRIP_COLOURS) if strip else b""
    if strip is None or len(png) > MAX_STRIP_BYTES:
        return None
    return _as_picture(strip, png, STRIP_WIDTH, _way(feature, step))


def _as_picture(image: Image.Image, png: bytes, widest: int, alt: str) -> Picture:
    width = min(widest, image.width)
    return Picture(png=png, alt=alt, width=width, height=round(image.height * width / image.width))


def _way(feature: Feature, stuck: Step) -> str:
    at = feature.steps.index(stuck)
    done = [step.title for step in feature.steps[:at]]
    to_come = [step.title for step in feature.steps[at + 1 :]]
    return " ".join(
        [
            f"Your way through “{feature.title}”.",
            *([f"Done: {'; '.join(done)}."] if done else []),
            f"You are here: {stuck.title}.",
            *([f"Still to come: {'; '.join(to_come)}."] if to_come else []),
        ]
    )


# The screenshot


def _marked(screenshot: bytes, region: Region) -> tuple[Image.Image, bytes] | None:
    """The screenshot, dark but for the region; None if it cannot be made small enough for a mail."""
    with Image.open(io.BytesIO(screenshot)) as opened:
        whole = Image.new("RGBA", opened.size, WHITE)
        whole.alpha_composite(opened.convert("RGBA"))
    for width, colours in (
        (MAX_WIDTH * SHARP, 128),
        (MAX_WIDTH * SHARP, 32),
        (MAX_WIDTH, 48),
        (MAX_WIDTH, 16),
    ):
        image = _marked_at(whole.convert("RGB"), region, min(width, whole.width))
        png = _png(image, colours)
        if len(png) <= MAX_SCREENSHOT_BYTES:
            return image, png
    return None


def _marked_at(whole: Image.Image, region: Region, width: int) -> Image.Image:
    by = width / whole.width
    image = whole.resize((width, round(whole.height * by)), Image.Resampling.LANCZOS)
    x, y, w, h = (round(each * by) for each in region)
    bright = image.crop((x, y, x + w, y + h))
    image = Image.blend(image, Image.new("RGB", image.size, INK), 0.45)
    image.paste(bright, (x, y))
    draw = ImageDraw.Draw(image)
    draw.rectangle((x - 8, y - 8, x + w + 7, y + h + 7), outline=WHITE, width=3)
    draw.rectangle((x - 6, y - 6, x + w + 5, y + h + 5), outline=MARK, width=6)
    _tag(draw, image, x, y, h)
    return image


def _tag(draw: ImageDraw.ImageDraw, image: Image.Image, x: int, y: int, h: int) -> None:
    """The words beside the region: above it where there is room, else below."""
    font = _font(15 * SHARP)
    words, pad, tall = "You are here", 12, 23 * SHARP
    wide = int(font.getlength(words)) + 2 * pad
    left = max(0, min(x - 8, image.width - wide))
    top = y - 8 - tall if y - 8 >= tall else min(y + h + 8, image.height - tall)
    draw.rectangle((left, top, left + wide, top + tall), fill=MARK)
    draw.text((left + pad, top + tall // 2), words, font=font, fill=WHITE, anchor="lm", stroke_width=0.6)


# The strip

_EDGE, _ROW, _EXTRA, _MARKER = 12 * SHARP, 40 * SHARP, 22 * SHARP, 10 * SHARP
_TEXT_AT = _EDGE + 46 * SHARP


def _strip(steps: Sequence[Step], at: int) -> Image.Image | None:
    """All steps on one rail; None where there are too many, or letters that the font does not have."""
    titles = [step.title.translate(_PLAIN) for step in steps]
    if len(steps) > MAX_STEPS or not all(map(_drawable, titles)):
        return None
    rows = [_lines(title, STRIP_WIDTH * SHARP - _TEXT_AT - 2 * _EDGE) for title in titles]
    heights = [_ROW + _EXTRA * (len(row) - 1 + (index == at)) for index, row in enumerate(rows)]
    image = Image.new("RGB", (STRIP_WIDTH * SHARP, sum(heights) + 2 * _EDGE), CARD)
    draw = ImageDraw.Draw(image)
    tops = [_EDGE + sum(heights[:index]) for index in range(len(rows))]
    middles = [top + tall // 2 for top, tall in zip(tops, heights, strict=True)]
    x = _EDGE + 24 * SHARP
    draw.rounded_rectangle(
        (_EDGE, tops[at], image.width - _EDGE, tops[at] + heights[at]), radius=6 * SHARP, fill=HERE
    )
    draw.line((x, middles[0], x, middles[-1]), fill=LINE, width=2 * SHARP)
    for index, lines in enumerate(rows):
        _marker(draw, x, middles[index], index - at)
        _words(draw, lines, tops[index] + (heights[index] - _height(lines, index == at)) // 2, index - at)
    return image


def _height(lines: Sequence[str], here: bool) -> int:
    return _EXTRA * (len(lines) + here)


def _words(draw: ImageDraw.ImageDraw, lines: Sequence[str], top: int, ahead: int) -> None:
    """`ahead` counts steps from the one where the person is: less than 0 is done."""
    if ahead == 0:
        lines = ["You are here", *lines]
    for number, line in enumerate(lines):
        label = ahead == 0 and number == 0
        draw.text(
            (_TEXT_AT, top + _EXTRA * number + _EXTRA // 2),
            line,
            font=_font((13 if label else 17) * SHARP),
            fill=QUIET if ahead else HERE_INK,
            anchor="lm",
            stroke_width=0 if ahead else 0.7,
        )


def _marker(draw: ImageDraw.ImageDraw, x: int, y: int, ahead: int) -> None:
    """A tick for what is done, a ring with a dot for here, an empty ring for what is to come."""
    size = _MARKER + (2 * SHARP if ahead == 0 else 0)
    box = (x - size, y - size, x + size, y + size)
    if ahead < 0:
        draw.ellipse(box, fill=QUIET)
        draw.line(
            [(x - size * 0.45, y), (x - size * 0.1, y + size * 0.38), (x + size * 0.5, y - size * 0.35)],
            fill=WHITE,
            width=2 * SHARP,
            joint="curve",
        )
        return
    draw.ellipse(box, fill=WHITE, outline=QUIET if ahead else MARK, width=(2 if ahead else 4) * SHARP)
    if ahead == 0:
        draw.ellipse((x - size // 3, y - size // 3, x + size // 3, y + size // 3), fill=MARK)


def _lines(title: str, width: int) -> list[str]:
    """The title on two lines at most; what does not fit ends in an ellipsis."""
    font = _font(17 * SHARP)
    words, first = title.split(), ""
    while words and font.getlength(f"{first} {words[0]}".strip()) <= width:
        first = f"{first} {words.pop(0)}".strip()
    rest = " ".join(words)
    lines = [line for line in (first, rest) if line]
    while font.getlength(lines[-1]) > width:
        lines[-1] = lines[-1].removesuffix("…")[:-1].rstrip() + "…"
    return lines


@lru_cache(maxsize=8)
def _font(size: int) -> ImageFont.FreeTypeFont:
    """The font that comes with Pillow: it has the letters of English and little else."""
    return cast("ImageFont.FreeTypeFont", ImageFont.load_default(size))


def _drawable(text: str) -> bool:
    """Whether the font has every letter: what it lacks it draws as an empty box."""
    font = _font(17 * SHARP)
    box = bytes(font.getmask("\uffff"))
    return bool(text.strip()) and all(char == " " or bytes(font.getmask(char)) != box for char in text)


def _png(image: Image.Image, colours: int) -> bytes:
    """Without any metadata, so that equal pictures are equal files."""
    file = io.BytesIO()
    image.quantize(colours, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
    return file.getvalue()
