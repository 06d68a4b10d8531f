"""The grounding gate: nothing reaches a mail that the document does not say."""

import re
import unicodedata
from collections.abc import Iterable

from handrail.domain.features import Feature, Passage, Step
from handrail.domain.struggles import Signature
from handrail.domain.tutorials import Draft, DraftStep

MAX_STEPS = 6
MAX_STEP_CHARACTERS = 600
MAX_INTRO_CHARACTERS = 400
MAX_SUBJECT_CHARACTERS = 78
LEAST_SHARED_WORDS = 0.6
"""Share of a step's longer words that must stand in the document."""

_LINK_OR_MARKUP = re.compile(
    r"\b[a-z][a-z0-9+.-]*://|\b(?:https?|mailto|tel|sms|javascript|data):|www\.|@|[<>{}]|\]\(", re.IGNORECASE
)
_HOST = re.compile(r"\b(?:[\w-]+\.)+[a-z]{2,}\b", re.IGNORECASE)
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_LABEL = re.compile(r"[\"“”„«‘‚]([^\"“”»’‘]{2,60})[\"“”»’‘]|(?<!\w)'([^']{2,60})'(?!\w)")
LEAST_QUOTE_CHARACTERS = 10
"""A quote of a letter stands in every passage."""

_LONG_WORD = re.compile(r"[^\W\d_]{4,}")


def passages(feature: Feature) -> list[Passage]:
    """Everything in the document that can be cited, by id."""
    steps = [
        Passage(id=f"{feature.slug}#{step.id}", kind="step", step=step.id, title=step.title, text=step.text)
        for step in feature.steps
    ]
    errors = [
        Passage(
            id=f"{feature.slug}#error:{hint.reason}",
            kind="error",
            step=hint.step,
            title=hint.reason,
            text=hint.text,
        )
        for hint in feature.errors
    ]
    return [*steps, *errors, *_sections(feature)]


def _sections(feature: Feature) -> list[Passage]:
    found = []
    for block in re.split(r"^#{1,3} ", feature.body, flags=re.MULTILINE)[1:]:
        title, _, text = block.partition("\n")
        if text.strip():
            slug = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
            found.append(
                Passage(
                    id=f"{feature.slug}#section:{slug}",
                    kind="section",
                    step="",
                    title=title,
                    text=text.strip(),
                )
            )
    return found


def problems(draft: Draft, feature: Feature) -> list[str]:
    """Why this draft may not go out; empty means that it may."""
    found: list[str] = []
    if draft.feature != feature.slug:
        found.append("the draft is about another feature")
    if not 1 <= len(draft.steps) <= MAX_STEPS:
        found.append(f"the draft has {len(draft.steps)} steps; 1 to {MAX_STEPS} are allowed")
    if len({step.step for step in draft.steps}) < len(draft.steps):
        found.append("a step stands twice")
    found += _text_problems("subject", draft.subject, MAX_SUBJECT_CHARACTERS, feature)
    found += _text_problems("intro", draft.intro, MAX_INTRO_CHARACTERS, feature)
    for step in draft.steps:
        found += _step_problems(step, feature)
    return found


def _step_problems(step: DraftStep, feature: Feature) -> list[str]:
    if feature.step(step.step) is None:
        return ["a step id is not in the document"]
    where = f"step {step.step}"
    found = _text_problems(where, step.text, MAX_STEP_CHARACTERS, feature)
    own = [passage.text for passage in passages(feature) if passage.step == step.step]
    quote = _flat(step.quote)
    long_enough = len(quote) >= LEAST_QUOTE_CHARACTERS or quote in map(_flat, own)
    if not quote or not long_enough or not any(quote in _flat(text) for text in own):
        found.append(f"{where}: the quoted span is not in its passage")
    if _shared_words(step.text, _document(feature)) < LEAST_SHARED_WORDS:
        found.append(f"{where}: too few of its words stand in the document")
    return found


def _text_problems(where: str, text: str, limit: int, feature: Feature) -> list[str]:
    found = []
    if not text.strip() or len(text) > limit:
        found.append(f"{where}: empty or longer than {limit} characters")
    if _LINK_OR_MARKUP.search(text):
        found.append(f"{where}: holds a link, an address or markup")
    document = _flat(_document(feature))
    if set(_NUMBER.findall(text)) - set(_NUMBER.findall(document)):
        found.append(f"{where}: holds a number that is not in the document")
    if any(_flat(host) not in document for host in _HOST.findall(text)):
        found.append(f"{where}: names a site that is not in the document")
    labels = [first or second for first, second in _LABEL.findall(text)]
    if any(_flat(label) not in document for label in labels):
        found.append(f"{where}: names a label that is not in the document")
    if any(unicodedata.category(char)[0] == "C" and char not in "\n\t" for char in text):
        found.append(f"{where}: holds control or hidden characters")
    return found


def _document(feature: Feature) -> str:
    hints = [hint.text for hint in feature.errors]
    steps = [f"{step.title} {step.text}" for step in feature.steps]
    return "\n".join([feature.title, feature.summary, *steps, *hints, feature.body])


def _flat(text: str) -> str:
    return " ".join(text.split()).casefold()


def _shared_words(text: str, document: str) -> float:
    words = _LONG_WORD.findall(text.casefold())
    known = set(_LONG_WORD.findall(document.casefold()))
    return sum(word in known for word in words) / len(words) if words else 1.0


def from_document(signature: Signature, feature: Feature) -> Draft:
    """The document's own words for this signature: the stuck step first, then what follows."""
    at = next((index for index, step in enumerate(feature.steps) if step.id == signature.stuck_step), 0)
    chosen = feature.steps[at : at + MAX_STEPS]
    hint = feature.hint(signature.reason)
    return Draft(
        feature=feature.slug,
        subject=f"Quick help with {feature.title[0].lower()}{feature.title[1:]}"[:MAX_SUBJECT_CHARACTERS],
        intro=f"It looks like “{chosen[0].title}” is where this gets stuck. Here is how to get past it.",
        steps=tuple(_own_words(chosen, hint.text if hint and hint.step == chosen[0].id else "")),
    )


def _own_words(steps: Iterable[Step], hint: str) -> list[DraftStep]:
    told = []
    for index, step in enumerate(steps):
        text = hint if index == 0 and hint else step.text
        told.append(DraftStep(step=step.id, text=text[:MAX_STEP_CHARACTERS], quote=text))
    return told
