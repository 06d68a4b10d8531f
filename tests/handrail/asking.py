"""What a process of its own does in the tests of the ledger: ask Mixpanel many questions at once."""

import asyncio
from collections import Counter

from handrail.context import open_context
from handrail.domain.deliveries import Actor
from handrail.errors import RateLimited
from handrail.settings import Settings


def ask(settings: Settings, actor: Actor, times: int) -> Counter[str]:
    """How many questions were answered, and how many the ledger refused. Anything else is raised."""
    return asyncio.run(_ask(settings, actor, times))


async def _ask(settings: Settings, actor: Actor, times: int) -> Counter[str]:
    async with open_context(settings, actor=actor) as ctx:
        questions = [ctx.mixpanel.queries.event_names() for _ in range(times)]
        answers = await asyncio.gather(*questions, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException) and not isinstance(answer, RateLimited):
            raise answer
    return Counter("refused" if isinstance(answer, RateLimited) else "answered" for answer in answers)
