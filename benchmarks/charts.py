"""What a chart costs: ours beside other libraries, a page of fifty sparklines, and a view's first paint.

make bench-charts                         # ours, and the first paint where Chromium is installed
make bench-charts BENCH="--peers PYTHON"  # also the libraries that this other Python has
"""

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.chart_peers import LIBRARIES, NAMES, SPARKS, VALUES, median_ms

MOST_MS = 300
"""A page of fifty sparklines has to be drawn within it."""

PAINT_MS = 1000


def ours() -> dict[str, float]:
    """Cold with imports, then warm: a chart, fifty sparklines with their tables, and a picture."""
    started = time.process_time()
    from handrail.charts.specification import Bar, Bars, Sparkline  # noqa: PLC0415
    from handrail.charts.svg import svg  # noqa: PLC0415
    from handrail.charts.table import table  # noqa: PLC0415

    pairs = zip(NAMES, VALUES, strict=False)
    bars = Bars(title="t", about="a", bars=tuple(Bar(name=name, value=value) for name, value in pairs))
    size = len(svg(bars))
    cold = time.process_time() - started
    started = time.process_time()
    from handrail.charts.png import png  # noqa: PLC0415

    png(bars)
    cold_picture = time.process_time() - started

    def page() -> None:
        for each in range(SPARKS):
            values = tuple(map(float, VALUES[each % 7 :]))
            spark = Sparkline(title=f"account {each}", about="a", values=values)
            svg(spark)
            table(spark)

    return {
        "cold CPU, s": cold,
        "chart, ms": median_ms(lambda: svg(bars)),
        "chart, bytes": size,
        "fifty sparklines, ms": median_ms(page),
        "first picture, CPU s": cold_picture,
        "picture, ms": median_ms(lambda: png(bars)),
    }


async def first_paint() -> float:
    """Milliseconds from opening the page of events, with style and script in it, to its first paint."""
    from playwright.async_api import async_playwright  # noqa: PLC0415

    from mcp_server.views.pages import page  # noqa: PLC0415
    from tools import catalogue  # noqa: PLC0415

    [tool] = [each for each in catalogue() if each.name == "query_events"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        opened = await browser.new_page()
        await opened.route(
            "**/*", lambda route: route.fulfill(body=page(tool, "events"), content_type="text/html")
        )
        await opened.goto("http://view.example/")
        paint = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
        await opened.wait_for_function(paint)
        found = float(await opened.evaluate(paint))
        await browser.close()
    return found


def peers(python: str) -> dict[str, dict[str, float]]:
    """Each library in a process of its own; what that Python lacks is left out."""
    script = Path(__file__).with_name("chart_peers.py")
    found = {}
    for name in LIBRARIES:
        done = subprocess.run([python, script, name], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            found[name] = json.loads(done.stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", metavar="PYTHON")
    given = parser.parse_args()
    out = sys.stdout.write
    out(f"{time.strftime('%Y-%m-%d %H:%M')}, Python {sys.version.split()[0]}\n\n")
    found = ours()
    out("\n".join(f"| {name} | {value:.2f} |" for name, value in found.items()) + "\n")
    met = found["fifty sparklines, ms"] <= MOST_MS
    if shutil.which("chromium"):
        paint = asyncio.run(first_paint())
        met = met and paint <= PAINT_MS
        out(f"| first paint of the events page, ms | {paint:.0f} |\n")
    others = peers(given.peers) if given.peers else {}
    for name, each in others.items():
        if name == next(iter(others)):
            out(f"\n| library | {' | '.join(each)} |\n")
        told = " | ".join("" if value is None else f"{value:.2f}" for value in each.values())
        out(f"| {name} | {told} |\n")
    out(f"\nfifty sparklines within {MOST_MS} ms and the first paint within {PAINT_MS} ms: {met}\n")
    sys.exit(0 if met else 1)


if __name__ == "__main__":
    main()
