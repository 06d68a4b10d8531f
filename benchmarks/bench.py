"""The benchmark: the export's load and count beside the limit, and the MCP server beside a trivial one."""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from benchmarks import chat
from benchmarks.server import serving

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Days:
    """A set of made-up days: `count` of them from `first`, of `events` each, read in `requests` requests."""

    name: str
    first: date
    count: int
    events: int
    requests: int = 1
    once: bool = False
    """Read in the first round only."""

    @property
    def last(self) -> date:
        return self.first + timedelta(days=self.count - 1)

    @property
    def total(self) -> int:
        return self.count * self.events


@dataclass(frozen=True)
class Run:
    """One process: CPU seconds (user and system), wall seconds, and its peak of resident memory."""

    cpu: float
    wall: float
    peak_mb: float


def sets(scale: float, *, full: bool) -> list[Days]:
    def of(events: int) -> int:
        return max(20, int(events * scale))

    found = [
        Days("1M in a day", date(2026, 3, 2), 1, of(1_000_000)),
        Days("10 days x 100k", date(2026, 4, 1), 10, of(100_000)),
        Days("400k in a day", date(2026, 5, 4), 1, of(400_000)),
    ]
    if full:
        found += [
            Days("10M in a day", date(2026, 6, 2), 1, of(10_000_000), once=True),
            Days("90 days x 11k, 90 requests", date(2026, 7, 1), 90, of(11_000), 90, once=True),
        ]
    return found


LATE = Days("115k in a late day", date(2026, 2, 3), 1, 115_000)


def generate(folder: Path, days: Days) -> list[Path]:
    """The set's files; made in a process of its own, so that this one stays small."""
    code = (
        "import sys; from datetime import date, timedelta; from pathlib import Path; "
        "from benchmarks.gen import Crowd, write; folder, first, count, events = sys.argv[1:]; "
        "crowd = Crowd(1); [print(write(Path(folder), crowd, date.fromisoformat(first) + timedelta(days=n), "
        "int(events))) for n in range(int(count))]"
    )
    made = subprocess.run(
        [sys.executable, "-c", code, str(folder), days.first.isoformat(), str(days.count), str(days.events)],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return [Path(line) for line in made.stdout.splitlines()]


def measure(*arguments: str | Path) -> Run:
    """Run one case in a process of its own."""
    started = time.perf_counter()
    # A machine that never keeps Python's bytecode would measure the compiler in every case.
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-m", "benchmarks.cases", *map(str, arguments)]
    with subprocess.Popen(command, cwd=ROOT, env=kept, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        answer = child.stdout.read()
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise SystemExit(f"the case {arguments[0]} failed")
    wall = time.perf_counter() - started
    return Run(used.ru_utime + used.ru_stime, wall, json.loads(answer)["peak_kb"] / 1024)


def rounds(folder: Path, chosen: list[Days], count: int) -> dict[str, list[tuple[Run, Run]]]:
    """(ours, limit) of every set in every round: one after the other, so that both meet the same noise."""
    files = {days.name: generate(folder, days) for days in chosen}
    found: dict[str, list[tuple[Run, Run]]] = {days.name: [] for days in chosen}
    with serving([path for paths in files.values() for path in paths]) as url:
        for turn in range(count):
            for days in chosen:
                if turn and days.once:
                    continue
                limit = measure("limit", *files[days.name])
                ours = measure("ours", url, days.first.isoformat(), days.last.isoformat(), str(days.requests))
                found[days.name].append((ours, limit))
                sys.stderr.write(f"{days.name}: {ours} beside {limit}\n")
    return found


def late_day(folder: Path, scale: float, count: int) -> list[Run]:
    days = Days(LATE.name, LATE.first, 1, max(20, int(LATE.events * scale)))
    with serving(generate(folder, days)) as url, tempfile.TemporaryDirectory() as kept:
        runs = [measure("again", url, kept, days.first.isoformat()) for _ in range(count + 1)]
    return runs[1:]  # the first one makes the database: the day is there before it comes again


def table(found: dict[str, list[tuple[Run, Run]]], late: list[Run], chosen: list[Days]) -> str:
    rows = [
        "| days | CPU s | us/event | limit CPU s | limit us/event | ratio | wall s | peak MB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for days in chosen:
        pairs = found[days.name]
        ours, limit = (statistics.median(pair[side].cpu for pair in pairs) for side in (0, 1))
        ratio = statistics.median(mine.cpu / least.cpu for mine, least in pairs)
        wall = statistics.median(mine.wall for mine, _ in pairs)
        peak = max(mine.peak_mb for mine, _ in pairs)
        rows.append(
            f"| {days.name} | {ours:.2f} | {ours / days.total * 1e6:.2f} | {limit:.2f} | "
            f"{limit / days.total * 1e6:.2f} | {ratio:.2f} | {wall:.2f} | {peak:.0f} |"
        )
    cpu, wall = (statistics.median(getattr(run, what) for run in late) for what in ("cpu", "wall"))
    rows.append(
        f"| {LATE.name}, until committed | {cpu:.2f} | | | | | {wall:.2f} | "
        f"{max(run.peak_mb for run in late):.0f} |"
    )
    return "\n".join([*rows, "", *_against(found, late)])


def _against(found: dict[str, list[tuple[Run, Run]]], late: list[Run]) -> list[str]:
    """The figures that were asked for, each beside its bounds."""
    ratios = {name: statistics.median(a.cpu / b.cpu for a, b in pairs) for name, pairs in found.items()}
    peaks = {name: max(ours.peak_mb for ours, _ in pairs) for name, pairs in found.items()}
    walls = {name: statistics.median(ours.wall for ours, _ in pairs) for name, pairs in found.items()}
    rows: list[tuple[str, float, float, float, str]] = [
        ("CPU, 1M events in a day, against the limit", ratios["1M in a day"], 0, 2.2, "1.6"),
        ("CPU, 10 days x 100k, against the limit", ratios["10 days x 100k"], 0, 2.6, "1.7"),
        ("peak MB, days of 400k", peaks["400k in a day"], 0, 800, "500"),
        ("late day, wall s", statistics.median(run.wall for run in late), 0, 4, "2"),
    ]
    if "10M in a day" in found:
        one, ten = (
            statistics.median(ours.cpu for ours, _ in found[name]) for name in ("1M in a day", "10M in a day")
        )
        rows += [
            ("CPU per event, 10M over 1M", ten / one / 10, 0.8, 1.2, "1"),
            ("peak MB, 10M in a day", peaks["10M in a day"], 0, 1400, "1100"),
            ("90 small days, wall s", walls["90 days x 11k, 90 requests"], 0, 30, "15"),
        ]
    return [
        "| figure | measured | must | met | good |",
        "|---|---|---|---|---|",
        *(
            f"| {name} | {value:.2f} | {f'{least} to {most}' if least else most} | "
            f"{met(least <= value <= most)} | {good} |"
            for name, value, least, most, good in rows
        ),
    ]


def met(good: bool) -> str:
    return "yes" if good else "**no**"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--full", action="store_true", help="also 10M events in a day and 90 small days")
    options.add_argument("--quick", action="store_true", help="a smoke run on a thousandth of the events")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()) / "handrail-bench", help="keeps the days"
    )
    options.add_argument(
        "--peers", type=Path, help="also other tools: a folder with a virtual environment for each, by name"
    )
    asked = options.parse_args()
    scale, count = (0.001, 1) if asked.quick else (1.0, asked.rounds)
    chosen = sets(scale, full=asked.full)
    before = os.getloadavg()[0]
    found = rounds(asked.folder, chosen, count)
    late = late_day(asked.folder, scale, count)
    sys.stdout.write(
        f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, "
        f"load {before:.1f} before and {os.getloadavg()[0]:.1f} after; "
        f"medians of {count} interleaved rounds, a peak is the highest of them{SMOKE * asked.quick}\n\n"
        f"{table(found, late, chosen)}\n\n"
        f"{chat.table(*((1, 3) if asked.quick else (count, 50)))}\n"
    )
    if asked.peers:
        from benchmarks.peers import compare  # noqa: PLC0415  (which measures with this module)

        sys.stdout.write(f"\n{compare(asked.folder, asked.peers)}\n")


SMOKE = "; a smoke run: its figures mean nothing"

if __name__ == "__main__":
    main()
