"""Which characters a text may hold: plain ones, and those of its source. None that hides anything."""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from handrail.engine.text import seen

_PLAIN = frozenset(" \n\t\u00a0\u202f.,:;!?'\"()-/–—…‐‑“”„‟‘’‚«»‹›•·")
_GAPS = str.maketrans("\n\t", "  ")
_ALIKE = frozenset({"LATIN", "CYRILLIC", "GREEK"})
"""Scripts whose letters look alike."""
_WORD = re.compile(r"[^\W\d_]+")


def hides(text: str) -> bool:
    """Whether it holds a character that cannot be seen, or that changes how others are seen."""
    plain = text.translate(_GAPS)
    return seen(plain) != plain


def strange(text: str, source: str) -> bool:
    """Whether it holds a sign, a mark or a letter that the source gives no ground for.

    Letters may be those of any script that the source is written in, Latin ones only with or without
    accents, and no word may mix scripts that look alike. Digits and what cannot be seen are judged elsewhere.
    """
    text = unicodedata.normalize("NFC", text)
    known, scripts = _written_in(source)
    mixed = any(len(_scripts(word) & _ALIKE) > 1 and word not in source for word in _WORD.findall(text))
    return mixed or any(not _fits(char, scripts) for char in set(text) - known - _PLAIN)


def _fits(char: str, scripts: frozenset[str]) -> bool:
    kind, script = unicodedata.category(char), _script(char)
    if kind[0] == "C" or kind == "Nd":
        return True
    if kind[0] not in "LM" or script not in scripts:
        return False
    return script != "LATIN" or unicodedata.normalize("NFD", char)[0].isascii()


@lru_cache(maxsize=256)
def _written_in(source: str) -> tuple[frozenset[str], frozenset[str]]:
    """The characters of a source, and their scripts."""
    known = frozenset(unicodedata.normalize("NFC", source))
    return known, _scripts(known)


def _scripts(text: Iterable[str]) -> frozenset[str]:
    return frozenset(_script(char) for char in text if unicodedata.category(char)[0] in "LM")


def _script(char: str) -> str:
    """The first word of a character's name, which tells its script: LATIN, CYRILLIC, HIRAGANA, FULLWIDTH."""
    return unicodedata.name(char, "").partition(" ")[0]
