"""Files of a pipeline: counted like the export of the same events, whoever's ids they were sent under."""

import gzip
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from handrail.context import open_context
from handrail.domain.periods import Period
from handrail.errors import BrokenExport, ConfigError, HandrailError
from handrail.flows.doctor import check
from handrail.flows.look import Case, look_now
from handrail.flows.measure import count
from handrail.flows.sync import sync
from handrail.services.event_sources import load_from
from handrail.services.event_table import Counting, EventTable
from handrail.settings import Settings
from standin import pipeline
from standin.server import running
from standin.state import Standin
from standin.world import load
from tests import hostile_world
from tests.conftest import settings_for
from tests.handrail.services.test_event_table import SECRET, key
from tests.handrail.test_struggles_kept import struggle
from tests.test_tables import KB, PROPERTIES, assert_equal, counted, in_the_database

FIRST, LAST = date(2026, 11, 1), date(2026, 11, 19)
PROJECT = 3_141_592


@pytest.fixture(scope="module")
def acme_files(acme_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bucket")
    pipeline.write(load(acme_folder), folder)
    return folder


async def test_the_demo_world_is_counted_alike_from_files_and_from_the_export_and_files_ask_for_no_export(
    standins: Standin, acme_folder: Path, acme_files: Path, tmp_path: Path
) -> None:
    settings = settings_for(standins, tmp_path, events_source=f"files:file://{acme_files}")
    async with open_context(settings) as ctx:
        await sync(ctx, from_day=FIRST, to_day=LAST)

    properties = ("$browser", "$os", "mp_country_code")
    expected = counted(acme_folder, FIRST, LAST, KB, properties=properties)
    assert_equal(in_the_database(tmp_path), expected)
    assert exports(standins) == 0
    identities = acme_files / str(standins.world.project["project_id"]) / "mp_identity_mappings_data"
    assert sum(map(len, map(rows_of, identities.iterdir()))) > 10


@pytest.mark.parametrize(("seed", "created"), [(1, "2024-05-01"), (3, "2024-05-01")])
async def test_a_hostile_world_is_counted_from_files_like_the_oracle_counts_it(
    seed: int, created: str, tmp_path: Path
) -> None:
    folder = hostile_world.generate(tmp_path / "world", seed=seed, created=created)
    first, last = hostile_world.FIRST, hostile_world.LAST
    pipeline.write(load(folder), tmp_path / "bucket")
    with running(load(folder)) as state:
        settings = settings_for(
            state,
            tmp_path / "data",
            mixpanel_breakdowns=PROPERTIES,
            events_source=f"files:{tmp_path / 'bucket'}",
            now=datetime(2026, 4, 20, tzinfo=UTC),
        )
        async with open_context(settings) as ctx:
            await sync(ctx, from_day=first, to_day=last)

    expected = counted(folder, first, last, folder / "kb", properties=PROPERTIES)

    assert_equal(in_the_database(tmp_path / "data"), expected)


def written(bucket: Path, day: str, *rows: dict[str, Any] | str, name: str = "part-0.json") -> Path:
    """A file of a pipeline, in the folder of this day."""
    path = bucket / f"{PROJECT}/mp_master_event/{day}/{name}"
    text = "".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


def mapped(bucket: Path, **leads: str) -> None:
    path = bucket / f"{PROJECT}/mp_identity_mappings_data/part-0.json"
    path.parent.mkdir(parents=True)
    rows = [{"distinct_id": one, "resolved_distinct_id": other} for one, other in leads.items()]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def event(user: str, time: object, **properties: Any) -> dict[str, Any]:
    insert_id = properties.pop("insert_id", f"{user} {time}")
    properties = {"company_id": "acme", **properties}
    row = {"event_name": "Opened", "distinct_id": user, "insert_id": insert_id, "time": time}
    return {**row, "device_id": "d", "user_id": None, "properties": properties}


async def read(bucket: Path, *, events: list[str] | None = None, **changes: Any) -> EventTable:
    counting: Counting = {
        "account_property": "company_id",
        "secret": SECRET,
        "zone": "UTC",
        "from_day": date(2026, 3, 1),
        "to_day": date(2026, 3, 31),
    }
    settings = Settings.load(_env_file=None, events_source=f"files:{bucket}")
    counting = {**counting, **changes}  # type: ignore[typeddict-item]
    today = date(2026, 4, 2)
    return await load_from(settings, PROJECT, date(2026, 2, 28), today, events=events, counting=counting)


async def days(bucket: Path) -> list[tuple[str, str, int, int, int]]:
    table = await read(bucket)
    try:
        return [(row[0], row[1].isoformat(), *row[2:]) for row in table.account_days()]
    finally:
        table.close()


@pytest.mark.parametrize(
    "time",
    [
        1773144000, 1773144000123, "1773144000", 1773144000.5, "2026-03-10T12:00:00Z",
        "2026-03-10T12:00:00.999Z", "2026-03-10 12:00:00 UTC", "2026-03-10 12:00:00.5",
        "2026-03-10T14:00:00+02:00",
    ],
)  # fmt: skip
async def test_a_time_may_be_text_in_utc_or_a_number_of_seconds_or_milliseconds(
    time: object, tmp_path: Path
) -> None:
    written(tmp_path, "2026/03/10", event("u", time))
    table = await read(tmp_path, events=["Opened"])

    [(_, [found])] = list(table.by_user(["Opened"]))

    table.close()
    assert found.time == 1773144000


async def test_events_sent_under_several_ids_are_those_of_the_person_behind_them(tmp_path: Path) -> None:
    noon, later = "2026-03-10T12:00:00Z", "2026-03-10T12:10:00Z"
    copy = {"insert_id": "one", "mp_processing_time_ms": 5}
    written(
        tmp_path, "2026/03/10", event("$device:a", noon, **copy), event("ana", later), event("bob", later)
    )
    written(tmp_path, "2026/03/12", event("ana", noon, **copy), name="late.json.gz")
    mapped(tmp_path, **{"$device:a": "ana", "ana": "ana", "nobody": "ana", "other": "eve"})
    table = await read(tmp_path)

    users = {row[2]: row[3] for row in table.user_days()}

    table.close()
    assert users == {key("ana"): 2, key("bob"): 1}
    assert await days(tmp_path) == [("acme", "2026-03-10", 3, 2, 2)]


async def test_somebody_whose_events_all_came_under_other_ids_has_the_key_of_the_id_they_have_now(
    tmp_path: Path,
) -> None:
    written(tmp_path, "2026/03/10", event("$device:a", 1773144000))
    mapped(tmp_path, **{"$device:a": "ana"})
    table = await read(tmp_path)

    assert [row[2] for row in table.user_days()] == [key("ana")]
    table.close()


async def test_of_copies_processed_together_the_same_one_stays_in_whatever_file_it_lies(
    tmp_path: Path,
) -> None:
    one = event("u", 1773144000, company_id="one", mp_processing_time_ms=7, insert_id="x")
    two = event("u", 1773144000, company_id="two", mp_processing_time_ms=7, insert_id="x")
    for number, order in enumerate([(one, two), (two, one)]):
        for place, each in enumerate(order):
            written(tmp_path / f"{number}", "2026/03/10", each, name=f"part-{place}.json")

    found = [await days(tmp_path / name) for name in ("0", "1")]

    assert found[0] == found[1]
    assert sum(row[2] for row in found[0]) == 1


async def test_an_event_counts_on_its_own_day_in_whatever_later_folder_it_lies(tmp_path: Path) -> None:
    written(tmp_path, "2026/04/02", event("u", "2026-03-01T00:00:00Z"), event("u", "2026-04-01T00:00:00Z"))

    assert await days(tmp_path) == [("acme", "2026-03-01", 1, 1, 1)]


@pytest.mark.parametrize(
    "line",
    ['{"event_name": "Opened", "distinct_id": "private@person.example", "time":', "[]", "{}", "private",
     '{"event_name": "Opened", "time": "private", "properties": {}}'],
)  # fmt: skip
async def test_a_line_that_is_no_event_stops_the_read_and_is_not_quoted(line: str, tmp_path: Path) -> None:
    written(tmp_path, "2026/03/10", event("u", 1773144000), line)

    with pytest.raises(BrokenExport, match="A file of the pipeline holds a line that is no event") as told:
        await read(tmp_path)
    assert "private" not in str(told.value)


async def test_a_file_that_is_cut_off_stops_the_read(tmp_path: Path) -> None:
    path = written(
        tmp_path, "2026/03/10", *[event(f"u{n}", 1773144000) for n in range(200)], name="a.json.gz"
    )
    path.write_bytes(path.read_bytes()[:-200])

    with pytest.raises(HandrailError, match="file of the pipeline"):
        await read(tmp_path)


async def test_days_without_a_single_file_are_refused_with_the_place_that_was_looked_at(
    tmp_path: Path,
) -> None:
    written(tmp_path, "2026/02/10", event("u", 1773144000))

    with pytest.raises(BrokenExport, match=f"{PROJECT}/mp_master_event.*HANDRAIL_EVENTS_SOURCE"):
        await read(tmp_path)


async def test_no_table_holds_an_id_of_an_event_or_of_the_mapping(tmp_path: Path) -> None:
    written(tmp_path, "2026/03/10", event("secretive-one", 1773144000), event("ana", 1773144000))
    mapped(tmp_path, **{"secretive-one": "secretive-two", "secretive-three": "secretive-four"})

    table = await read(tmp_path)

    names = table._rows(
        "select table_name from duckdb_tables() union all "
        "select view_name from duckdb_views() where not internal"
    )
    held = [repr(table._rows(f'from "{name}"')) for (name,) in names]
    table.close()
    assert any(key("secretive-two") in rows for rows in held)
    assert not any("secretive" in rows for rows in held)


async def test_a_pipeline_that_has_not_brought_the_last_day_does_not_make_it_a_day_of_silence(
    standins: Standin, acme_files: Path, tmp_path: Path
) -> None:
    settings = settings_for(standins, tmp_path, events_source=f"files:{acme_files}", backfill_days=3)
    late = settings.model_copy(update={"now": datetime(2026, 11, 22, 12, tzinfo=UTC)})

    async with open_context(late) as ctx:
        with pytest.raises(BrokenExport, match="nothing of 2026-11-21 yet"):
            await sync(ctx)
        assert (await sync(ctx, to_day=date(2026, 11, 20), from_day=date(2026, 11, 18))).events > 100


async def test_funnels_follow_the_source(standins: Standin, acme_files: Path, tmp_path: Path) -> None:
    found = []
    for source in ("export", f"files:{acme_files}"):
        settings = settings_for(standins, tmp_path / source.partition(":")[0], events_source=source)
        async with open_context(settings) as ctx:
            await sync(ctx, from_day=LAST, to_day=LAST)
            week = Period(from_date=LAST - timedelta(days=6), to_date=LAST, zone=await ctx.zone())
            funnels = await ctx.mixpanel.funnels()
            before = exports(standins)
            await count(ctx, funnels, [week])
            asked = exports(standins) - before
            async with ctx.store.read() as work:
                names = {ours: theirs for theirs, ours in (await work.accounts.ids()).items()}
                ends = [await work.funnels.ends(each.funnel_id, week) for each in funnels]
        assert asked == (source == "export")
        found.append([{names[account]: counts for account, counts in each.items()} for each in ends])

    assert found[0] == found[1]
    assert len(found[0][0]) > 3


async def test_the_look_before_a_mail_asks_mixpanel_whatever_the_source_is(
    standins: Standin, acme_files: Path, tmp_path: Path
) -> None:
    async with open_context(settings_for(standins, tmp_path, events_source=f"files:{acme_files}")) as ctx:
        feature = next(each for each in ctx.kb.features() if each.slug == "schedule-export")
        await look_now(ctx, [Case(struggle("somebody", 1), feature, None, LAST)])

    assert exports(standins) == 1


def exports(standins: Standin) -> int:
    return sum("export" in each["path"] for each in standins.requests)


@pytest.mark.parametrize(
    ("source", "said"),
    [("files:{}", "newest in the folder of 2026-11-2"), ("files:/nowhere/at/all", "No file of these days"),
     ("export", "Mixpanel's export")],
)  # fmt: skip
async def test_the_doctor_says_where_events_are_read_and_whether_they_can_be(
    source: str, said: str, standins: Standin, acme_files: Path, tmp_path: Path
) -> None:
    settings = settings_for(standins, tmp_path, events_source=source.format(acme_files))
    async with open_context(settings) as ctx:
        [found] = [each for each in await check(ctx) if each.name == "events"]

    assert said in found.detail
    assert found.ok == ("nowhere" not in source)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("export", "export"), ("files:/data", "files"), ("files+spark:s3a://bucket/x", "spark"),
        ("warehouse:bigquery://our-project/mixpanel", "bigquery"),
        ("warehouse:snowflake://ab1.eu/DB/PUBLIC", "snowflake"),
    ],
)  # fmt: skip
def test_the_source_is_told_in_one_setting(text: str, kind: str) -> None:
    assert Settings.load(_env_file=None, events_source=text).events_source.kind == kind


@pytest.mark.parametrize(
    "text",
    ["exports", "files", "files:", "files:/a*b", "file:/data", "warehouse:redshift://a/b", "warehouse:bigquery://a",
     "warehouse:snowflake://a/b", "warehouse:bigquery://a/b`c", 'warehouse:snowflake://a/b/c"d'],
)  # fmt: skip
def test_a_source_that_is_none_is_refused_with_those_there_are(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANDRAIL_EVENTS_SOURCE", text)

    with pytest.raises(ConfigError, match="HANDRAIL_EVENTS_SOURCE cannot be used: write export, files:URL"):
        Settings.load(_env_file=None)


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).decode().splitlines()]
