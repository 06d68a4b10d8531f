"""Tables of every earlier version brought up to date: on both databases, with rows in all of them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, inspect
from sqlmodel import SQLModel

from handrail.store import upgrade
from handrail.store.database import MIGRATIONS, newest_version
from tests import made_rows, postgres

COUNTED_ANEW = {"mixpanel_funnels": "0005"}
"""What a migration drops on purpose, for the next night counts it again: kept from that one on."""

VERSIONS = sorted(path.name.split("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def described(connection: Connection) -> dict[str, Any]:
    """Tables, columns, keys and indexes as the database itself tells them."""
    found = inspect(connection)
    return {
        name: {
            "columns": {
                each["name"]: (str(each["type"]), each["nullable"], each["default"])
                for each in found.get_columns(name)
            },
            "key": found.get_pk_constraint(name)["constrained_columns"],
            "unique": sorted(each["column_names"] for each in found.get_unique_constraints(name)),
            "indexes": sorted((each["name"], each["column_names"]) for each in found.get_indexes(name)),
            "foreign": sorted(
                (each["constrained_columns"], each["referred_table"]) for each in found.get_foreign_keys(name)
            ),
        }
        for name in found.get_table_names()
    }


@pytest.fixture(params=["sqlite", "postgresql"])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[tuple[str, str]]]:
    """Two empty databases: the address for the product, and one to look into it."""
    if request.param == "sqlite":
        yield [(f"sqlite+aiosqlite:///{tmp_path}/{n}.db", f"sqlite:///{tmp_path}/{n}.db") for n in "ab"]
        return
    server = request.getfixturevalue("postgres_address")
    with postgres.database(server) as one, postgres.database(server) as two:
        yield [(f"postgresql+asyncpg://{n}", f"postgresql+psycopg://{n}") for n in (one, two)]


def test_rows_of_every_version_are_kept_on_the_way_to_the_newest_whose_tables_are_as_if_new(
    pair: list[tuple[str, str]],
) -> None:
    (old, into_old), (new, into_new) = pair
    engine, fresh = create_engine(into_old), create_engine(into_new)
    written: list[made_rows.Rows] = []
    for number, version in enumerate(VERSIONS):
        upgrade(old, version)
        with engine.begin() as connection:
            written.append(made_rows.fill(connection, number))
    upgrade(new)

    with engine.connect() as connection, fresh.connect() as other:
        assert described(connection) == described(other)
        found = made_rows.read(connection)
    engine.dispose()
    fresh.dispose()

    assert VERSIONS[-1] == newest_version()
    for number, tables in enumerate(written):
        for name, [row] in tables.items():
            if VERSIONS[number] < COUNTED_ANEW.get(name, ""):
                continue
            columns = found[name][0].keys() & row.keys()
            assert columns, name
            wanted = {column: row[column] for column in columns}
            if name == "struggles" and number < VERSIONS.index("0022"):
                wanted |= {"priority": number + 0.5}  # read out of the document
            same = [each for each in found[name] if wanted.items() <= each.items()]
            assert len(same) == 1, (VERSIONS[number], name)
    assert min(map(len, written)) >= 10
    accounts = {each["account_id"] for each in found["struggle_accounts"]}
    assert accounts >= {f"account-{number}" for number in range(VERSIONS.index("0023"))}


def test_the_newest_tables_are_those_that_the_code_has(pair: list[tuple[str, str]]) -> None:
    address, into = pair[0]
    upgrade(address)
    engine = create_engine(into)

    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        differences = compare_metadata(context, SQLModel.metadata)
    engine.dispose()

    assert differences == []
