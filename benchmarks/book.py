"""A book of 5,000 accounts, and how long its pages take: the first paint, and each handler alone.

make bench-book                       # some minutes, most of them to make the book
make bench-book BENCH="--keep DIR"    # keep it for the next time
"""

import argparse
import asyncio
import os
import random
import shutil
import sys
import time
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import httpx2
from pydantic import SecretStr

from handrail.context import ToolContext, open_context
from handrail.domain.accounts import GroupProfile
from handrail.domain.funnels import Funnel, FunnelCounts, Measurement
from handrail.domain.metrics import AccountDay, Coverage, DayTables, EventCount
from handrail.domain.periods import Period
from handrail.engine import periods
from handrail.engine.marks import MARK_BYTES
from handrail.flows.health import keep_scores
from handrail.settings import Settings
from mcp_server.server import create_server
from web.app import create_app

DAYS, LAST = 60, date(2026, 11, 20)
NOW = datetime(2026, 11, 21, 2, tzinfo=UTC)
EVENTS = ("Dashboard Viewed", "Report Created", "Report Shared")
"""Everybody who is there does each of them; of what else they do only the number is kept."""
PATHS = (
    "/",
    "/?sort_by=engagement",
    "/?query=company+49",
    "/?only=at_risk",
    "/accounts.csv",
    "/accounts/company-42",
)
TIMES = 6
SETTLED_SECONDS = 5
"""Until a served installation has read the book ahead."""

out = sys.stdout.write


def settings_for(folder: Path) -> Settings:
    """No project answers: what the tables do not have is missing from the pages."""
    return Settings.load(
        _env_file=None,
        data_dir=folder,
        now=NOW,
        mixpanel_project_id=1,
        mixpanel_username="nobody",
        mixpanel_secret=SecretStr("nothing"),
        mixpanel_query_url="http://127.0.0.1:9",
        mixpanel_export_url="http://127.0.0.1:9",
        retry_seconds=0.01,
    )


async def fill(ctx: ToolContext, accounts: int) -> None:
    """Accounts of 1 to 16 users, who come on two days of five; one funnel; a score each."""
    rng = random.Random(1)
    profiles = [
        GroupProfile(mixpanel_id=f"company-{at}", name=f"Company {at}", domain=f"c{at}.example")
        for at in range(accounts)
    ]
    people = {each.mixpanel_id: rng.randint(1, 16) for each in profiles}
    async with ctx.store.begin() as work:
        ids = await work.accounts.keep(profiles, project_id=1, now=NOW)
        days = [LAST - timedelta(days=DAYS - 1 - at) for at in range(DAYS)]
        sync = await work.syncs.start((days[0], LAST), "UTC", NOW, days_total=DAYS)
    for day in days:
        tables = one_day(rng, people, day)
        async with ctx.store.begin() as work:
            await work.metrics.replace_days(tables, ids, (day, day))
            await work.syncs.advance(sync, (day, day), counts=tables.coverage, shape="", now=NOW)
    async with ctx.store.begin() as work:
        await work.syncs.end(sync, "done", NOW)
        counts = {
            ids[each]: FunnelCounts(
                events=("Opened", "Saved"), users=(users, users // 2), seconds=(None, 60.0)
            )
            for each, users in people.items()
        }
        month: Period = periods.standard(LAST, "UTC")["last_30_days"]
        for period in (month, month.before()):
            await work.metrics.keep_totals(period)  # as a sync does at its end
        funnel = Funnel(funnel_id=7, name="Activation", steps=("Opened", "Saved"), window_seconds=86_400)
        await work.funnels.replace(
            Measurement(funnel=funnel, period=month, route="export", measured_at=NOW), counts
        )
    await keep_scores(ctx)


def one_day(rng: random.Random, people: dict[str, int], day: date) -> DayTables:
    """What a sync would count of a day on which two of five people come; `people` by Mixpanel id."""
    there = {account: [at for at in range(users) if rng.random() < 0.4] for account, users in people.items()}
    users = [
        (account, day, f"{account}-{at}", rng.randint(1, 9)) for account, seen in there.items() for at in seen
    ]
    events: dict[str, int] = {}
    for account, _, _, count in users:
        events[account] = events.get(account, 0) + count
    total = sum(events.values())
    return DayTables(
        account_days=[
            AccountDay(
                mixpanel_id=account,
                day=day,
                total_events=count,
                unique_users=len(there[account]),
                sessions=len(there[account]),
            )
            for account, count in events.items()
        ],
        user_days=users,
        event_days=[
            EventCount(account, day, event, len(seen), len(seen), b"".join(_mark(account, at) for at in seen))
            for account, seen in there.items()
            if seen
            for event in EVENTS
        ],
        value_days=[],
        feature_days=[],
        hours=[
            (account, day, hour, count // 3 + 1) for account, count in events.items() for hour in (9, 11, 15)
        ],
        coverage=Coverage(total, total, len(users), len(users)),
    )


def _mark(account: str, at: int) -> bytes:
    return sha256(f"{account}-{at}".encode()).digest()[:MARK_BYTES]


async def handlers(settings: Settings) -> None:
    """Each page asked for alone, without a network between: the first time, and the median of the next."""
    app = create_app(settings, create_server)
    transport = httpx2.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8321") as client,
    ):
        out("| page | status | first, ms | median, ms | CPU, ms | bytes |\n|---|---|---|---|---|---|\n")
        for path in PATHS:
            took, cpu = [], []
            for _ in range(TIMES):
                started, busy = time.perf_counter(), time.process_time()
                answer = await client.get(path)
                took.append(1000 * (time.perf_counter() - started))
                cpu.append(1000 * (time.process_time() - busy))
            figures = f"{took[0]:.0f} | {median(took[1:]):.0f} | {median(cpu[1:]):.0f}"
            out(f"| {path} | {answer.status_code} | {figures} | {len(answer.content):,} |\n")


async def first_paint(settings: Settings) -> None:
    """Milliseconds to the first meaningful paint of the accounts in a new browser, and of a reload."""
    from tests.web.dashboard import visit  # noqa: PLC0415

    async with visit(settings) as tab:
        await asyncio.sleep(SETTLED_SECONDS)
        for name in ("new", "reload"):
            await tab.go("/")
            paint = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
            await tab.page.wait_for_function(paint)
            out(f"first paint of /, {name}: {float(await tab.page.evaluate(paint)):.0f} ms\n")


async def run(folder: Path, accounts: int) -> None:
    settings = settings_for(folder)
    if not (folder / "handrail.db").exists():
        async with open_context(settings) as ctx:
            started = time.perf_counter()
            await fill(ctx, accounts)
            out(f"{accounts:,} accounts, {DAYS} days: made in {time.perf_counter() - started:.0f} s\n")
    out(f"{time.strftime('%Y-%m-%d %H:%M')}, load {os.getloadavg()[0]:.1f}\n\n")
    await handlers(settings)
    if shutil.which("chromium"):
        await first_paint(settings)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--accounts", type=int, default=5000)
    options.add_argument("--keep", type=Path, help="a folder that keeps the book for the next time")
    asked = options.parse_args()
    with TemporaryDirectory() as temporary:
        asyncio.run(run(asked.keep or Path(temporary), asked.accounts))


if __name__ == "__main__":
    main()
