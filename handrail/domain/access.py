"""Who may do what, of which accounts they may know, and what is kept of each call."""

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


class Sees(BaseModel):
    """The accounts that a reader may know of: those with one of these values. Nobody who sees all has one."""

    model_config = ConfigDict(frozen=True)

    by: Literal["csm", "segment", "account"]
    """The account's CSM or segment, from `handrail accounts import`, or its id: Handrail's or Mixpanel's."""
    values: tuple[str, ...]


Reach = Literal["accounts", "same", "refused"]
"""What a reader who sees some accounts gets of a tool, a route or a resource.

`accounts`: the answer for their accounts alone. `same`: what everybody gets, for it tells of no account.
`refused`: nothing, for it is of all accounts together, or of the installation.
"""

NOT_YOURS = "This is of all accounts, and you see some of them: ask somebody who sees all."


class ApiToken(BaseModel):
    model_config = ConfigDict(frozen=True)

    name: str
    role: Role
    token: SecretStr
    sees: Sees | None = None
    """None: every account."""


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
