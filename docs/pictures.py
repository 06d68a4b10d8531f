"""Make the pictures of the documentation from real output: `make pictures`.

Needs Chromium (Debian's `chromium`) and the development requirements.
The mails are of the demo's outbox: one with a screenshot, one with a strip. The answer is what the tool
says, laid out as chat clients lay out an answer. The tutorial's page is the one behind a mail's button,
served for the picture.

`python docs/pictures.py screen` makes the screenshot of the sample document anew, from docs/screen.html.
"""

import html
import io
import json
import re
import shutil
import socket
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

from PIL import Image

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
from docs import dashboard, health, views  # noqa: E402  (the tests' host is found from the root)

IMAGES = ROOT / "docs" / "images"
SCREEN = ROOT / "kb" / "images" / "connect-data-source.png"
DEMO = ROOT / ".handrail" / "demo-acme"
_FLAGS = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --hide-scrollbars"
_QUIET = "--disable-background-networking --disable-component-update --disable-sync"


_ENV = {
    "HANDRAIL_DATA_DIR": str(DEMO),
    "HANDRAIL_NOW": "2026-11-21T02:00:00+00:00",
    "HANDRAIL_MAIL_REPLY_TO": "success@handrail-demo.example",
}


DARK = "--blink-settings=preferredColorScheme=0"
NO_IMAGES = "--blink-settings=imagesEnabled=false"
COLOURS = 96


def shoot(source: str, target: Path, size: tuple[int, int], *more: str) -> None:
    """One page as a PNG of few colours."""
    browser = shutil.which("chromium") or sys.exit("Chromium is not installed.")
    with tempfile.TemporaryDirectory() as profile:
        flags = [*_FLAGS.split(), *_QUIET.split(), f"--user-data-dir={profile}", *more]
        window = [f"--window-size={size[0]},{size[1]}", f"--screenshot={target}"]
        subprocess.run([browser, *flags, *window, source], check=True, capture_output=True)  # noqa: S603
    save(target.read_bytes(), target)


def save(shot: bytes, target: Path) -> None:
    with Image.open(io.BytesIO(shot)) as image:
        image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(target, optimize=True)


def ask(tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """What the tool answers on the demo's data."""
    command = [sys.executable, "-m", "handrail.cli", "tool", tool, json.dumps(arguments), "--json"]
    # The figures are in the demo's database; the project itself is gone, and is not asked for them.
    done = subprocess.run(command, cwd=ROOT, env=_ENV, check=True, capture_output=True, text=True)  # noqa: S603
    return dict(json.loads(done.stdout))


@contextmanager
def served() -> Iterator[str]:
    """The demo's pages, at the address that is given."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "handrail.cli", "serve", "--port", str(port)]
    address = f"http://127.0.0.1:{port}"
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
    if sys.argv[1:] == ["screen"]:
        shoot((ROOT / "docs" / "screen.html").as_uri(), SCREEN, (552, 452), "--force-device-scale-factor=2")
        return
    mails = sorted((DEMO / "outbox").glob("*.html"))
    first = next(each for each in mails if "screenshot" in each.read_text("utf-8"))
    strip = next(
        each
        for each in mails
        if "Your way through" in each.read_text("utf-8") and "screenshot" not in each.read_text("utf-8")
    )
    shoot(first.as_uri(), IMAGES / "mail-light.png", (680, 1040))
    shoot(first.as_uri(), IMAGES / "mail-dark.png", (680, 1040), DARK)
    shoot(strip.as_uri(), IMAGES / "mail-images-off.png", (680, 680), NO_IMAGES)
    shoot(strip.as_uri(), IMAGES / "mail-phone.png", (390, 870))
    button = re.findall(r"/t/[\w-]+", first.read_text("utf-8"))[0]
    with served() as address:
        shoot(address + button, IMAGES / "tutorial.png", (720, 1190))
        shoot(address + button, IMAGES / "tutorial-dark.png", (390, 1310), DARK)
        shoot(f"{address}/brief", IMAGES / "brief.png", (960, 1290))
    with tempfile.NamedTemporaryFile("w", suffix=".html", encoding="utf-8") as page:
        page.write(chat(ask("query_events", {"account": "Acme"})))
        page.flush()
        shoot(f"file://{page.name}", IMAGES / "chat.png", (680, 515))
    views.shoot_all(IMAGES, ROOT / ".handrail" / "pictures", save)
    dashboard.shoot_all(IMAGES, save)
    health.shoot_all(IMAGES, save)


if __name__ == "__main__":
    main()
