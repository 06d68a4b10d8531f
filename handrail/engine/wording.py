"""What a sentence may say: nothing that its source does not, and nothing hidden."""

import re
import unicodedata
from collections.abc import Collection, Iterator

_LINK_OR_MARKUP = re.compile(
    r"\b[a-z][a-z0-9+.-]*://|\b(?:https?|mailto|tel|sms|javascript|data):|www\.|@|[<>{}]|\]\(", re.IGNORECASE
)
_HOST = re.compile(r"\b(?:[\w-]+\.)+[a-z]{2,}\b", re.IGNORECASE)
_NUMBER = re.compile(r"(\d+(?:[.,]\d+)*)(?:[ \u00a0\u202f]+([^\W\d_]+))?")
_LABEL = re.compile(r"[\"“”„«‘‚]([^\"“”»’‘]{2,60})[\"“”»’‘]|(?<!\w)'([^']{2,60})'(?!\w)")
_WORD = re.compile(r"[^\W\d_][\w-]*(?:['’]\w+)*")
_ANY_WORD = re.compile(r"\w+")
_LONG_WORD = re.compile(r"[^\W\d_]{4,}")
_SENTENCE_START = re.compile(r"(?:^|[.!?…:;\n]|\d[.)])[\s\"“”„«‘’'(\[•*–—-]*$")

_NUMBERS_SAID = """
two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million twice
thrice
"""
_SMALL_WORDS = """
a about after afterwards again all also always an and any are as at be because been before begin both but
by can check choose click close copy did do does done each either else end ensure enter every finally find
first follow for from get give go had has have having he help here how if in instead is it its just keep
last later leave let like look make may me most must need never new next no nor not nothing now of off ok
on once one only open or other otherwise our out over paste pick please press put quick read repeat review
run save see select send set she should simply since so some start stay still stop switch take tap tell
than that the their them then there these they this those tick to try turn type under until up use using
wait was watch we were what when where whether which while who why will with without work would yes yet
you your
"""
_NUMBER_WORDS = frozenset(_NUMBERS_SAID.split())
_ORDINARY = frozenset(_SMALL_WORDS.split())
"""Words that may begin a sentence, or follow a label, whatever the document says. English."""


def problems(text: str, source: str, names: Collection[str] = ()) -> Iterator[str]:
    """What stands against this text. `source` is all it may draw on; `names` are those of accounts.

    The answers never repeat what the text says.
    """
    known = flat(source)
    if _LINK_OR_MARKUP.search(text):
        yield "holds a link, an address or markup"
    if _numbers(text) - _numbers(source):
        yield "holds a number that is not in the document"
    if any(flat(host) not in known for host in _HOST.findall(text)):
        yield "names a site that is not in the document"
    labels = [first or second for first, second in _LABEL.findall(text)]
    if any(flat(label) not in known for label in labels):
        yield "names a label that is not in the document"
    if any(unicodedata.category(char)[0] == "C" and char not in "\n\t" for char in text):
        yield "holds control or hidden characters"
    if any(_names(text, source, names)):
        yield "names an account"
    if any(_foreign(text, source)):
        yield "names a term that is not in the document"


def flat(text: str) -> str:
    """For comparing: one line, without case."""
    return " ".join(text.split()).casefold()


def shared_words(text: str, source: str) -> float:
    """Share of the longer words that stand in the source; 1 without any."""
    words = _LONG_WORD.findall(text.casefold())
    known = set(_LONG_WORD.findall(source.casefold()))
    return sum(word in known for word in words) / len(words) if words else 1.0


def _numbers(text: str) -> set[str]:
    """Numbers, each alone and with the word behind it, so that minutes do not become hours."""
    found = set()
    for number, unit in _NUMBER.findall(text):
        found |= {number, f"{number} {unit.casefold()}"} if unit else {number}
    return found | {word for word in _WORD.findall(text.casefold()) if word in _NUMBER_WORDS}


def _names(text: str, source: str, names: Collection[str]) -> Iterator[str]:
    """Names of accounts in a text whose source does not say them.

    A name of several words counts in any case, one of a single word as it is spelled: `target` is no
    company. A single word that is a small word anyway names nobody.
    """
    alone = {_bare(word) for word in re.findall(r"[\w.'’-]*\w", text)}
    said, known = _padded(text), _padded(source)
    for name in names:
        words = _padded(name)
        if not words.strip() or words in known:
            continue
        if " " in words.strip():
            found = words in said
        else:
            found = name.strip() in alone and words.strip() not in _ORDINARY
        if found:
            yield name


def _padded(text: str) -> str:
    return f" {' '.join(_ANY_WORD.findall(text.casefold()))} "


def _foreign(text: str, source: str) -> Iterator[str]:
    """Capitalised words that the source does not have, and labels that go on otherwise than there."""
    exact = {_bare(word) for word in _WORD.findall(source)}
    known = {word.casefold() for word in exact}
    for match in _WORD.finditer(text):
        word = _bare(match[0])
        if not any(char.isupper() for char in word) or word == "I":
            continue
        inside = any(char.isupper() for char in word[1:])
        if not inside and _SENTENCE_START.search(text, 0, match.start()):
            if word.casefold() not in known | _ORDINARY:
                yield word
        elif word not in exact or _goes_on_otherwise(word, text[match.end() :], source):
            yield word


def _goes_on_otherwise(word: str, rest: str, source: str) -> bool:
    """Whether a label like `New schedule` became `New order`: in the source this word never stands alone."""
    after = _next_word(rest)
    if not after or after in _ORDINARY:
        return False
    there = [
        _next_word(source[match.end() :])
        for match in re.finditer(rf"(?<!\w){re.escape(word)}(?!\w)", source)
        if not _SENTENCE_START.search(source, 0, match.start())
    ]
    return bool(there) and after not in there and all(each and each not in _ORDINARY for each in there)


def _next_word(rest: str) -> str:
    """The word that follows without any mark between, else nothing."""
    match = re.match(r" ([^\W\d_][\w-]*)", rest)
    return match[1].casefold() if match else ""


def _bare(word: str) -> str:
    return re.sub(r"['’]s?$", "", word)
