"""What the benchmark runs, each case in a process of its own: the limit, and our load and count."""

import asyncio
import json
import sys
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

SECRET = bytes(range(32))
FEATURES = {
    "import": ("started_import", "import_finished", "import_failed"),
    "sync": ("started_sync", "sync_finished", "sync_failed"),
}
"""Attempt, success and error of two made-up features."""


def limit(files: Iterable[Path]) -> dict[str, int]:
    """Gunzip and a typed parse of the fields that we read, and nothing else."""
    import msgspec  # noqa: PLC0415  (each case pays for its own imports and for no other's)
    from isal import isal_zlib  # noqa: PLC0415

    class Properties(msgspec.Struct):
        time: int
        company_id: str | int | list[str | int] | None = None
        distinct_id: str | int | None = None
        insert_id: str | None = msgspec.field(default=None, name="$insert_id")
        mp_processing_time_ms: int | None = None
        reason: str | None = None
        browser: str | None = msgspec.field(default=None, name="$browser")
        os: str | None = msgspec.field(default=None, name="$os")
        mp_country_code: str | None = None

    class Event(msgspec.Struct):
        event: str
        properties: Properties

    decoder = msgspec.json.Decoder(Event)
    events = 0
    for path in files:
        member, rest = isal_zlib.decompressobj(31), b""
        with path.open("rb") as packed:
            while chunk := packed.read(1 << 18):
                plain = rest + member.decompress(chunk)
                end = plain.rfind(b"\n") + 1
                events += len(decoder.decode_lines(memoryview(plain)[:end]))
                rest = plain[end:]
    return {"events": events}


async def ours(url: str, first: date, last: date, *, requests: int = 1) -> dict[str, Any]:
    """Read whole days over HTTP with the product's client, count every table, and give their rows."""
    import httpx2  # noqa: PLC0415

    from handrail.domain.features import Feature, FeatureEvents, Step  # noqa: PLC0415
    from handrail.services.event_table import load  # noqa: PLC0415
    from handrail.services.mixpanel.client import Mixpanel  # noqa: PLC0415
    from handrail.settings import Settings  # noqa: PLC0415

    settings = Settings.load(**_connection(url))
    features = [
        Feature(
            slug=slug,
            title=slug,
            url=url,
            summary=slug,
            events=FeatureEvents(attempt=names[0], success=names[1], error=names[2]),
            steps=(Step(id="start", event=names[0], title=slug, url=url, text=slug),),
        )
        for slug, names in FEATURES.items()
    ]
    rows: dict[str, Any] = {}
    days = (last - first).days + 1
    async with httpx2.AsyncClient() as http:
        mixpanel = Mixpanel(http, settings)
        for part in range(requests):
            start = first + timedelta(days=days * part // requests)
            end = first + timedelta(days=days * (part + 1) // requests - 1)
            async with mixpanel.export(start, end) as stream:
                table = await load(
                    stream,
                    account_property=settings.mixpanel_account_property,
                    secret=SECRET,
                    zone="UTC",
                    from_day=start,
                    to_day=end,
                    breakdowns=settings.mixpanel_breakdowns,
                    memory_limit=settings.memory_limit,
                    threads=settings.threads,
                    temp_directory=settings.temp_dir,
                )
            try:
                tables = {
                    "account_days": table.account_days(),
                    "user_days": table.user_days(),
                    "event_days": table.event_days(),
                    "value_days": table.value_days(),
                    "feature_days": table.feature_days(features),
                    "hours": table.hours(),
                    "coverage": [table.coverage()],
                }
            finally:
                table.close()
            for name, found in tables.items():
                rows.setdefault(name, []).extend(found)
    return rows


async def again(url: str, folder: Path, day: date) -> dict[str, int]:
    """One late day through the whole product: read, counted, and committed to a database in `folder`."""
    from handrail.context import open_context  # noqa: PLC0415
    from handrail.flows.sync import sync  # noqa: PLC0415
    from handrail.settings import Settings  # noqa: PLC0415

    now = datetime(day.year, day.month, day.day, 12, tzinfo=UTC) + timedelta(days=1)
    settings = Settings.load(**_connection(url), data_dir=folder, database_url="", now=now)
    async with open_context(settings, actor="nightly") as ctx:
        return {"events": (await sync(ctx, from_day=day, to_day=day)).events}


def _connection(url: str) -> dict[str, Any]:
    from pydantic import SecretStr  # noqa: PLC0415

    return {
        "_env_file": None,
        "mixpanel_project_id": 1,
        "mixpanel_username": "benchmark",
        "mixpanel_secret": SecretStr("benchmark"),
        "mixpanel_account_property": "company_id",
        "mixpanel_group_id": "",
        "mixpanel_export_url": url,
        "mixpanel_query_url": url,
    }


def main(arguments: list[str]) -> None:
    what, *rest = arguments
    if what == "limit":
        found = limit(map(Path, rest))
    elif what == "again":
        url, folder, day = rest
        found = asyncio.run(again(url, Path(folder), date.fromisoformat(day)))
    else:
        url, first, last, requests = rest
        asked = ours(url, date.fromisoformat(first), date.fromisoformat(last), requests=int(requests))
        rows = asyncio.run(asked)
        found = {name: len(rows[name]) for name in rows} | {"events": sum(row[0] for row in rows["coverage"])}
    sys.stdout.write(json.dumps({**found, "peak_kb": _peak()}) + "\n")


def _peak() -> int:
    """This process's own peak; what `wait4` tells may be that of the process that started it."""
    status = Path("/proc/self/status").read_text("ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


if __name__ == "__main__":
    main(sys.argv[1:])
