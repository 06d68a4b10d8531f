"""A night at volume: 100,000 people who struggle and 5,000 mails, with neighbours that answer at once.

`python -m benchmarks.night` makes a world, serves it from a process of its own, and runs
`handrail agent run` on it once, as an operator would. It prints wall and CPU seconds and the peak of memory.
"""

import argparse
import gzip
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2

ROOT = Path(__file__).parents[1]
LAST = date(2026, 11, 19)
ACCOUNTS = 2000
ATTEMPTS = 4
"""One more than the least that counts as a struggle, on four days of the week."""
EVENTS = ("Source Connect Started", "Export Schedule Started")
"""Attempts of two features of the sample documents."""

PROJECT: dict[str, Any] = {
    "project_id": 4242,
    "name": "A crowd",
    "token": "0123456789abcdef0123456789abcdef",
    "username": "reader.crowd.mp-service-account",
    "secret": "crowd-secret",
    "timezone": "UTC",
    "created": "2025-01-01",
    "account_property": "company_id",
    "group_keys": {},
    "funnels": [],
    "cohorts": [],
    "reports": [],
    "dashboards": [],
    "now": datetime(2026, 11, 20, 2, tzinfo=UTC).isoformat(),
}


def write_world(folder: Path, people: int, accounts: int = ACCOUNTS) -> None:
    """`people` who each tried a feature four times in four days and never got through."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "events").mkdir(parents=True)
    (folder / "project.json").write_text(json.dumps(PROJECT), "utf-8")
    for back in range(ATTEMPTS):
        day = LAST - timedelta(days=back)
        noon = int(datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp())
        with gzip.open(
            folder / "events" / f"{day}.jsonl.gz", "wt", compresslevel=1, encoding="utf-8"
        ) as file:
            for person in range(people):
                moment = noon + person % 7200
                properties = {
                    "time": moment,
                    "distinct_id": f"person-{person:06}",
                    "$insert_id": f"i{back}-{person:06}",
                    "company_id": f"acct-{person % accounts:04}",
                    "mp_processing_time_ms": moment * 1000,
                }
                file.write(json.dumps({"event": EVENTS[person % 2], "properties": properties}) + "\n")
    with (folder / "profiles.jsonl").open("w", encoding="utf-8") as file:
        for person in range(people):
            known = {"$email": f"person-{person:06}@crowd.example", "$first_name": "Kim", "$timezone": "UTC"}
            file.write(json.dumps({"$distinct_id": f"person-{person:06}", "$properties": known}) + "\n")
    (folder / "groups.jsonl").write_text("", "utf-8")


def environment(base: str, data: Path, mails: int) -> dict[str, str]:
    """All settings of the night; nothing of this shell's own."""
    values = {
        "HANDRAIL_DATA_DIR": str(data),
        "HANDRAIL_SECRET_KEY": "a secret of the benchmark, long enough",
        "HANDRAIL_NOW": PROJECT["now"],
        "HANDRAIL_MIXPANEL_PROJECT_ID": str(PROJECT["project_id"]),
        "HANDRAIL_MIXPANEL_USERNAME": PROJECT["username"],
        "HANDRAIL_MIXPANEL_SECRET": PROJECT["secret"],
        "HANDRAIL_MIXPANEL_QUERY_URL": f"{base}/mixpanel",
        "HANDRAIL_MIXPANEL_EXPORT_URL": f"{base}/mixpanel",
        "HANDRAIL_BACKFILL_DAYS": "7",
        "ANTHROPIC_API_KEY": "sk-bench",
        "ANTHROPIC_BASE_URL": f"{base}/anthropic",
        "SENDGRID_API_KEY": "SG.bench",
        "HANDRAIL_SENDGRID_URL": f"{base}/sendgrid",
        "HANDRAIL_MAIL_FROM": "guides@vendor.example",
        "HANDRAIL_MAIL_POSTAL_ADDRESS": "Vendor, 1 Example Street",
        "HANDRAIL_SEND_MODE": "auto",
        "HANDRAIL_SEND_HOURS": "always",
        "HANDRAIL_RUN_CAP": str(mails),
    }
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, **values, "PYTHONPATH": str(ROOT)}


@contextmanager
def standins(world: Path) -> Iterator[str]:
    """The stand-ins in a process of their own; yields their address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "standin", "--world", str(world), "--port", str(port)]
    with subprocess.Popen(command, cwd=ROOT) as server:
        try:
            wait(f"http://127.0.0.1:{port}/control/ledger", server)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def wait(url: str, server: "subprocess.Popen[bytes]") -> None:
    """Until a server that was just started answers."""
    for _ in range(600):
        try:
            httpx2.get(url, timeout=5)
        except httpx2.TransportError:
            if server.poll() is not None:
                break
            time.sleep(0.1)
        else:
            return
    raise SystemExit(f"nothing answers at {url}")


def night(base: str, data: Path, mails: int) -> tuple[dict[str, Any], float, float, float]:
    """(report, wall s, CPU s, peak MB) of one `handrail agent run`."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "handrail.cli", "agent", "run", "--json"]
    with subprocess.Popen(
        command, cwd=data.parent, env=environment(base, data, mails), stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        said = child.stdout.read()
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise SystemExit(f"the night failed with exit code {child.returncode}")
    wall = time.perf_counter() - started
    return json.loads(said), wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--people", type=int, default=100_000)
    options.add_argument("--mails", type=int, default=5000)
    asked = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="handrail-night-") as kept:
        folder = Path(kept)
        write_world(folder / "world", asked.people)
        before = os.getloadavg()[0]
        with standins(folder / "world") as base:
            report, wall, cpu, peak = night(base, folder / "data", asked.mails)
            arrived = Counter(mail["to"] for mail in httpx2.get(f"{base}/control/mails", timeout=120).json())
            ledger = httpx2.get(f"{base}/control/ledger", timeout=120).json()
    sys.stdout.write(
        f"load {before:.1f} before, {os.getloadavg()[0]:.1f} after\n"
        f"people who struggle {report['struggling_users']}, mails sent {report['sent']}, "
        f"arrived {sum(arrived.values())}, the most to one person {max(arrived.values(), default=0)}, "
        f"withheld {sum(report['withheld'].values())}\n"
        f"counted questions {ledger}, model calls {report['model_calls']}\n"
        f"wall {wall:.0f} s, CPU {cpu:.0f} s, peak {peak:.0f} MB; must: 1800 s, 1500 MB\n"
        f"notes {report['notes']}\n"
    )


if __name__ == "__main__":
    main()
