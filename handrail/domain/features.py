"""Features: one knowledge-base document each, with the events that tell how people fare."""

import unicodedata
from collections.abc import Sequence
from typing import Annotated, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

T = TypeVar("T")


def _seen(text: str) -> str:
    """YAML can spell what no reader sees and no database keeps."""
    if any(unicodedata.category(char) in ("Cc", "Cs") and char not in "\n\t" for char in text):
        raise ValueError("it holds a control character")
    return text


def _page(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or not url.isprintable() or " " in url:
        raise ValueError("write an address that begins with https://")
    return url


Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]
"""Stands in addresses, in citations and in the keys of texts."""
Plain = Annotated[str, AfterValidator(_seen)]
Said = Annotated[str, Field(min_length=1), AfterValidator(_seen)]
Url = Annotated[str, AfterValidator(_page)]


class FeatureEvents(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    attempt: Said
    success: Said
    error: Plain = ""
    help: Plain = ""
    """Somebody looked for help. It need be no event of the feature alone."""


Region = tuple[int, int, int, int]
"""A rectangle of a screenshot in its pixels: left, top, width, height."""


class Step(BaseModel):
    """One step of the document. `event` says that a person got this far.

    `region` is the place of the step on its screenshot: its own, or else the document's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Id
    event: Said
    title: Said
    url: Url
    text: Said
    screenshot: str = ""
    region: Region | None = None


class ErrorHint(BaseModel):
    """What to do about one reason of the error event, at one step."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: Said
    step: str
    text: Said


class Struggling(BaseModel):
    """When a use of this feature counts as a struggle (design: more than 3 attempts, under 30 %)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    more_than_attempts: int = Field(3, ge=0)
    completion_below: float = Field(0.30, ge=0, le=1)
    days: int = Field(7, ge=1, le=30)
    abandoned_after_minutes: int = Field(30, ge=1, le=7 * 24 * 60)
    """A step that the next does not follow in so many minutes was abandoned; by default a session's gap."""
    repeated_help: int = Field(3, ge=1)
    """So many views of help inside the days are a sign of trouble."""


class Adopting(BaseModel):
    """When an account counts as having taken up this feature, over the last 28 days."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    successes: int = Field(1, ge=1)
    """So many successes: adopted."""
    habitual_weeks: int = Field(3, ge=1, le=4)
    """A success in so many of the four weeks: habitual."""


def _once(found: tuple[T, ...], names: Sequence[str], what: str) -> tuple[T, ...]:
    again = next((name for at, name in enumerate(names) if name in names[:at]), None)
    if again is not None:
        raise ValueError(f"the {what} {again!r} is there twice")
    return found


class Feature(BaseModel):
    """A document of the knowledge base; its slug is its file's name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    slug: Id
    title: Said
    url: Url
    summary: Plain
    events: FeatureEvents
    steps: tuple[Step, ...] = Field(min_length=1)
    errors: tuple[ErrorHint, ...] = ()
    struggle: Struggling = Struggling()
    adoption: Adopting = Adopting()
    screenshot: str = ""
    body: str = ""
    version: str = ""

    @field_validator("steps")
    @classmethod
    def _each_step_once(cls, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        return _once(steps, [step.id for step in steps], "step")

    @field_validator("errors")
    @classmethod
    def _each_reason_once(cls, errors: tuple[ErrorHint, ...]) -> tuple[ErrorHint, ...]:
        return _once(errors, [hint.reason for hint in errors], "reason")

    def step(self, step_id: str) -> Step | None:
        return next((step for step in self.steps if step.id == step_id), None)

    def hint(self, reason: str) -> ErrorHint | None:
        return next((hint for hint in self.errors if hint.reason == reason), None)

    def event_names(self) -> tuple[str, ...]:
        """Attempt, steps, success and error, each once."""
        names = [
            self.events.attempt,
            *(step.event for step in self.steps),
            self.events.success,
            self.events.error,
        ]
        return tuple(dict.fromkeys(name for name in names if name))


class Passage(BaseModel):
    """A piece of a document that can be cited by `id`."""

    id: str = Field(description="Cite a passage by this id.")
    kind: str = Field(description="step, error or section.")
    step: str = Field(description="Step id, empty for a section.")
    title: str
    text: str
