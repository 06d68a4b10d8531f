"""Tutorials: the checked text for a struggle signature."""

from datetime import datetime
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from handrail.domain.features import Feature
from handrail.domain.struggles import Signature

Style = Literal["plain", "checklist", "story"]
Tone = Literal["plain", "warm", "brief"]


class DraftStep(BaseModel):
    """One step as the model tells it. `quote` is the span of the passage it rests on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    step: str
    text: str
    quote: str


class Draft(BaseModel):
    """What the model hands in. It is checked before anybody sees it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    feature: str
    tone: Tone
    subject: str
    intro: str
    steps: tuple[DraftStep, ...]


class Tutorial(BaseModel):
    """Checked text. `source` says whose words they are."""

    model_config = ConfigDict(frozen=True)

    id: str
    signature: str
    feature: str
    stuck_step: str
    style: Style
    subject: str
    intro: str
    steps: tuple[DraftStep, ...]
    tone: Tone = "plain"
    source: Literal["model", "document"]
    refused_because: tuple[str, ...] = Field((), description="Why the model's draft was not used.")


class RefusedText(BaseModel):
    """A draft that did not pass the gate, for an operator to read. Nobody gets it."""

    model_config = ConfigDict(frozen=True)

    tutorial_id: str
    signature: str
    feature: str
    step: str
    version: str = Field(description="Of the document.")
    because: tuple[str, ...]
    draft: Draft
    at: datetime


class Task(NamedTuple):
    """One text that the model is to write; `example` is one that helped people with a struggle like it."""

    signature: Signature
    style: Style
    example: Tutorial | None = None


class ToldStep(BaseModel):
    """One step as a reader sees it. `title` is empty where the document has lost the step."""

    model_config = ConfigDict(frozen=True)

    title: str
    text: str
    stuck: bool


def told(tutorial: Tutorial, feature: Feature | None) -> tuple[ToldStep, ...]:
    """The steps in their order, titled by the document: what the mail and the page behind it both say."""
    titles = {step.id: step.title for step in feature.steps} if feature else {}
    return tuple(
        ToldStep(title=titles.get(step.step, ""), text=step.text, stuck=step.step == tutorial.stuck_step)
        for step in tutorial.steps
    )
