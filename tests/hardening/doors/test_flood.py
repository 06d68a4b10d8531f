"""The mail service's events at the rate of a large sender: all are taken, once, in bounded memory."""

import asyncio
import os
import random
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx2

from benchmarks.night import wait
from handrail.context import open_context
from tests import databases
from tests.hardening.conftest import Promise
from tests.hardening.counts import FULL
from tests.hardening.doors.asking import settings_of
from tests.hardening.doors.mails import mailed
from tests.hardening.doors.posts import body_of, event, headers_of, key_of, public

ROOT = Path(__file__).parents[3]
MAILS = 2000 if FULL else 200
IN_A_POST = 500
POSTS = 240 if FULL else 12
A_SECOND = 2000
AT_ONCE = 8
MOST_MEMORY = 512 << 20
NAMES = ("processed", "deferred", "delivered", "open", "click")
AGAIN = 4
"""Every fourth post is posted once more, as after an answer that was lost."""


@contextmanager
def serving(folder: Path) -> Iterator[tuple[str, int]]:
    """`handrail serve` in a process of its own; yields its address and its process id."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    env = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "HANDRAIL_DATA_DIR": str(folder / "data"),
        "HANDRAIL_DATABASE_URL": databases.address(folder / "data"),
        "HANDRAIL_SECRET_KEY": "a secret of the tests, long enough",
        "HANDRAIL_SENDGRID_WEBHOOK_KEY": public(key_of()),
    }
    command = [sys.executable, "-m", "handrail.cli", "serve", "--port", str(port)]
    with subprocess.Popen(command, cwd=folder, env=env) as server:
        try:
            wait(f"http://127.0.0.1:{port}/healthz", server)
            yield f"http://127.0.0.1:{port}", server.pid
        finally:
            server.terminate()


def most_memory(pid: int) -> int:
    """Bytes that the process had in memory at its peak."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text("ascii"))
    assert found
    return int(found[1]) * 1024


def posts_of(ids: list[str]) -> list[bytes]:
    """Events that are all different, in bodies of `IN_A_POST`."""
    rng = random.Random(8)
    now = int(datetime.now(UTC).timestamp())
    return [
        body_of(
            [
                event(
                    ids[(at := post * IN_A_POST + each) % MAILS],
                    NAMES[at % 5],
                    now - 80_000 + at // MAILS,
                    rng,
                )
                for each in range(IN_A_POST)
            ]
        )
        for post in range(POSTS)
    ]


async def poured(base: str, posts: list[bytes], *, a_second: int) -> tuple[int, float]:
    """Post all of it, no faster than `a_second` events (0: as fast as it goes); (events kept, seconds)."""
    kept, waiting = 0, iter(enumerate(posts))
    began = time.monotonic()

    async def sender(client: httpx2.AsyncClient) -> None:
        nonlocal kept
        for at, raw in waiting:
            due = began + at * IN_A_POST / a_second if a_second else 0.0
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            for _ in range(2 if at % AGAIN == 0 else 1):
                answer = await client.post(
                    f"{base}/hooks/sendgrid", content=raw, headers=dict(headers_of(raw, datetime.now(UTC)))
                )
                assert answer.status_code == 200, answer.text
                kept += answer.json()["kept"]

    async with httpx2.AsyncClient(trust_env=False, timeout=120) as client:
        await asyncio.gather(*(sender(client) for _ in range(AT_ONCE)))
    return kept, time.monotonic() - began


async def test_every_event_of_a_flood_is_taken_once_in_bounded_memory(
    tmp_path: Path, promise: Promise
) -> None:
    async with open_context(settings_of(tmp_path / "data")) as ctx:
        ids = [each.delivery.id for each in await mailed(ctx, MAILS)]
    posts = posts_of(ids)
    total = POSTS * IN_A_POST
    with serving(tmp_path) as (base, pid):
        kept, seconds = await poured(base, posts, a_second=A_SECOND if FULL else 0)
        memory = most_memory(pid)
    with databases.tables(tmp_path / "data") as database:
        [(rows, mails)] = database.execute("select count(*), count(distinct delivery_id) from feedback")

    told = total + len(range(0, POSTS, AGAIN)) * IN_A_POST
    assert kept == rows == total
    assert mails == min(MAILS, total)
    assert memory < MOST_MEMORY
    promise(
        f"flood of events: {rows:,} of {total:,} taken once, {told / seconds:,.0f} a second with "
        f"repeats over {seconds:.0f} s, {memory >> 20} MB at most"
    )
