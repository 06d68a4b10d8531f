"""Gaps: what people struggle with and the documents say nothing of."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

GapKind = Literal["no_document", "no_step", "no_errors", "unknown_reason", "refused_draft"]


class Gap(BaseModel):
    """One thing to write down, and how many people of the last nights it would have helped."""

    model_config = ConfigDict(frozen=True)

    kind: GapKind
    feature: str
    step: str = ""
    reason: str = ""
    people: int = Field(description="Who was stuck there in the last nights.")
    words: str
