"""Several ways to ask one question of Mixpanel, and which of them a project does not offer."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Generic, NamedTuple, TypeVar

from handrail.context import ToolContext
from handrail.errors import CallerError, NotInThePlan, NotOffered, RateLimited, UpstreamError

TRIED_AGAIN = timedelta(days=7)
"""Plans and APIs change: a route that was not offered is tried again after so long."""

Answer = TypeVar("Answer")

log = logging.getLogger(__name__)


class Route(NamedTuple, Generic[Answer]):
    """One way of asking. Its name stands in the answer; it answers None where accounts are missing."""

    name: str
    ask: Callable[[], Awaitable[Answer | None]]


async def first_answer(
    ctx: ToolContext, question: str, routes: Sequence[Route[Answer]], *, of: str = ""
) -> tuple[Answer, str]:
    """The first answer that leaves nobody out, and the name of its route.

    `of` names the one thing of several that is asked about: what only it lacks closes no route of the others.
    What the project does not offer is remembered and not asked again for a week; what failed this once is
    asked again. Raises the last route's refusal as an `UpstreamError`; without budget at once, since all
    routes draw on the same hour.
    """
    project = str(ctx.mixpanel.project_id)
    async with ctx.store.read() as work:
        since = ctx.clock.now() - TRIED_AGAIN
        closed = await work.routes.closed(project, question, since)
        closed |= await work.routes.closed(project, f"{question} {of}", since) if of else set()
    refusal: UpstreamError = NotOffered(f"This project does not tell {question}.")
    for route in routes:
        if route.name in closed:
            continue
        try:
            answer = await route.ask()
            if answer is not None:
                return answer, route.name
            refusal = NotOffered(f"Mixpanel tells {question} for some accounts only.")
        except RateLimited:
            raise
        except UpstreamError as failure:
            refusal = failure
        except CallerError as failure:
            refusal = UpstreamError(str(failure))
        log.warning("%s, asked by %s: %s", question, route.name, refusal)
        if isinstance(refusal, NotOffered):
            closes = f"{question} {of}" if of and not isinstance(refusal, NotInThePlan) else question
            async with ctx.store.begin() as work:
                await work.routes.close(project, closes, route.name, why=str(refusal), now=ctx.clock.now())
    raise refusal
