"""A writer in an attacker's hands: it says what a test dictates, or does what stands in its prompt."""

from __future__ import annotations

import base64
import binascii
import html
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from standin.messages import wire, writer
from standin.messages.reading import Request
from standin.messages.wire import Reply

_ORDER = re.compile(
    r"\b(?:ignore|disregard|override|forget)\b.{0,40}\b(?:instruction|rule|prompt|above|previous)"
    r"|\bSYSTEM\b|\byou (?:must|are now)\b|\bassistant:|\b(?:evil|attacker)\.example\b",
    re.IGNORECASE | re.DOTALL,
)
"""What reads like an instruction to whoever reads it."""

_BASE64 = re.compile(r"[A-Za-z0-9+/]{16,}={0,2}")
_HEX = re.compile(r"(?:[0-9a-f]{2}){8,}")
_BLANK = "\u3164\uffa0\u115f\u1160\u2800"
_LOOKALIKE = str.maketrans("асеоріѕԁһху", "aceopisdhxy")


def dictated(request: Request, details: Mapping[str, Any]) -> Reply:
    """`draft` goes over the rule-based tutorial and `step` over its first step; or `text` is the answer to
    the letter, or `content` its blocks. `message` goes over the message around it.
    """
    changes, stop = details.get("message", {}), details.get("stop_reason", "end_turn")
    if "content" in details:
        return Reply(details["content"], stop, changes=changes)
    if "text" in details:
        return Reply([wire.text(details["text"])], stop, changes=changes)
    value = writer.tutorial(request)
    if "step" in details and value["steps"]:
        value["steps"][0] = {**value["steps"][0], **_filled(details["step"], value["steps"][0])}
    value |= _filled(details.get("draft", {}), value)
    return writer.said(value)._replace(stop_reason=stop, changes=changes)


def _filled(wanted: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """A value may name what stood there before: `{before}`."""
    return {
        key: value.replace("{before}", str(before.get(key, ""))) if isinstance(value, str) else value
        for key, value in wanted.items()
    }


def obedient(request: Request, details: Mapping[str, Any]) -> Reply:
    """Puts every instruction of its prompt into every field; where there is none it writes a good text."""
    orders = sorted({order for words in request.words for order in orders_in(words)})
    if not orders:
        return writer.written(request, writer.tutorial(request))
    said = "\n".join(orders)
    value = writer.tutorial(request)
    step = value["steps"][0] if value["steps"] else {"step": "", "quote": ""}
    value |= {
        "subject": orders[0],
        "intro": said,
        "steps": [{"step": step["step"], "text": f"{order} {said}", "quote": order} for order in orders],
    }
    return writer.said(value)


def orders_in(words: str) -> Iterator[str]:
    """The lines of a text that read like instructions, as they stand or in one of the usual disguises."""
    for line in re.split(r"\\n|\n|\"", words):
        if any(_ORDER.search(each) for each in _readings(line)):
            yield line


def _readings(line: str) -> Iterator[str]:
    yield line
    yield "".join(chr(ord(char) - 0xE0000) for char in line if 0xE0020 <= ord(char) < 0xE007F)
    yield bytes(map(_selected, filter(_is_selector, line))).decode("utf-8", "replace")
    hidden = {"Cf", "Cc", "Mn"}
    shown = "".join(char for char in line if unicodedata.category(char) not in hidden and char not in _BLANK)
    plain = unicodedata.normalize("NFKC", html.unescape(unquote(shown)))
    yield plain
    yield plain.casefold().translate(_LOOKALIKE)
    yield plain[::-1]
    for found in _HEX.findall(line):
        yield bytes.fromhex(found).decode("utf-8", "replace")
    for found in _BASE64.findall(line):
        try:
            yield base64.b64decode(found + "=" * (-len(found) % 4)).decode()
        except (binascii.Error, UnicodeDecodeError):
            continue


def _is_selector(char: str) -> bool:
    return 0xFE00 <= ord(char) <= 0xFE0F or 0xE0100 <= ord(char) <= 0xE01EF


def _selected(char: str) -> int:
    """The byte that a variation selector stands for."""
    return ord(char) - 0xFE00 if ord(char) < 0xE0100 else ord(char) - 0xE0100 + 16


LAST_TURN: dict[str, Callable[[Request, Mapping[str, Any]], Reply]] = {
    "dictated": dictated,
    "obedient": obedient,
}
