"""Other tools that read Mixpanel's export, measured beside ours: each does its ordinary export, no more."""

import os
import statistics
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from benchmarks.bench import Days, generate, measure, met
from benchmarks.server import serving

PATIENCE = 900.0
"""Seconds for one tool's run; one of them sleeps a minute after every request."""

LARGE = Days("280k", date(2026, 8, 4), 1, 280_000)
SMALL = Days("20k", date(2026, 8, 5), 1, 20_000)

_HERE = """
import re, requests
prepare_url = requests.PreparedRequest.prepare_url
def prepare(self, url, params):
    prepare_url(self, re.sub(r"https://[a-z.-]*mixpanel[.]com", base, url), params)
requests.PreparedRequest.prepare_url = prepare
"""
"""Leads a tool whose hosts are fixed to the loopback server; nothing else of it is changed."""

_HEADLESS = """
import json, os
os.environ |= dict(MP_API_BASE_URL=base, MP_APP_BASE_URL=base, MP_USERNAME="benchmark", MP_SECRET="benchmark",
                   MP_PROJECT_ID="1", MP_REGION="us", HOME=os.getcwd())
from mixpanel_headless import Workspace
for event in Workspace().stream_events(from_date=day, to_date=day, raw=True):
    print(json.dumps(event))
"""

_UTILS = """
from mixpanel_utils import MixpanelUtils
found = MixpanelUtils("benchmark", service_account_username="benchmark", project_id=1)
found.raw_api = base + "/api"
found.export_events("events.json", {"from_date": day, "to_date": day}, add_gzip_header=True)
"""

_TAP = """
import json, sys
json.dump(dict(project_timezone="UTC", api_secret="benchmark", attribution_window="5",
    start_date=day + "T00:00:00Z", end_date=day + "T23:59:59Z", date_window_size="1", user_agent="benchmark",
    select_properties_by_default="true"), open("config.json", "w"))
import tap_mixpanel
from tap_mixpanel.client import MixpanelClient
sys.argv = ["tap-mixpanel", "--config", "config.json", "--discover"]
import io, contextlib
with contextlib.redirect_stdout(io.StringIO()) as found:
    tap_mixpanel.main()
catalog = json.loads(found.getvalue())
for stream in catalog["streams"]:
    for entry in stream["metadata"]:
        if not entry["breadcrumb"]:
            entry["metadata"]["selected"] = stream["tap_stream_id"] == "export"
json.dump(catalog, open("catalog.json", "w"))
sys.argv = ["tap-mixpanel", "--config", "config.json", "--catalog", "catalog.json"]
tap_mixpanel.main()
"""

_AIRBYTE = """
import json, sys
json.dump(dict(credentials=dict(username="benchmark", secret="benchmark", project_id=1),
    start_date=day + "T00:00:00Z", end_date=day + "T23:59:59Z", region="US",
    project_timezone="UTC", attribution_window=0, date_window_size=1),
    open("config.json", "w"))
stream = dict(name="export", json_schema={}, supported_sync_modes=["full_refresh"])
json.dump(dict(streams=[dict(stream=stream, sync_mode="full_refresh", destination_sync_mode="append")]),
    open("catalog.json", "w"))
sys.argv = ["source-mixpanel", "read", "--config", "config.json", "--catalog", "catalog.json"]
from source_mixpanel.run import run
run()
"""


@dataclass(frozen=True)
class Peer:
    """A tool: the day it reads, how it is run, and what marks each event in what it prints."""

    name: str
    days: Days
    code: str
    mark: bytes
    must: float


PEERS = (
    Peer("mixpanel-headless", LARGE, _HEADLESS, b'{"event": ', 4),
    Peer("mixpanel-utils", LARGE, _UTILS, b'{"event": ', 12),
    Peer("tap-mixpanel", SMALL, _HERE + _TAP, b'"type": "RECORD"', 45),
    Peer("airbyte-source-mixpanel", SMALL, _HERE + _AIRBYTE, b'"type":"RECORD"', 180),
)


def compare(folder: Path, tools: Path) -> str:
    """A table of CPU per event. `tools` holds a virtual environment for each tool, under its name."""
    rows = [
        "| tool | events | us/event | ours | times ours | must | met | wall s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    files = generate(folder, LARGE) + generate(folder, SMALL)
    with serving(files) as url:
        for peer in PEERS:
            python = tools / peer.name / "bin" / "python"
            if not python.exists():
                rows.append(f"| {peer.name} | not installed | | | | {peer.must:g} | | |")
                continue
            day = LARGE.first.isoformat()
            ours = statistics.median(measure("ours", url, day, day, "1").cpu for _ in range(3))
            ours *= 1e6 / LARGE.total
            found, cpu, wall = _run(peer, python, url)
            if not found:
                rows.append(
                    f"| {peer.name} | gave no event | | | | {peer.must:g} | not measured | {wall:.0f} |"
                )
                continue
            each = cpu / found * 1e6
            times = each / ours
            rows.append(
                f"| {peer.name} | {found} of {peer.days.total} | {each:.1f} | {ours:.1f} | {times:.1f} | "
                f"{peer.must:g} | {met(times >= peer.must)} | {wall:.0f} |"
            )
    return "\n".join(rows)


def _run(peer: Peer, python: Path, url: str) -> tuple[int, float, float]:
    """(events that came out, CPU seconds, wall seconds) of one run of a tool."""
    started = time.perf_counter()
    start = f"base, day = {url!r}, {peer.days.first.isoformat()!r}\n"
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory() as place:
        out, told = Path(place) / "out", Path(place) / "told"
        with out.open("wb") as printed, told.open("wb") as said:
            command = [str(python), "-c", start + peer.code]
            child = subprocess.Popen(command, cwd=place, env=kept, stdout=printed, stderr=said)
            stop = threading.Timer(PATIENCE, child.kill)
            stop.start()
            _, status, used = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            stop.cancel()
        found = sum(path.read_bytes().count(peer.mark) for path in Path(place).iterdir() if path.is_file())
    return found, used.ru_utime + used.ru_stime, time.perf_counter() - started
