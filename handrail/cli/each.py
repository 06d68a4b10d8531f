"""What a command does for each workspace where several are set up and none is named."""

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any

from handrail.cli import printing
from handrail.errors import HandrailError
from handrail.settings import Settings
from handrail.store.trouble import trouble
from handrail.workspaces import every

Told = tuple[dict[str, Any], str, bool]
"""What is printed as JSON, the same in words, and whether all is well."""

AGAIN_SECONDS = 60.0
"""After which a process that has ended is begun again: time for somebody to mend what ended it."""

log = logging.getLogger(__name__)


def tell_each(tell: Callable[[Settings], Told], *, as_json: bool) -> None:
    """Print one workspace's answer; of several each under its name, whatever becomes of the others.

    Exits with 1 where not all is well.
    """
    workspaces = every()
    if len(workspaces) == 1:
        values, words, well = tell(workspaces[0])
        printing.show(values, words, as_json=as_json)
    else:
        told = {each.workspace: _told(tell, each) for each in workspaces}
        words = "\n\n".join(f"{name}\n{'-' * len(name)}\n{one[1]}" for name, one in told.items())
        printing.show({name: one[0] for name, one in told.items()}, words, as_json=as_json)
        well = all(one[2] for one in told.values())
    if not well:
        sys.exit(1)


def _told(tell: Callable[[Settings], Told], settings: Settings) -> Told:
    try:
        return tell(settings)
    except Exception as error:
        words = str(error) if isinstance(error, HandrailError) else trouble(error)
        if words is None:
            raise
        return {"error": words}, f"FAIL  {words}", False


def run_each(workspaces: Sequence[Settings], *arguments: str) -> None:
    """Run a command that does not end, in a process for each workspace, until asked to stop.

    One that ends by itself is begun again, and the others never notice.
    """
    commands = {
        each.workspace: [sys.executable, "-m", "handrail.cli", "--workspace", each.workspace, *arguments]
        for each in workspaces
    }
    asyncio.run(side_by_side(commands))


async def side_by_side(commands: dict[str, list[str]], *, again: float = AGAIN_SECONDS) -> None:
    """Keep these commands running until SIGTERM or SIGINT, then end them and wait for their ends."""
    asked, loop = asyncio.Event(), asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, asked.set)
    kept = [asyncio.create_task(_keep(name, command, again)) for name, command in commands.items()]
    await asked.wait()
    for task in kept:
        task.cancel()
    await asyncio.gather(*kept, return_exceptions=True)


async def _keep(name: str, command: list[str], again: float) -> None:
    while True:
        process = await asyncio.create_subprocess_exec(*command)
        try:
            code = await process.wait()
        except asyncio.CancelledError:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()
            raise
        log.error("the process of workspace %s ended with %d: begun again in %.0f s", name, code, again)
        await asyncio.sleep(again)
