"""The grounding gate: nothing reaches a mail that the document does not say."""

import re
from collections.abc import Collection, Iterable

from handrail.domain.features import Feature, Passage, Step
from handrail.domain.struggles import Signature
from handrail.domain.tutorials import Draft, DraftStep
from handrail.engine import alphabet, wording
from handrail.engine.reading_level import grade
from handrail.engine.wording import flat

MAX_STEPS = 6
MAX_STEP_CHARACTERS = 600
MAX_INTRO_CHARACTERS = 400
MAX_SUBJECT_CHARACTERS = 78
LEAST_QUOTE_CHARACTERS = 10
"""A quote of a letter stands in every passage."""

HARDEST_GRADE = 10.0
"""A text may be as hard to read as this school grade, or as the hardest passage it could rest on."""


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


def problems(
    draft: Draft, feature: Feature, *, stuck_step: str = "", names: Collection[str] = ()
) -> list[str]:
    """Why this draft may not go out; empty means that it may.

    `stuck_step` is where it has to begin, `names` are all names of accounts: none may be said.
    """
    found: list[str] = []
    if draft.feature != feature.slug:
        found.append("the draft is about another feature")
    if not 1 <= len(draft.steps) <= MAX_STEPS:
        return [*found, f"the draft has {len(draft.steps)} steps; 1 to {MAX_STEPS} are allowed"]
    found += _order_problems([step.step for step in draft.steps], feature, stuck_step)
    document = _document(feature)
    found += _text_problems("subject", draft.subject, MAX_SUBJECT_CHARACTERS, document, names)
    if len(draft.subject.splitlines()) > 1:
        found.append("subject: holds a line break")
    found += _text_problems("intro", draft.intro, MAX_INTRO_CHARACTERS, document, names)
    for step in draft.steps:
        found += _step_problems(step, feature, names)
    told = "\n".join([draft.intro, *(step.text for step in draft.steps)])
    if grade(told) > max(HARDEST_GRADE, *(grade(passage.text) for passage in passages(feature))):
        found.append("the draft is harder to read than the document")
    return found


def cited(step: DraftStep, feature: Feature) -> Passage | None:
    """The passage that a step's quote stands in."""
    own = [passage for passage in passages(feature) if passage.step == step.step]
    return next((passage for passage in own if flat(step.quote) in flat(passage.text)), None)


def _order_problems(told: list[str], feature: Feature, stuck_step: str) -> list[str]:
    order = [step.id for step in feature.steps]
    if len(set(told)) < len(told):
        return ["a step stands twice"]
    places = [order.index(step) for step in told if step in order]
    if places != sorted(places):
        return ["the steps are not in the document's order"]
    if stuck_step and told and told[0] != stuck_step:
        return ["the draft does not begin where people are stuck"]
    return []


def _step_problems(step: DraftStep, feature: Feature, names: Collection[str]) -> list[str]:
    if feature.step(step.step) is None:
        return ["a step id is not in the document"]
    where = f"step {step.step}"
    found = _text_problems(where, step.text, MAX_STEP_CHARACTERS, _source(step.step, feature), names)
    own = [passage.text for passage in passages(feature) if passage.step == step.step]
    if not _quotes(step.quote, own):
        found.append(f"{where}: the quoted span is not in its passage")
    return found


def _quotes(quote: str, own: Collection[str]) -> bool:
    """Whether it is a span of one of these passages, spacing and case aside."""
    words = flat(quote)
    if alphabet.hides(quote) or len(quote) > max(map(len, own)):
        return False
    long_enough = len(words) >= LEAST_QUOTE_CHARACTERS or words in map(flat, own)
    return bool(words) and long_enough and any(words in flat(text) for text in own)


def _text_problems(where: str, text: str, limit: int, source: str, names: Collection[str]) -> list[str]:
    if not text.strip() or len(text) > limit:
        return [f"{where}: empty or longer than {limit} characters"]
    return [f"{where}: {wrong}" for wrong in wording.problems(text, source, names)]


def _document(feature: Feature) -> str:
    hints = [hint.text for hint in feature.errors]
    steps = [f"{step.title}\n{step.text}" for step in feature.steps]
    # Without the marks of its headings: they are no signs of its words.
    body = re.sub(r"^#+ ", "", feature.body, flags=re.MULTILINE)
    return "\n".join([feature.title, feature.summary, *steps, *hints, body])


def _source(step_id: str, feature: Feature) -> str:
    """What a step's text may draw on: its own passages, and what the document says of no step at all."""
    own = feature.model_copy(
        update={
            "steps": tuple(step for step in feature.steps if step.id == step_id),
            "errors": tuple(hint for hint in feature.errors if hint.step == step_id),
        }
    )
    return _document(own)


def from_document(signature: Signature, feature: Feature) -> Draft:
    """The document's own words for this signature: the stuck step first, then what follows."""
    at = next((index for index, step in enumerate(feature.steps) if step.id == signature.stuck_step), 0)
    chosen = feature.steps[at : at + MAX_STEPS]
    hint = feature.hint(signature.reason)
    return Draft(
        feature=feature.slug,
        tone="plain",
        subject=f"Quick help with {_inside(feature.title)}"[:MAX_SUBJECT_CHARACTERS],
        intro=f"It looks like “{chosen[0].title}” is where this gets stuck. Here is how to get past it.",
        steps=tuple(
            _own_words(chosen, hint.text if hint and hint.step == chosen[0].id else "", _links(feature))
        ),
    )


def _inside(title: str) -> str:
    """A title inside a sentence; API keys keep their capitals."""
    first = title.partition(" ")[0]
    return title if first[1:] != first[1:].lower() else title[:1].lower() + title[1:]


def _own_words(steps: Iterable[Step], hint: str, links: Collection[str]) -> list[DraftStep]:
    told = []
    for index, step in enumerate(steps):
        text = hint if index == 0 and hint else step.text
        words = wording.plainly(text, links) or step.title
        told.append(DraftStep(step=step.id, text=words[:MAX_STEP_CHARACTERS], quote=text))
    return told


def _links(feature: Feature) -> set[str]:
    """Where a mail about this feature may lead: the addresses that stand in the front matter as such."""
    return {feature.url, *(step.url for step in feature.steps)}
