"""`python -m evals` probes every case without a model; with `--model NAME` a model is asked, and counted."""

import argparse
import asyncio
import fnmatch
import json
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import anthropic

from evals import costs, model, page, report
from evals.cases import Case, cases
from evals.probe import probe
from evals.rooms import Rooms


def main() -> int:
    """Exit code 0 if every case holds (with a model: if every case was asked).

    A run of all cases writes the page of the last eval.
    """
    options = argparse.ArgumentParser(prog="python -m evals", description=__doc__)
    options.add_argument(
        "--model", default="", help="ask this model at ANTHROPIC_BASE_URL with ANTHROPIC_API_KEY"
    )
    options.add_argument("--cases", default="*", help="only cases whose id is like this, e.g. 'funnel-*'")
    options.add_argument("--json", action="store_true", help="print one JSON object (with --model)")
    asked = options.parse_args()
    chosen = [case for case in cases() if fnmatch.fnmatch(case.id, asked.cases)]
    with tempfile.TemporaryDirectory(prefix="handrail-evals-") as folder:
        rooms = Rooms(Path(folder))
        try:
            if asked.model:
                return _ask(chosen, rooms, asked.model, as_json=asked.json, told=asked.cases == "*")
            return asyncio.run(_probe(chosen, rooms, told=asked.cases == "*"))
        finally:
            rooms.close()


async def _probe(chosen: list[Case], rooms: Rooms, *, told: bool) -> int:
    findings = []
    async for finding in probe(chosen, rooms):
        findings.append(finding)
        if finding.skipped:
            sys.stdout.write(f"skipped  {finding.case.id}: {finding.skipped}\n")
        for wrong in finding.wrong:
            sys.stdout.write(f"WRONG    {finding.case.id}: {finding.case.tool} {wrong}\n")
    skipped = sum(bool(finding.skipped) for finding in findings)
    wrong_ones = sum(not finding.good for finding in findings)
    sys.stdout.write(f"{len(findings)} cases, {skipped} skipped, {wrong_ones} wrong\n")
    if told:
        spent = await costs.tasks(chosen, rooms)
        _tell(page.of_truth(findings, spent, now=datetime.now(UTC), commit=page.commit()))
    return min(wrong_ones, 1)


def _tell(text: str) -> None:
    page.PAGE.write_text(text, "utf-8")
    sys.stderr.write(f"{page.PAGE.relative_to(page.ROOT)} is written\n")


def _ask(chosen: list[Case], rooms: Rooms, name: str, *, as_json: bool, told: bool) -> int:
    try:
        client = anthropic.AsyncAnthropic()
        tasks = asyncio.run(_tasks(chosen, rooms, client, name))
    except (anthropic.AnthropicError, TypeError):
        sys.stderr.write("evals: set ANTHROPIC_API_KEY, and ANTHROPIC_BASE_URL if it is not the vendor's.\n")
        return 2
    if told:
        _tell(page.of_model(tasks, name, now=datetime.now(UTC), commit=page.commit()))
    counted = report.count(tasks)
    sys.stdout.write(
        (json.dumps(counted, indent=2) if as_json else report.words(counted, tasks, name)) + "\n"
    )
    return 0


async def _tasks(
    chosen: list[Case], rooms: Rooms, client: anthropic.AsyncAnthropic, name: str
) -> list[model.Task]:
    found = []
    for case in chosen:
        room = await asyncio.to_thread(rooms.enter, case.room)
        found.append(await model.ask(case, room, client, name))
        sys.stderr.write(f"{len(found)} of {len(chosen)}: {case.id}\n")
    return found


if __name__ == "__main__":
    sys.exit(main())
