"""Text from strangers, made fit to be shown."""

import re
import unicodedata
from functools import lru_cache

MAX_LENGTH = 120
_LINK_OR_MARKUP = re.compile(r"[@<>{}\[\]]|://|\w{2}\.\w{2}")


@lru_cache(maxsize=4096)
def shown(raw: str) -> str:
    """One line without control, bidi, zero-width and tag characters, at most 120 characters."""
    kept = (" " if char in "\t\n\r\u2028\u2029" else char for char in raw)
    clean = "".join(char for char in kept if unicodedata.category(char) not in {"Cc", "Cf", "Co", "Cs", "Cn"})
    line = " ".join(clean.split())
    return line if len(line) <= MAX_LENGTH else line[: MAX_LENGTH - 1] + "…"


_QUOTES = str.maketrans("", "", '“”„‟«»"')


def quoted(raw: str) -> str:
    """A name from outside inside a sentence of ours: shown as such, so that nobody takes it for our words."""
    return f"“{shown(raw.translate(_QUOTES))}”"


def first_name(full_name: str) -> str:
    """The first name if it looks like one, else "": names in profiles are typed by anybody."""
    line = unicodedata.normalize("NFC", shown(full_name))
    word = line.split(" ")[0] if line and not _LINK_OR_MARKUP.search(line) else ""
    if not word or len(word) > 40 or unicodedata.category(word[0])[0] != "L" or "." in word.rstrip("."):
        return ""
    # Letters of any script, their marks, and what joins names: D’Angelo, Anne-Marie, J.
    fits = all(unicodedata.category(char)[0] in "LM" or char in "'’-." for char in word)
    return word if fits else ""
