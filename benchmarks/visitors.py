"""The dashboard under load: fifty people look at pages and programs ask REST while a night runs.

`python -m benchmarks.visitors` fills an installation with thousands of accounts, starts `handrail serve` and
`handrail agent run` on it as processes of their own, and lets its clients look around until the time is over.
A client asks, waits for the answer, thinks, and asks again.
"""

import argparse
import asyncio
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import httpx2

from benchmarks import book, night
from handrail.context import open_context
from handrail.domain.accounts import GroupProfile
from handrail.settings import Settings

THINKS = (1.0, 5.0)
"""Seconds between an answer and the next question of the same client, evenly spread."""

MUST_P95 = 0.3
PLACES: tuple[tuple[str, int], ...] = (
    ("/", 8),
    ("/?query=acct-00{n:02}", 4),
    ("/?sort_by=decline", 2),
    ("/accounts/acct-{account:04}", 8),
    ("/brief", 2),
    ("/api/accounts", 4),
    ("/api/mixpanel/events/acct-{account:04}", 8),
    ("/api/mixpanel/funnels/acct-{account:04}", 4),
    ("/api/alerts", 2),
    ("/api/tutorials", 2),
)
"""Paths and how often each is asked for beside the others."""


async def fill(settings: Settings, accounts: int) -> None:
    """Days before those of the world: a few accounts are large, and most are small."""
    rng = random.Random(7)
    people = {f"acct-{number:04}": 2 + 2000 // (number + 40) for number in range(accounts)}
    async with open_context(settings) as ctx:
        for back in range(book.DAYS, night.ATTEMPTS - 1, -1):
            day = night.LAST - timedelta(days=back)
            async with ctx.store.begin() as work:
                ids = await work.accounts.keep(
                    [GroupProfile(mixpanel_id=each, name=each) for each in people]
                    if back == book.DAYS
                    else [],
                    project_id=ctx.mixpanel.project_id,
                    now=ctx.clock.now(),
                )
                await work.metrics.replace_days(book.one_day(rng, people, day), ids, (day, day))


@contextmanager
def serving(env: Mapping[str, str], folder: Path) -> Iterator[str]:
    """`handrail serve` in a process of its own; yields its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "handrail.cli", "serve", "--port", str(port)]
    with subprocess.Popen(command, cwd=folder, env=dict(env)) as server:
        try:
            night.wait(f"http://127.0.0.1:{port}/healthz", server)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


class Seen:
    """What the clients met: seconds by kind of place, and everything that was no answer."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, list[float]] = defaultdict(list)
        self.errors: Counter[str] = Counter()


async def look_around(base: str, seen: Seen, seed: int, accounts: int, until: float) -> None:
    rng = random.Random(seed)
    kinds, weights = zip(*PLACES, strict=True)
    async with httpx2.AsyncClient(base_url=base, timeout=30) as client:
        await asyncio.sleep(rng.uniform(0, THINKS[1]))
        while time.monotonic() < until:
            [kind] = rng.choices(kinds, weights)
            place = kind.format(n=rng.randrange(100), account=min(int(rng.paretovariate(0.6)), accounts) - 1)
            started = time.perf_counter()
            try:
                answer = await client.get(place)
            except httpx2.TransportError as error:
                seen.errors[f"{kind}: {type(error).__name__}"] += 1
            else:
                seen.seconds[kind].append(time.perf_counter() - started)
                if answer.status_code != 200:
                    seen.errors[f"{kind}: {answer.status_code}"] += 1
            await asyncio.sleep(rng.uniform(*THINKS))


async def crowd(base: str, clients: int, accounts: int, seconds: float) -> Seen:
    seen, until = Seen(), time.monotonic() + seconds
    await asyncio.gather(*(look_around(base, seen, each, accounts, until) for each in range(clients)))
    return seen


def p95(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=20)[-1] if len(seconds) > 1 else seconds[0]


def table(seen: Seen) -> str:
    rows = ["| asked for | times | median ms | p95 ms |", "|---|---|---|---|"]
    for kind, _ in PLACES:
        if found := seen.seconds[kind]:
            rows.append(
                f"| {kind} | {len(found)} | {statistics.median(found) * 1000:.0f} | {p95(found) * 1000:.0f} |"
            )
    return "\n".join(rows)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--accounts", type=int, default=5000)
    options.add_argument("--people", type=int, default=100_000)
    options.add_argument("--clients", type=int, default=50)
    options.add_argument("--seconds", type=float, default=600)
    asked = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="handrail-visitors-") as kept:
        folder = Path(kept)
        night.write_world(folder / "world", asked.people, asked.accounts)
        _save_a_funnel(folder / "world" / "project.json")
        with night.standins(folder / "world") as base:
            env = night.environment(base, folder / "data", 5000) | {"HANDRAIL_API_RATE": "1000000"}
            asyncio.run(fill(_settings(env), asked.accounts))
            _run(env, folder, "sync")
            with serving(env, folder) as served:
                command = [sys.executable, "-m", "handrail.cli", "agent", "run", "--json"]
                with subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.PIPE) as run:
                    before = os.getloadavg()[0]
                    seen = asyncio.run(crowd(served, asked.clients, asked.accounts, asked.seconds))
                    ended = run.poll() is not None
                    everything = [each for found in seen.seconds.values() for each in found]
                    sys.stdout.write(
                        f"{table(seen)}\n\n{asked.clients} clients, {asked.accounts} accounts, "
                        f"{asked.seconds:.0f} s, {len(everything)} answers, load {before:.1f} before\n"
                        f"p95 {p95(everything) * 1000:.0f} ms; must: {MUST_P95 * 1000:.0f} ms\n"
                        f"errors {sum(seen.errors.values())}{dict(seen.errors) or ''}; must: 0\n"
                    )
                    sys.stdout.flush()
                    report = json.loads(run.communicate()[0] or "{}")
    sys.stdout.write(
        f"the night: {report.get('sent')} mails sent, "
        f"{'over before the clients were' if ended else 'ran for as long as the clients did'}\n"
    )


def _save_a_funnel(file: Path) -> None:
    """So that the pages have one to tell of."""
    project = json.loads(file.read_text("utf-8"))
    steps = [{"event": event} for event in book.EVENTS[:2]]
    saved = {"funnel_id": 7, "name": "To a report", "steps": steps, "length": 7, "length_unit": "day"}
    file.write_text(json.dumps({**project, "funnels": [saved]}), "utf-8")


def _settings(env: Mapping[str, str]) -> Settings:
    """The settings of the processes to come, in this one."""
    os.environ.update({name: value for name, value in env.items() if name != "PYTHONPATH"})
    return Settings.load(_env_file=None)


def _run(env: Mapping[str, str], folder: Path, command: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "handrail.cli", command], cwd=folder, env=dict(env), check=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


if __name__ == "__main__":
    main()
