"""Who may do what over HTTP, and what is kept of each call."""

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, SecretStr


class Role(StrEnum):
    """Each includes those before it.

    `read` reads. `approve` also drafts, syncs, pauses, resumes and sends. `admin` also connects a project.
    """

    READ = "read"
    APPROVE = "approve"
    ADMIN = "admin"

    def includes(self, needed: "Role") -> bool:
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(needed)


class ApiToken(BaseModel):
    model_config = ConfigDict(frozen=True)

    name: str
    role: Role
    token: SecretStr


Outcome = Literal["ok", "error", "refused", "asked", "broken"]
"""An answer; an error in our words; no such tool, or not for this role; a question to the person; a crash."""


class ToolCall(BaseModel):
    """One call of a tool, for whoever has to account for it. `arguments` is a keyed hash of them."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    caller: str
    """A token's name, or `local` for whoever started this process."""
    tool: str
    account_id: str
    """Empty where the answer is of no single account."""
    milliseconds: int
    outcome: Outcome
    arguments: str
