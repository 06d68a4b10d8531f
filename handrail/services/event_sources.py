"""Reads events from where HANDRAIL_EVENTS_SOURCE says they are, if that is not Mixpanel's export."""

import asyncio
from collections.abc import Sequence
from datetime import date, timedelta

from handrail.services import event_spark, event_warehouses
from handrail.services.event_engines import Engine, EngineReader, Load
from handrail.services.event_files import FileReader, Folder, newest_day
from handrail.services.event_reader import reach
from handrail.services.event_table import Counting, EventTable, filled
from handrail.settings import Settings

LOOKED_AT_DAYS = 7

_NAMES = {"spark": "Spark", "bigquery": "BigQuery", "snowflake": "Snowflake"}


async def load_from(
    settings: Settings,
    project_id: int,
    start: date,
    today: date,
    *,
    events: Sequence[str] | None,
    counting: Counting,
) -> EventTable:
    """The events since the UTC day `start`, counted; only those of these names, where some are given."""
    source = settings.events_source
    if source.kind != "files":
        return await _by_engine(settings, project_id, start, today, events, counting)
    folder = Folder(source.url, project_id)

    async def fill(reader: FileReader) -> None:
        seconds = reach(counting["from_day"], counting["to_day"])
        await asyncio.to_thread(reader.read_folder, folder, folder.days(start, today), seconds, events)

    return await filled(FileReader, fill, **counting)


async def _by_engine(
    settings: Settings,
    project_id: int,
    start: date,
    today: date,
    events: Sequence[str] | None,
    counting: Counting,
) -> EventTable:
    engine, load = await asyncio.to_thread(_opened, settings, project_id, start, today)

    async def fill(reader: EngineReader) -> None:
        reader.engine, reader.load, reader.events = engine, load, events

    try:
        return await filled(EngineReader, fill, **counting)
    finally:
        await asyncio.to_thread(engine.close)


def _opened(settings: Settings, project_id: int, start: date, today: date) -> tuple[Engine, Load]:
    """A session with the engine of the settings, and how events are loaded there."""
    source = settings.events_source
    if source.kind in ("bigquery", "snowflake"):
        return event_warehouses.opened(source.kind, source.url)
    folder = Folder(source.url, project_id)
    return event_spark.Spark(settings.spark_master, folder, folder.days(start, today)), event_spark.load


async def look_at(settings: Settings, project_id: int, today: date) -> str:
    """What can be read there, in a few words. Raises a `HandrailError` where nothing can."""
    source = settings.events_source
    start = today - timedelta(days=LOOKED_AT_DAYS)
    if source.kind != "files":
        engine, _ = await asyncio.to_thread(_opened, settings, project_id, start, today)
        try:
            await asyncio.to_thread(lambda: list(engine.rows("SELECT 1")))
        finally:
            await asyncio.to_thread(engine.close)
        return f"{_NAMES[source.kind]} answers, and counts the events"
    folder = Folder(source.url, project_id)
    newest = await asyncio.to_thread(newest_day, folder, folder.days(start, today))
    return f"read from files, the newest in the folder of {newest}; what comes later is read again"
