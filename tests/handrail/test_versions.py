"""Tables brought up to date: by whom, and who may read them."""

from pathlib import Path

import pytest

from handrail.context import open_context
from handrail.errors import ConfigError, Unavailable
from handrail.settings import Settings
from handrail.store import upgrade
from tests import databases


async def test_tables_of_a_later_version_are_refused_in_one_sentence_and_left_as_they_are(
    settings: Settings,
) -> None:
    async with open_context(settings):
        pass
    with databases.tables(settings.data_dir) as database:
        database.execute("update alembic_version set version_num = '9999'")

    with pytest.raises(ConfigError, match="last used by a later Handrail"):
        async with open_context(settings):
            pass
    with pytest.raises(ConfigError, match="last used by a later Handrail"):
        upgrade(settings.database)

    with databases.tables(settings.data_dir) as database:
        assert database.execute("select version_num from alembic_version").fetchall() == [("9999",)]


def test_tables_that_an_upgrade_makes_are_for_their_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "handrail.db"

    upgrade(f"sqlite+aiosqlite:///{path}")

    assert path.stat().st_mode & 0o777 == 0o600


def test_a_database_that_is_not_there_is_one_sentence_without_its_password() -> None:
    with pytest.raises(Unavailable, match=r"nothing cannot be opened: does its PostgreSQL server") as refused:
        upgrade("postgresql+asyncpg://somebody:a-password@127.0.0.1:1/nothing")

    assert "a-password" not in str(refused.value)
