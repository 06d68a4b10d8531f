"""A night's bulk as one message batch: half the price, and an answer within the hour."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import anthropic
from mcp import Client
from mcp.types import TextContent

from handrail.domain.tutorials import Task
from handrail.services.model import asking
from handrail.services.model.asking import Purse, Written

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
"""Seconds between two looks at a batch; they double."""

Tasks = Mapping[str, Task]

log = logging.getLogger(__name__)


async def write_all(
    client: anthropic.AsyncAnthropic,
    model: str,
    purse: Purse,
    tasks: Tasks,
    catalogue: Client,
    patience: float,
    found: dict[str, Written],
) -> None:
    """Put what comes of these tasks within `patience` seconds into `found`, by the tasks' ids.

    A batch that an earlier run handed in is fetched and not paid again. One that is not ready in time is
    called off; its calls stay counted as the most that they can cost. Raises `anthropic.APIError`.
    """
    ends = asyncio.get_running_loop().time() + patience
    for batch in await purse.waiting():
        if set(batch.calls) & set(tasks):
            await _fetch(client, purse, batch.id, batch.calls, ends, found)
    left = {each: task for each, task in tasks.items() if each not in found}
    if left:
        calls = await _hand_in(client, model, purse, left, catalogue)
        for batch_id, numbers in calls.items():
            await _fetch(client, purse, batch_id, numbers, ends, found)


async def _hand_in(
    client: anthropic.AsyncAnthropic, model: str, purse: Purse, tasks: Tasks, catalogue: Client
) -> dict[str, Mapping[str, int]]:
    """The new batch with its calls, as far as the money reaches, kept before anybody waits for it."""
    features = dict.fromkeys(task.signature.feature for task in tasks.values())
    read = {feature: await _material(catalogue, feature) for feature in features}
    bodies = {}
    # Tasks of one feature stand together, so that what they share is still cached.
    for each, task in sorted(tasks.items(), key=lambda item: item[1].signature.key):
        content = [read[task.signature.feature], asking.task(task)]
        bodies[each] = {**asking.request(model), "messages": [{"role": "user", "content": content}]}
    slots = await purse.reserve([asking.size(body) for body in bodies.values()], batch=True)
    calls = dict(zip(bodies, slots, strict=False))
    if not calls:
        return {}
    requests: Any = [{"custom_id": each, "params": bodies[each]} for each in calls]
    try:
        batch = await client.messages.batches.create(requests=requests)
    except anthropic.APIStatusError:
        await purse.give_back(slots)
        raise
    await purse.handed_in(batch.id, calls)
    return {batch.id: calls}


async def _material(catalogue: Client, feature: str) -> dict[str, Any]:
    """What the model would read through its tools of this feature, read for it."""
    told = []
    for tool in (await catalogue.list_tools()).tools:
        answer = await catalogue.call_tool(tool.name, {"feature": feature})
        if not answer.is_error:
            told += [block.text for block in answer.content if isinstance(block, TextContent)]
    return asking.material("\n".join(text[: asking.MAX_TOOL_RESULT] for text in told) or "Nothing is known.")


async def _fetch(
    client: anthropic.AsyncAnthropic,
    purse: Purse,
    batch_id: str,
    calls: Mapping[str, int],
    ends: float,
    found: dict[str, Written],
) -> None:
    """Wait for a batch and put its answers into `found`, each paid for as it is read."""
    try:
        async with asyncio.timeout_at(ends):
            pause = FIRST_PAUSE
            while (await client.messages.batches.retrieve(batch_id)).processing_status != "ended":
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
    except TimeoutError:
        log.warning("a batch of %d texts was not ready in time and is called off", len(calls))
        await client.messages.batches.cancel(batch_id)
        await purse.fetched(batch_id)
        return
    except anthropic.NotFoundError:
        await purse.fetched(batch_id)
        return
    async for answer in await client.messages.batches.results(batch_id):
        call = calls.get(answer.custom_id)
        if call is None:
            continue
        if answer.result.type != "succeeded":
            await purse.give_back([call])
        elif asking.is_message(answer.result.message):
            written = Written(calls=1, usage=asking.usage_of(answer.result.message))
            await purse.book(call, written.usage, batch=True)
            asking.read(written, answer.result.message)
            found[answer.custom_id] = written
    await purse.fetched(batch_id)
