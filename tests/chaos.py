"""Nights whose processes are killed at random, and what is counted afterwards where the mails arrive.

`make chaos` kills 200 times over runs of 2,000 people; the suite does the same on a smaller scale.
"""

import asyncio
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from handrail.context import open_context
from handrail.domain.deliveries import Delivery, Status
from handrail.settings import Settings
from standin.server import running
from standin.state import Standin
from tests import crowd, postgres
from tests.agent.test_kill import ROOT, environment
from tests.conftest import settings_for

FINAL = {Status.SENT, Status.UNKNOWN, Status.FAILED, Status.WITHHELD}
PATIENCE = 900
"""Seconds after which a run counts as stuck."""


@dataclass
class Outcome:
    """What a run came to; `wrong` names every promise that it broke."""

    people: int
    kills: int
    fenced: int
    seconds: float
    states: Counter[str]
    wrong: list[str] = field(default_factory=list)


class Workers:
    """Processes that run the same night; who dies is started again at once.

    The first `along` of them have no clock and begin no night; `program` is the module of the command line.
    """

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        count: int,
        *,
        along: int = 0,
        program: str = "handrail.cli",
    ) -> None:
        self.environment = {
            **environment(settings),
            "HANDRAIL_ACCOUNT_CAP": str(settings.account_cap),
            "HANDRAIL_RUN_CAP": str(settings.run_cap),
            "HANDRAIL_HOLDOUT": str(settings.holdout),
            "HANDRAIL_BACKFILL_DAYS": str(settings.backfill_days),
            "HANDRAIL_MIXPANEL_ACCOUNT_PROPERTY": "company_id",
            "HANDRAIL_KB_DIR": str(settings.kb_dir),
            "HANDRAIL_DATABASE_URL": settings.database_url,
            "PYTHONPATH": str(ROOT),
        }
        self._folder, self._along, self._program = folder, along, program
        self.running = {number: self.start(number) for number in range(count)}
        self.fenced = 0

    def start(self, number: int) -> "subprocess.Popen[bytes]":
        words = ["start", "--worker"] if number < self._along else ["run", "--json"]
        with (self._folder / f"worker-{number}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", self._program, "agent", *words],
                env={**self.environment, "HANDRAIL_WORKER": f"worker-{number}"},
                cwd=self._folder,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )

    def kill_one(self, rng: random.Random) -> bool:
        alive = [number for number, process in self.running.items() if process.poll() is None]
        if not alive:
            return False
        number = rng.choice(alive)
        self.running[number].send_signal(signal.SIGKILL)
        self.running[number].wait()
        self.running[number] = self.start(number)
        return True

    def revive(self) -> bool:
        """Start those again that ended badly; False once all that run the night have ended well."""
        busy = False
        for number, process in list(self.running.items()):
            code = process.poll()
            busy = busy or (code != 0 and number >= self._along)
            if code not in (None, 0):
                self.fenced += 1
                self.running[number] = self.start(number)
        return busy

    def log(self, number: int) -> str:
        return (self._folder / f"worker-{number}.log").read_text()

    def last_words(self) -> str:
        logs = sorted(self._folder.glob("worker-*.log"))
        return "".join(f"{log.name}: {log.read_text()[-2000:]}\n" for log in logs)

    def end(self) -> None:
        for process in self.running.values():
            process.kill()
            process.wait()


async def chaos(
    *,
    people: int,
    kills: int,
    workers: int,
    seed: int,
    database: str = "",
    late_seconds: float = 11.0,
    along: int = 0,
) -> Outcome:
    """One night of `people` mails with faults and kills; `database` is a PostgreSQL's, else on SQLite.

    `along` of the workers have no clock.
    """
    rng = random.Random(seed)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with running(crowd.generate(folder / "world", people)) as standins:
            settings = settings_for(standins, folder / "data", database_url=database, **crowd.OPEN)
            _spoil(standins, late_seconds)
            group = Workers(settings, folder, workers, along=along)
            try:
                killed = await _kill(group, standins, rng, people, kills)
                await _wait(group, began)
            finally:
                group.end()
            async with open_context(settings) as ctx, ctx.store.read() as work:
                made = await work.deliveries.of_night(crowd.LAST)
            outcome = Outcome(people, killed, group.fenced, time.monotonic() - began, Counter())
            judge(outcome, made, standins.mails)
            if outcome.wrong:
                sys.stderr.write(group.last_words())
            return outcome


def _spoil(standins: Standin, late_seconds: float) -> None:
    """Of a hundred mails five meet a 500, and one is taken and answered too late."""
    route = {"neighbour": "sendgrid", "route": "/mail/send"}
    standins.faults.add({**route, "fault": "status", "status": 500, "share": 0.05})
    late: dict[str, Any] = {"fault": "answer_late", "seconds": late_seconds}
    standins.faults.add({**route, **(late if late_seconds else {"fault": "answer_lost"}), "share": 0.01})


async def _kill(group: Workers, standins: Standin, rng: random.Random, people: int, kills: int) -> int:
    """Kill one of the workers each time another so many mails have arrived; some die before the first."""
    killed = 0
    for mails in sorted(rng.randrange(int(people * 0.9)) for _ in range(kills)):
        while len(standins.mails) < mails and group.revive():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        killed += group.kill_one(rng)
    return killed


async def _wait(group: Workers, began: float) -> None:
    while group.revive():
        if time.monotonic() - began > PATIENCE:
            return
        await asyncio.sleep(0.05)


def judge(outcome: Outcome, made: list[Delivery], mails: list[dict[str, Any]]) -> None:
    """Hold the rows against the mails that arrived."""
    outcome.states.update(each.status.value for each in made)
    arrived = Counter(mail["custom_args"]["handrail_delivery"] for mail in mails)
    people = Counter(mail["to"] for mail in mails)
    sent = {each.id for each in made if each.status is Status.SENT}
    unknown = {each.id for each in made if each.status is Status.UNKNOWN}
    held = [
        ("mailed twice", sum(count - 1 for count in people.values())),
        ("without a decision", outcome.people - len({each.user_key for each in made})),
        ("in no final state", sum(each.status not in FINAL for each in made)),
        ("called sent and never arrived", len(sent - arrived.keys())),
        ("arrived and neither sent nor unknown", len(arrived.keys() - sent - unknown)),
        ("withheld or failed without cause", sum(each.reason not in ("", "not_checked") for each in made)),
    ]
    outcome.wrong += [f"{count} {words}" for words, count in held if count]


async def main() -> int:
    """200 kills: one worker on SQLite, two and four on PostgreSQL; of four, all but one without a clock."""
    runs, people, kills = int(os.environ.get("RUNS", "20")), 2000, 10
    failed = total = 0
    with postgres.server() as address:
        for run in range(runs):
            workers = (1, 2, 4)[run % 3]
            with postgres.database(address) as name:
                url = f"postgresql+asyncpg://{name}" if workers > 1 else ""
                outcome = await chaos(
                    people=people,
                    kills=kills,
                    workers=workers,
                    seed=run,
                    database=url,
                    along=3 if workers > 3 else 0,
                )
            total += outcome.kills
            failed += bool(outcome.wrong)
            states = ", ".join(f"{count} {state}" for state, count in sorted(outcome.states.items()))
            verdict = "; ".join(outcome.wrong) or "0 twice, 0 lost"
            print(  # noqa: T201
                f"{workers} workers, {outcome.kills} kills, {outcome.fenced} ended themselves, "
                f"{outcome.seconds:.0f} s: {states}: {verdict}",
                flush=True,
            )
    print(f"{total} kills in {runs} runs, {failed} runs broke a promise")  # noqa: T201
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
