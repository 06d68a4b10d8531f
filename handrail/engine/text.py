"""Text from strangers, made fit to be shown."""

import re
import unicodedata
from functools import lru_cache

MAX_LENGTH = 120
_LINK_OR_MARKUP = re.compile(r"[@<>{}\[\]]|://|\w{2}\.\w{2}")


_UNSEEN = {"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"}
_IGNORED = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Marks and letters that nothing is drawn for: of Default_Ignorable_Code_Point, and the empty braille."""
_GAPS = str.maketrans(dict.fromkeys("\t\n\r\u2028\u2029", " "))
_NO_JOINER, _JOINER = "\u200c", "\u200d"
_VIRAMA = 9


def seen(raw: str) -> str:
    """The text without control, bidi, zero-width, tag and filling characters and variation selectors.

    A joiner stays where it is part of how a word is written: after a virama, or between Arabic letters
    (RFC 5892, appendices A.1 and A.2).
    """
    if raw.isascii() and raw.isprintable():
        return raw
    kept: list[str] = []
    for char, after in zip(raw, f"{raw[1:]} ", strict=False):
        if char in (_NO_JOINER, _JOINER):
            hidden = not (kept and _joins(kept[-1], char, after))
        else:
            hidden = unicodedata.category(char) in _UNSEEN or bool(_IGNORED.match(char))
        if not hidden:
            kept.append(char)
    return "".join(kept)


def _joins(before: str, joiner: str, after: str) -> bool:
    if unicodedata.category(after)[0] != "L":
        return False
    arabic = all(unicodedata.name(char, "").startswith("ARABIC LETTER") for char in (before, after))
    return unicodedata.combining(before) == _VIRAMA or (joiner == _NO_JOINER and arabic)


@lru_cache(maxsize=4096)
def shown(raw: str) -> str:
    """One line of what can be seen, at most 120 characters."""
    line = " ".join(seen(raw.translate(_GAPS)).split())
    return line if len(line) <= MAX_LENGTH else line[: MAX_LENGTH - 1].rstrip(_NO_JOINER + _JOINER) + "…"


_QUOTES = str.maketrans("", "", '“”„‟«»"')


def quoted(raw: str) -> str:
    """A name from outside inside a sentence of ours: shown as such, so that nobody takes it for our words."""
    return f"“{shown(raw.translate(_QUOTES))}”"


_IN_NAMES = frozenset("'’‘-‐.·・׳״་\u200c\u200d")
"""What joins the letters of a name: D’Angelo, Anne-Marie, J., Gal·la, マリア・ルイサ, ג׳ורג׳, བསྟན་འཛིན."""


def first_name(full_name: str) -> str:
    """The first name if it looks like one, else "": names in profiles are typed by anybody."""
    line = unicodedata.normalize("NFC", shown(full_name))
    word = line.split(" ")[0] if line and not _LINK_OR_MARKUP.search(line) else ""
    if not word or len(word) > 40 or unicodedata.category(word[0])[0] != "L" or "." in word.rstrip("."):
        return ""
    fits = all(unicodedata.category(char)[0] in "LM" or char in _IN_NAMES for char in word)
    return word if fits else ""


def is_text(words: str) -> bool:
    """Whether it can be written down: bytes beside UTF-8, from a shell, are no text in any encoding."""
    return not any("\ud800" <= letter <= "\udfff" for letter in words)
