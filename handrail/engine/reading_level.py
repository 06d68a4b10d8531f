"""How hard a text is to read, as an American school grade."""

import re

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_SENTENCE_END = re.compile(r"[.!?…:]+(?=\s|$)|\n+")


def grade(text: str) -> float:
    """The Automated Readability Index: 4.71 × characters a word + 0.5 × words a sentence − 21.43.

    Source: E. A. Smith and R. J. Senter, Automated Readability Index, AMRL-TR-66-220, 1967.
    Characters are letters and digits. It needs no syllables, so it reads any alphabet; it was fitted to
    English, and long-worded languages come out harder. A text without words is grade 0.
    """
    words = _WORD.findall(text)
    if not words:
        return 0.0
    characters = sum(char.isalnum() for word in words for char in word)
    sentences = sum(bool(_WORD.search(part)) for part in _SENTENCE_END.split(text))
    return float(4.71 * characters / len(words) + 0.5 * len(words) / sentences - 21.43)
