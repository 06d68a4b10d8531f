"""Checks: what an installation needs, and whether it has it."""

from pydantic import BaseModel, ConfigDict


class Check(BaseModel):
    """One line of the doctor. `detail` says what was found, or what to do."""

    model_config = ConfigDict(frozen=True)

    name: str
    ok: bool
    detail: str
