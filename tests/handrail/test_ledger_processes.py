"""One budget for several processes: they ask at once, and Mixpanel never has to refuse."""

import subprocess
import sys
from pathlib import Path

from handrail.context import ToolContext
from standin.state import Standin
from tests.agent.test_kill import ROOT, environment

ASK = """
import asyncio
from handrail.context import open_context
from handrail.errors import RateLimited
from handrail.settings import Settings

async def main():
    answered = refused = 0
    async with open_context(Settings.load(), actor="chat") as ctx:
        for _ in range(10):
            try:
                await ctx.mixpanel.list_funnels()
                answered += 1
            except RateLimited:
                refused += 1
    print(answered, refused)

asyncio.run(main())
"""


def test_three_processes_share_the_twenty_questions_of_chat(
    empty_ctx: ToolContext, standins: Standin, tmp_path: Path
) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", ASK],
            env={**environment(empty_ctx.settings), "PYTHONPATH": str(ROOT)},
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    counts = [list(map(int, process.communicate(timeout=120)[0].split())) for process in processes]

    assert all(process.returncode == 0 for process in processes)
    assert sum(answered for answered, _ in counts) == 20
    assert sum(refused for _, refused in counts) == 10
    assert [each["status"] for each in standins.requests] == [200] * 20, "what was refused was never asked"
