"""What a sentence may say: nothing that its source does not, and nothing hidden."""

import re
from collections.abc import Collection, Iterator
from functools import lru_cache
from itertools import pairwise

from handrail.engine import alphabet
from handrail.engine.text import seen

LEAST_SHARED_WORDS = 0.5
"""Share of a sentence's own words that must stand in the document."""

_LINK_OR_MARKUP = re.compile(
    r"://|\b[a-z][a-z0-9+.-]*:(?=[^\s\"”’)])|www\.|@|[<>{}]|\]\(|&#?\w+;", re.IGNORECASE
)
_HOST = re.compile(r"\b(?:[\w-]+\.)+[^\W\d_]{2,}\b|[a-z0-9-]+[。．｡][a-z]{2,}", re.IGNORECASE)
_MARKDOWN = re.compile(r"!\[[^\]]*\]\([^)]*\)|\[([^\]]*)\]\([^)]*\)")
_SENTENCE_WITH_END = re.compile(r".+?(?:[.!?…](?=\s)|$)\s*", re.DOTALL)
_ADDRESS = re.compile(
    r"\w*[\w+.-]*://[^\s\"“”’)>]*[^\s\"“”’)>.,;:!?]|\bwww\.\S+|\b(?:mailto|tel|javascript|data):\S+|\S+@\S+\.\w+",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"(\d+(?:[.,]\d+)*)(?:[ \u00a0\u202f]+([^\W\d_]+))?")
_LABEL = re.compile(r"[\"“”„«‘‚]([^\"“”»’‘]{2,60})[\"“”»’‘]|(?<!\w)'([^']{2,60})'(?!\w)")
_WORD = re.compile(r"[^\W\d_][\w-]*(?:['’]\w+)*")
_ANY_WORD = re.compile(r"\w+")
_LONG_WORD = re.compile(r"[^\W\d_]{4,}")
_SENTENCE = re.compile(r"(?<=[.!?…:;])\s+|(?<=[。！？])|\n")
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
_COMMON_WORDS = """
able above across almost along already among another anything around away back bad became become becomes
beginning begins beside better between big bit bottom bright came carefully case chance change come comes
common complete completely correct couple course detail different directly down during early easily easy
edge empty ended ends enough entered even everything exact exactly expect expected extra failed failing
fails far few fine finish finished fits fix found front fully further gets given goes gone good got great
guide half halfway hand handy happen happens hard helped helps hint however idea important inside into
issue itself kind know large larger least left less likely line little long longer looks lot main many
matter matters maybe mean means meantime middle mind minute minutes moment moments more nearly neither
normal note notice often okay onto order outside own pair part past perhaps picks place plain point
points possible problem properly quickly quite rather reach reached ready real really reason rejected
remember rest result right round same seem seems several short shorter shortly shown side similar simple
single slightly slowly small smaller somebody someone something sometimes somewhere soon sort space spot
starting step steps stopped straight stuck sure surely task thing things think though through tidy tight
till time times tiny tip together too took top touch tricky trouble twice useful usual usually way ways
well went whatever whenever wherever whole wide within won worked works worry worth wrong yours yourself
"""
_NUMBER_WORDS = frozenset(_NUMBERS_SAID.split())
_ORDINARY = frozenset(_SMALL_WORDS.split())
"""Words that may begin a sentence, or follow a label, whatever the document says. English."""
_ENDING = re.compile(r"(?<=\w{3})(?:e|es|ed|d|ing|s|ly)+$")
_COMMON_STEMS = frozenset(_ENDING.sub("", word) for word in _ORDINARY.union(_COMMON_WORDS.split()))
"""Words that ask nothing of anybody: a sentence is judged by the others. English."""


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
    if alphabet.hides(text):
        yield "holds control or hidden characters"
    if alphabet.strange(text, source):
        yield "holds a sign that is not in the document"
    if any(_names(text, source, names)):
        yield "names an account"
    if any(_foreign(text, source)):
        yield "names a term that is not in the document"
    if any(_invented(text, source)):
        yield "says what the document does not say"


def plainly(text: str, links: Collection[str] = ()) -> str:
    """A document's own text as words that may stand in a mail.

    A Markdown link is its label and a picture is nothing. A sentence with a link or an address in it is left
    out, unless the links are among `links`: mail programs make links of them.
    """
    words = _MARKDOWN.sub(lambda link: link[1] or "", "\n".join(map(seen, text.split("\n"))))
    sentences = _SENTENCE_WITH_END.findall(words)
    return "".join(each for each in sentences if set(_ADDRESS.findall(each)) <= set(links)).strip()


def flat(text: str) -> str:
    """For comparing: one line, without case."""
    return " ".join(text.split()).casefold()


def _invented(text: str, source: str) -> Iterator[str]:
    """Sentences that the source does not carry, by their longer words that are not common ones.

    Too few of them stand there in whatever inflection, or two that do not follow one another.
    """
    known = _stems(source)
    for sentence in _SENTENCE.split(text):
        words = [_stem(word) for word in _LONG_WORD.findall(sentence.casefold())]
        told = [word in known for word in words if word not in _COMMON_STEMS]
        in_a_row = any(not one and not other for one, other in pairwise(told))
        if told and (in_a_row or sum(told) / len(told) < LEAST_SHARED_WORDS):
            yield sentence


@lru_cache(maxsize=256)
def _stems(source: str) -> frozenset[str]:
    return frozenset(_stem(word) for word in _LONG_WORD.findall(source.casefold()))


def _stem(word: str) -> str:
    """Without its English endings, roughly: chooses, choosing and choose are one word."""
    return _ENDING.sub("", word)


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
