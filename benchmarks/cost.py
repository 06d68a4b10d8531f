"""What a night costs by 1,000 accounts: questions to Mixpanel, tokens of the model, mails.

`python -m benchmarks.cost` runs one night over the stand-ins for each number of people who are stuck, and
prints a row of `docs/scaling.md` for each. Prompts are the real ones; the answers are the stand-in's, which
counts four characters as one token.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import httpx2

from benchmarks import night

ACCOUNTS = 1000


def measure(people: int, mails: int) -> str:
    with tempfile.TemporaryDirectory(prefix="handrail-cost-") as kept:
        folder = Path(kept)
        night.write_world(folder / "world", people, ACCOUNTS)
        with night.standins(folder / "world") as base:
            report, wall, cpu, _ = night.night(base, folder / "data", mails)
            asked = httpx2.get(f"{base}/control/ledger", timeout=120).json()
            arrived = len(httpx2.get(f"{base}/control/mails", timeout=120).json())
    read = report["input_tokens"] + report["cache_write_tokens"] + report["cache_read_tokens"]
    cells = [
        f"{people:,}",
        f"{arrived:,}",
        asked["counted_last_hour"],
        asked["export_last_hour"],
        report["tutorials"],
        report["model_calls"],
        f"{read:,}",
        f"{report['output_tokens']:,}",
        f"{report['model_usd']:.4f}",
        f"{cpu:.0f}",
        f"{wall:.0f}",
    ]
    endpoints = ", ".join(f"{name} {count}" for name, count in sorted(asked["by_endpoint"].items()))
    return f"| {' | '.join(map(str, cells))} |\n  {endpoints}; withheld {report['withheld']}\n"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--people", type=int, nargs="+", default=[200, 1000, 3000])
    options.add_argument("--mails", type=int, default=500)
    asked = options.parse_args()
    for people in asked.people:
        sys.stdout.write(measure(people, asked.mails))
        sys.stdout.flush()


if __name__ == "__main__":
    main()
