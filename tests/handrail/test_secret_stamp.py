"""A database with another secret than its own: nobody in it would be recognised, so it does not open."""

import asyncio
from typing import Any

import pytest
from pydantic import SecretStr

from handrail.context import open_context
from handrail.domain.connections import Credentials
from handrail.errors import ConfigError
from handrail.flows.connect import connect
from handrail.settings import Settings
from standin.state import Standin
from tests import databases
from tests.conftest import settings_for

OTHER = SecretStr("another key, as long as the first")
NO_PROJECT: dict[str, Any] = {
    "mixpanel_project_id": None,
    "mixpanel_username": "",
    "mixpanel_secret": None,
}


async def opens(settings: Settings) -> bool:
    async with open_context(settings) as ctx:
        return ctx.store is not None


def stamps(settings: Settings) -> list[str]:
    with databases.tables(settings.data_dir) as database:
        return [stamp for (stamp,) in database.execute("select stamp from secret_stamps")]


async def test_another_key_is_refused_and_the_old_one_still_opens(settings: Settings) -> None:
    assert await opens(settings)
    before = stamps(settings)

    with pytest.raises(ConfigError, match="begun with another HANDRAIL_SECRET_KEY"):
        await opens(settings.model_copy(update={"secret_key": OTHER}))

    assert stamps(settings) == before
    assert await opens(settings)


async def test_another_key_is_refused_on_postgres(postgres_settings: Settings) -> None:
    assert await opens(postgres_settings)

    with pytest.raises(ConfigError, match="begun with another HANDRAIL_SECRET_KEY"):
        await opens(postgres_settings.model_copy(update={"secret_key": OTHER}))

    assert await opens(postgres_settings)


@pytest.mark.sqlite("on PostgreSQL no key file is made")
async def test_a_lost_key_file_is_not_replaced_by_a_new_one_in_silence(settings: Settings) -> None:
    by_file = settings.model_copy(update={"secret_key": None})
    path = settings.data_dir / "secret.key"
    assert await opens(by_file)
    kept = path.read_text("utf-8")
    path.unlink()

    with pytest.raises(ConfigError, match="Put the old key back"):
        await opens(by_file)

    path.write_text(kept, "utf-8")
    assert await opens(by_file)


async def test_a_database_without_a_stamp_takes_it_from_the_key_that_opens_its_seal(
    standins: Standin, settings: Settings
) -> None:
    unset = settings_for(standins, settings.data_dir, **NO_PROJECT)
    project = standins.world.project
    given = Credentials.model_validate({name: project[name] for name in ("project_id", "username", "secret")})
    async with open_context(unset) as ctx:
        await connect(ctx, given)
    with databases.tables(settings.data_dir) as database:
        database.execute("delete from secret_stamps")

    with pytest.raises(ConfigError, match="restore HANDRAIL_SECRET_KEY"):
        await opens(unset.model_copy(update={"secret_key": OTHER}))
    assert stamps(unset) == []

    assert await opens(unset)
    assert len(stamps(unset)) == 1


async def test_of_many_that_open_a_new_database_at_once_all_find_one_stamp(settings: Settings) -> None:
    assert await opens(settings)
    with databases.tables(settings.data_dir) as database:
        database.execute("delete from secret_stamps")

    assert await asyncio.gather(*(opens(settings) for _ in range(8))) == [True] * 8

    assert len(stamps(settings)) == 1


async def test_the_stamp_does_not_tell_the_key(settings: Settings) -> None:
    assert await opens(settings)
    assert settings.secret_key is not None

    [stamp] = stamps(settings)

    assert settings.secret_key.get_secret_value() not in stamp
    assert len(stamp) == 64
