"""Make the pictures of the documentation from real output: `make demo SERVE=0`, then this script.

Needs Chromium (Debian's `chromium`). The mail is the first one of the demo's outbox; the answer is
what the tool says, laid out as chat clients lay out an answer. The tutorial's page is the one behind
that mail's button, served for the picture.
"""

import html
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "img"
BRIEF = ROOT / "docs" / "images" / "brief.png"
DEMO = ROOT / ".handrail" / "demo-acme"
_FLAGS = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --hide-scrollbars"
_QUIET = "--disable-background-networking --disable-component-update --disable-sync"


_ENV = {
    "HANDRAIL_DATA_DIR": str(DEMO),
    "HANDRAIL_NOW": "2026-11-21T02:00:00+00:00",
    "HANDRAIL_MAIL_REPLY_TO": "success@handrail-demo.example",
}
_PORT = 8329


def shoot(source: str, target: str, size: tuple[int, int], *, dark: bool = False) -> None:
    browser = shutil.which("chromium") or sys.exit("Chromium is not installed.")
    with tempfile.TemporaryDirectory() as profile:
        flags = [*_FLAGS.split(), *_QUIET.split(), f"--user-data-dir={profile}"]
        scheme = ["--blink-settings=preferredColorScheme=0"] if dark else []
        window = [f"--window-size={size[0]},{size[1]}", f"--screenshot={IMAGES / target}"]
        subprocess.run([browser, *flags, *scheme, *window, source], check=True, capture_output=True)  # noqa: S603


def ask(tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """What the tool answers on the demo's data."""
    command = [sys.executable, "-m", "handrail.cli", "tool", tool, json.dumps(arguments), "--json"]
    # The figures are in the demo's database; the project itself is gone, and is not asked for them.
    done = subprocess.run(command, cwd=ROOT, env=_ENV, check=True, capture_output=True, text=True)  # noqa: S603
    return dict(json.loads(done.stdout))


@contextmanager
def served() -> Iterator[str]:
    """The demo's pages, at the address that is given."""
    command = [sys.executable, "-m", "handrail.cli", "serve", "--port", str(_PORT)]
    address = f"http://127.0.0.1:{_PORT}"
    server = subprocess.Popen(command, cwd=ROOT, env=_ENV)  # noqa: S603
    try:
        while server.poll() is None:
            try:
                urlopen(f"{address}/healthz").close()  # noqa: S310
                break
            except URLError:
                time.sleep(0.2)
        yield address
    finally:
        server.terminate()
        server.wait()


def chat(answer: dict[str, Any]) -> str:
    """The answer as a chat client might lay it out: its own sentence, figures and dates, nothing added."""
    figures = answer["figures"]
    rows = "".join(
        f"<tr><td>{html.escape(row['event'])}</td><td class=n>{row['total']:,}</td></tr>"
        for row in answer["top_events"][:6]
    )
    return _CHAT.format(
        summary=html.escape(answer["summary"]),
        rows=rows,
        read=answer["as_of"][:16].replace("T", " "),
        **{name: f"{figures[name]:,}" for name in ("unique_users", "total_events", "sessions")},
        per_user=f"{figures['avg_events_per_user']:.1f}",
        **answer["period"],
    )


_CHAT = """<!doctype html><meta charset=utf-8><style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 0; padding: 24px;
  background: #f4f6f8; color: #1f2933 }}
.me {{ background: #0b57a4; color: #fff; padding: 10px 16px; border-radius: 16px;
  display: table; margin-left: auto }}
.call {{ color: #52606d; font-size: 13px; margin: 14px 0 6px }}
.it {{ background: #fff; padding: 14px 18px; border-radius: 16px; border: 1px solid #d9e0e6 }}
table {{ border-collapse: collapse; margin-top: 8px }}
td, th {{ padding: 3px 24px 3px 0; text-align: left }}
.n {{ text-align: right; font-variant-numeric: tabular-nums }}
.quiet {{ color: #52606d; font-size: 13px; margin-bottom: 0 }}
</style>
<div class=me>Show Mixpanel events for Acme</div>
<div class=call>query_events(account="Acme")</div>
<div class=it>{summary}
<table><tr><th>users</th><th>events</th><th>sessions</th><th>events per user</th></tr>
<tr><td>{unique_users}</td><td>{total_events}</td><td>{sessions}</td><td>{per_user}</td></tr></table>
<table><tr><th>top events</th><th class=n>total</th></tr>{rows}</table>
<p class=quiet>{from_date} to {to_date} ({zone}), read from Mixpanel {read} UTC</p></div>"""


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    first = min((DEMO / "outbox").glob("*.html"))
    mail = first.as_uri()
    shoot(mail, "mail.png", (680, 700))
    shoot(mail, "mail-dark.png", (500, 760), dark=True)
    button = re.findall(r"/t/[\w-]+", first.read_text("utf-8"))[0]
    with served() as address:
        shoot(address + button, "tutorial.png", (720, 640))
        shoot(address + button, "tutorial-dark.png", (500, 770), dark=True)
        shoot(f"{address}/brief", str(BRIEF), (960, 1290))
    with tempfile.NamedTemporaryFile("w", suffix=".html", encoding="utf-8") as page:
        page.write(chat(ask("query_events", {"account": "Acme"})))
        page.flush()
        shoot(f"file://{page.name}", "chat.png", (680, 515))


if __name__ == "__main__":
    main()
