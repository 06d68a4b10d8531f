"""A Spark cluster counts the same files as DuckDB does, table by table."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from handrail.services.event_sources import load_from
from handrail.services.event_table import Counting, EventTable
from handrail.services.kb import read as read_documents
from handrail.settings import Settings
from standin import pipeline
from standin.world import World, load
from tests import hostile_world, spark
from tests.test_tables import PROPERTIES

pytestmark = pytest.mark.spark

SECRET = bytes(range(32))
FIRST, LAST = hostile_world.FIRST, hostile_world.FIRST + timedelta(days=20)
TODAY = hostile_world.LAST + timedelta(days=20)
"""Events of this world come up to twelve days late."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[spark.Cluster]:
    spark.skip_or_fail()
    with spark.cluster(tmp_path_factory.mktemp("spark")) as found:
        yield found


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return load(hostile_world.generate(tmp_path_factory.mktemp("hostile") / "world", seed=1))


@pytest.fixture(scope="module")
def bucket(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bucket")
    pipeline.write(world, folder)
    return folder


async def table(source: str, master: str, world: World, **changes: Any) -> EventTable:
    counting: Counting = {
        "account_property": "company",
        "secret": SECRET,
        "zone": str(hostile_world.ZONE),
        "from_day": FIRST,
        "to_day": LAST,
        "breakdowns": PROPERTIES,
    }
    settings = Settings.load(_env_file=None, events_source=source, spark_master=master)
    project, start = world.project["project_id"], FIRST - timedelta(days=1)
    events = changes.pop("events", None)
    counting = {**counting, **changes}  # type: ignore[typeddict-item]
    return await load_from(settings, project, start, TODAY, events=events, counting=counting)


def tables(found: EventTable, world: World) -> dict[str, Any]:
    features = read_documents(world.folder / "kb").features()
    rows = {
        "account_days": found.account_days(),
        "user_days": found.user_days(),
        "event_days": [(*each[:-1], marks(each.marks)) for each in found.event_days()],
        "value_days": [(*each[:-1], marks(each.marks)) for each in found.value_days()],
        "feature_days": found.feature_days(features),
        "hours": found.hours(),
        "coverage": [found.coverage()],
    }
    found.close()
    return rows


def marks(together: bytes) -> list[bytes]:
    return sorted(together[at : at + 8] for at in range(0, len(together), 8))


async def test_a_cluster_of_two_workers_counts_every_table_as_duckdb_does(
    cluster: spark.Cluster, world: World, bucket: Path
) -> None:
    user_keys = sorted(
        {row[2] for row in tables(await table(f"files:{bucket}", "", world), world)["user_days"]}
    )
    given = {
        "homes": dict.fromkeys(user_keys[::3], ("at home",)),
        "erased": user_keys[1::5],
        "same": {"globex": "acme"},
    }

    ours = tables(await table(f"files:{bucket}", "", world, **given), world)
    theirs = tables(await table(f"files+spark:{bucket}", cluster.master, world, **given), world)

    for name, rows in ours.items():
        assert theirs[name] == rows, name
        assert rows, name
    state = cluster.state()
    assert [each["state"] for each in state["workers"]] == ["ALIVE"] * spark.WORKERS
    assert [each["cores"] for each in state["workers"]] == [1] * spark.WORKERS
    [application] = state["completedapps"]
    assert (application["name"], application["cores"]) == ("handrail", spark.WORKERS)
    tasks = cluster.tasks()
    assert len(tasks) == spark.WORKERS, tasks
    assert min(tasks.values()) > 5, tasks


async def test_a_cluster_gives_each_users_moments_as_duckdb_does(
    cluster: spark.Cluster, world: World, bucket: Path
) -> None:
    names = ["Export Started", "Opened", 'Say "hi" \\ {brace', "line\u2028break\u2029", "nobody sends this"]

    found = []
    for source in (f"files:{bucket}", f"files+spark:{bucket}"):
        each = await table(source, cluster.master, world, events=names)
        found.append({key: sorted(map(repr, events)) for key, events in each.by_user(names)})
        each.close()

    assert found[0] == found[1]
    assert len(found[0]) > 10
