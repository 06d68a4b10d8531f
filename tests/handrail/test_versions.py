"""A database that a later Handrail brought up to date."""

import sqlite3
from contextlib import closing

import pytest

from handrail.context import open_context
from handrail.errors import ConfigError
from handrail.settings import Settings
from handrail.store import upgrade


async def test_tables_of_a_later_version_are_refused_in_one_sentence_and_left_as_they_are(
    settings: Settings,
) -> None:
    path = settings.data_dir / "handrail.db"
    async with open_context(settings):
        pass
    with closing(sqlite3.connect(path)) as database:
        database.execute("update alembic_version set version_num = '9999'")
        database.commit()

    with pytest.raises(ConfigError, match="last used by a later Handrail"):
        async with open_context(settings):
            pass
    with pytest.raises(ConfigError, match="last used by a later Handrail"):
        upgrade(settings.database)

    with closing(sqlite3.connect(path)) as database:
        assert database.execute("select version_num from alembic_version").fetchall() == [("9999",)]
