"""`handrail agent run` that kills itself at a named point of its third send; the point is the argument."""

import os
import signal
import sys
from typing import Any

from handrail.cli import main
from handrail.flows import mailing
from handrail.services.mail.sendgrid import SendGrid
from handrail.store.deliveries import Deliveries

THIRD = 3

POINTS: dict[str, tuple[Any, str, bool]] = {
    "before the claim": (mailing, "claim", False),
    "inside the claim": (Deliveries, "keep", True),
    "after the claim": (mailing, "claim", True),
    "before the request": (SendGrid, "_post", False),
    "after the answer": (SendGrid, "_post", True),
    "inside the settling": (Deliveries, "settle", True),
    "after the settling": (mailing, "dispatch", True),
}
"""The function, and whether death comes after it instead of before."""


def arm(point: str) -> None:
    owner, name, after = POINTS[point]
    original = getattr(owner, name)
    calls = 0

    def die() -> None:
        nonlocal calls
        calls += 1
        if calls == THIRD:
            os.kill(os.getpid(), signal.SIGKILL)

    async def asynchronous(*given: Any, **named: Any) -> Any:
        if not after:
            die()
        answer = await original(*given, **named)
        if after:
            die()
        return answer

    setattr(owner, name, asynchronous)


if __name__ == "__main__":
    arm(sys.argv[1])
    sys.argv[1:] = ["agent", "run", "--json"]
    main()
