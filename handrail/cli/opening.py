"""Running one piece of work over an open context, as every command does."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from handrail.cli.logs import set_up_as_told
from handrail.context import ToolContext, open_context
from handrail.domain.deliveries import Actor
from handrail.ending import end_when_asked
from handrail.settings import Settings
from handrail.workspaces import at_work, one

T = TypeVar("T")


def with_context(
    work: Callable[[ToolContext], Awaitable[T]], *, actor: Actor = "shell", settings: Settings | None = None
) -> T:
    """Open everything by the workspace's settings, do the work, and close it again."""
    settings = settings or one()
    set_up_as_told(settings)

    async def opened() -> T:
        async with open_context(settings, actor=actor) as ctx:
            end_when_asked(1, "stopped before the end; run it again, and it goes on from here.")
            return await work(ctx)

    with at_work(settings.workspace):
        return asyncio.run(opened())
