"""A case: what a person asks, which tool answers it with which arguments, and what the answer has to say."""

from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

FOLDER = Path(__file__).parent / "cases"

Scalar = str | int | float | bool
Value = Scalar | dict[str, Any]
"""Itself, or the name of a truth with its arguments: `{users: {account: Acme}}`."""


class Case(BaseModel):
    """One case of `cases/*.yaml`. Tools that change something are not to be called unless they are named."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z0-9-]+$")
    asks: str = Field(description="In a customer success manager's words.")
    room: Literal["night", "empty", "planted"] = Field(
        "night", description="The store: after a night, before the first sync, or with planted event names."
    )
    tool: str = Field("", description="The tool that answers it; empty: none does, and none is to be called.")
    arguments: dict[str, Value] = Field(default_factory=dict)
    also: tuple[str, ...] = Field((), description="Tools that are acceptable, too, or may be asked before.")
    never: tuple[str, ...] = Field((), description="Tools that must not be called, beside those that change.")
    asks_back: bool = Field(default=False, description="The person has to be asked before it goes on.")
    says: tuple[Value, ...] = Field((), description="What the answer has to say, anywhere.")
    rows: tuple[tuple[Value, ...], ...] = Field((), description="What it has to say in one row.")
    never_says: tuple[Value, ...] = ()
    refused: str = Field("", description="The call is an error that says this.")

    @property
    def right(self) -> frozenset[str]:
        return frozenset({self.tool, *self.also} - {""})


@cache
def cases() -> tuple[Case, ...]:
    """All of them, by file and place. An id that comes twice raises."""
    found = [
        Case.model_validate(each)
        for path in sorted(FOLDER.glob("*.yaml"))
        for each in yaml.safe_load(path.read_text("utf-8"))
    ]
    if len({case.id for case in found}) < len(found):
        raise ValueError("Two cases have one id.")
    return tuple(found)
