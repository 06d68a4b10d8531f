"""Files of a pipeline: counted like the export of the same events, whoever's ids they were sent under."""

import gzip
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from handrail.context import open_context
from handrail.flows.sync import sync
from standin import pipeline
from standin.server import running
from standin.state import Standin
from standin.world import load
from tests import hostile_world
from tests.conftest import settings_for
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
    assert_equal(in_the_database(tmp_path / "handrail.db"), expected)
    assert not [each for each in standins.requests if "export" in each["path"]]
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

    assert_equal(in_the_database(tmp_path / "data" / "handrail.db"), expected)


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).decode().splitlines()]
