"""One look at the tables: one moment, read once; and what the driver's thread is asked for each statement."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from handrail.context import ToolContext
from handrail.domain.accounts import GroupProfile
from handrail.store import trips

NOW = datetime(2026, 11, 20, 2, tzinfo=UTC)
MANY = 2 * trips.FIRST_ROWS + 7


async def _keep(ctx: ToolContext, name: str) -> None:
    async with ctx.store.begin() as work:
        await work.accounts.keep([GroupProfile(mixpanel_id=name, name=name)], project_id=1, now=NOW)


async def test_a_look_tells_of_one_moment_and_the_next_one_of_what_came_since(ctx: ToolContext) -> None:
    async with ctx.looking() as look:
        async with look.store.read() as work:
            before = len(await work.accounts.all())
            assert await work.accounts.named("latecomer") == []
        await _keep(ctx, "latecomer")
        async with look.store.read() as work:
            assert await work.accounts.ids() == {
                each.mixpanel_id: each.id for each in await work.accounts.all()
            }
            assert len(await work.accounts.all()) == before
    async with ctx.looking() as look, look.store.read() as work:
        assert len(await work.accounts.named("latecomer")) == 1


async def test_what_two_readers_of_a_look_ask_is_read_once(ctx: ToolContext) -> None:
    statements: list[str] = []

    def count(_c: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        statements.append(statement)

    event.listen(Engine, "before_cursor_execute", count)
    try:
        async with ctx.looking() as look:
            for _ in range(3):
                async with look.store.read() as work:
                    assert await work.metrics.last_sync() is not None
                    assert await work.accounts.named("acct_1001") != await work.accounts.named("acct_1002")
    finally:
        event.remove(Engine, "before_cursor_execute", count)
    assert len([each for each in statements if each.startswith("SELECT")]) == 3


async def test_a_look_can_write_and_others_read_it_at_once(ctx: ToolContext) -> None:
    async with ctx.looking() as look:
        await _keep(look, "written")
    async with ctx.store.read() as work:
        assert len(await work.accounts.named("written")) == 1


@pytest.fixture
def engine(tmp_path: Any) -> AsyncEngine:
    return create_async_engine(
        f"sqlite+aiosqlite:///{tmp_path}/t.db", connect_args={"async_creator_fn": trips.connect}
    )


async def test_rows_beyond_the_first_trip_arrive_whole_and_in_order(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("create table t (n integer primary key)"))
        await connection.execute(text("insert into t values (:n)"), [{"n": n} for n in range(MANY)])
        found = (await connection.execute(text("select n from t order by n"))).scalars().all()
        assert found == list(range(MANY))
        none = (await connection.execute(text("select n from t where n < 0"))).all()
        assert none == []
        changed = await connection.execute(text("update t set n = n + 10000 where n < 3"))
        assert changed.rowcount == 3
    await engine.dispose()


async def test_a_stream_is_fetched_in_pieces(engine: AsyncEngine) -> None:
    """The query would make a billion rows: only what is asked for is computed."""
    counting = text(
        "with recursive t(n) as (select 0 union all select n + 1 from t where n < 1000000000) select n from t"
    )
    seen = []
    async with engine.connect() as connection:
        async with connection.stream(counting) as rows:
            async for row in rows:
                seen.append(row.n)
                if len(seen) == MANY:
                    break
        assert (await connection.execute(text("select 1"))).scalar_one() == 1
    assert seen == list(range(MANY))
    await engine.dispose()


async def test_a_refused_statement_is_an_error_and_the_connection_lives_on(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("create table t (n integer primary key)"))
        await connection.execute(text("insert into t values (1)"))
        with pytest.raises(IntegrityError):
            await connection.execute(text("insert into t values (1)"))
        with pytest.raises(OperationalError):
            await connection.execute(text("select from nothing"))
        assert (await connection.execute(text("select count(*) from t"))).scalar_one() == 1
    await engine.dispose()
