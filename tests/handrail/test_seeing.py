"""A reader's views of the tables: in front of every statement, and of none that is not thought of."""

import ast
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, text
from sqlmodel import SQLModel, select
from sqlmodel.ext.asyncio.session import AsyncSession

from handrail.cli.serving import call
from handrail.context import ToolContext, open_context
from handrail.domain.access import Sees
from handrail.domain.accounts import AccountFacts
from handrail.domain.periods import Period
from handrail.errors import ConfigError, NotYours
from handrail.flows.book import read_book
from handrail.settings import Settings
from handrail.store import seeing
from handrail.store.tables import Customer, UserDay
from mcp_server.server import create_server
from tests.conftest import settings_for
from web.app import create_app

ANNA = Sees(by="csm", values=("Anna O'Smith {x} 100% $1 :a ?",))


async def with_two(ctx: ToolContext) -> None:
    facts = [
        AccountFacts(
            id="acct_1", name="Mine", csm=ANNA.values[0], segment="north", mixpanel_ids=("acct_1", "twin")
        ),
        AccountFacts(id="acct_2", name="Theirs", csm="Ben", segment="south"),
    ]
    async with ctx.store.begin() as work:
        await work.accounts.describe(list(enumerate(facts)), project_id=1, now=ctx.clock.now())


async def names(ctx: ToolContext, sees: Sees) -> list[str]:
    async with ctx.seeing(sees).store.read() as work:
        return [each.name for each in await work.accounts.all()]


def by(kind: Any, *values: str) -> Sees:
    return Sees(by=kind, values=values)


async def check_rules(ctx: ToolContext) -> None:
    await with_two(ctx)
    async with ctx.store.read() as work:
        book = {each.name: each.id for each in await work.accounts.all()}
    assert await names(ctx, ANNA) == ["Mine"]
    assert await names(ctx, by("csm", "Ben", "nobody")) == ["Theirs"]
    assert await names(ctx, by("segment", "north", "south")) == ["Mine", "Theirs"]
    assert await names(ctx, by("account", "acct_2")) == ["Theirs"]
    assert await names(ctx, by("account", "twin")) == ["Mine"]
    assert await names(ctx, by("account", book["Theirs"])) == ["Theirs"]
    assert await names(ctx, by("csm", "anna")) == []
    assert await names(ctx, by("csm", "x') or ('1' = '1")) == []


async def test_a_rule_picks_accounts_by_csm_segment_and_any_id(empty_ctx: ToolContext) -> None:
    await check_rules(empty_ctx)


async def test_it_does_so_on_postgresql(postgres_settings: Settings) -> None:
    async with open_context(postgres_settings) as ctx:
        await check_rules(ctx)
        narrow = ctx.seeing(ANNA)
        async with narrow.store.read() as work:
            assert await work.nights.struggles(date(2026, 11, 19), account_id="x") == []
            assert await work.deliveries.pauses() == []
            assert await work.metrics.first_day() is None
        with pytest.raises(NotYours):
            async with narrow.store.read() as work:
                await work.briefs.get(date(2026, 11, 19))


async def all_of(session: AsyncSession, statement: Any) -> list[tuple[Any, ...]]:
    return [tuple(each) for each in await (await session.connection()).execute(statement)]


async def test_two_readers_of_as_many_accounts_never_get_each_others_book(empty_ctx: ToolContext) -> None:
    """What is kept of the book is good until the tables change, and they look alike to both."""
    await with_two(empty_ctx)
    span = Period(from_date=date(2026, 11, 1), to_date=date(2026, 11, 19), zone="UTC")
    readers = [empty_ctx.seeing(by("csm", name)) for name in (ANNA.values[0], "Ben")]

    books = [await read_book(each, span) for each in (*readers, empty_ctx, *readers)]

    assert [[one.account.name for one in book.ordered("name")] for book in books] == [
        ["Mine"],
        ["Theirs"],
        ["Mine", "Theirs"],
        ["Mine"],
        ["Theirs"],
    ]


STATEMENTS = [
    select(Customer.name),
    select(func.max(Customer.name)),
    select(func.count()).select_from(Customer),
    select(select(Customer.name).subquery().c.name),
    text("SELECT name FROM CUSTOMERS"),
    text("select name from (select * from customers) as c where c.id in (select id from customers)"),
]


@pytest.mark.parametrize("statement", STATEMENTS, ids=range(len(STATEMENTS)))
async def test_whatever_a_statement_is_made_with_it_finds_the_readers_rows_alone(
    statement: Any, empty_ctx: ToolContext
) -> None:
    await with_two(empty_ctx)
    async with empty_ctx.seeing(by("csm", "Ben")).store.read() as work:
        rows = await all_of(work.accounts._session, statement)

    assert rows in ([("Theirs",)], [(1,)])


async def test_a_narrowed_store_writes_nothing_and_reads_no_table_that_has_no_view(
    empty_ctx: ToolContext,
) -> None:
    await with_two(empty_ctx)
    narrow = empty_ctx.seeing(ANNA)
    for writing in (narrow.store.begin, narrow.store.pretend):
        with pytest.raises(NotYours):
            async with writing() as work:
                await work.deliveries.pause("all", narrow.clock.now())
    for statement in (
        "select * from briefs",
        "select * from tool_calls",
        "update customers set csm = 'Ben'",
        "delete from customers",
        "insert into pauses (scope) values ('all')",
        "with customers as (select 1) select * from customers",
        "pragma table_info(customers)",
    ):
        with pytest.raises(NotYours):
            async with narrow.store.read() as work:
                await all_of(work.accounts._session, text(statement))
    async with narrow.looking() as look, look.store.read() as work:
        assert [each.name for each in await work.accounts.all()] == ["Mine"]
        assert await work.accounts.all() is await work.accounts.all()
    assert narrow.whole.sees is None
    assert narrow.seeing(None) is narrow


@pytest.mark.parametrize("table", sorted(SQLModel.metadata.tables))
def test_a_table_that_names_accounts_is_the_same_for_nobody(table: str) -> None:
    """What is in neither list is refused: a new table is, until somebody decides."""
    columns = SQLModel.metadata.tables[table].columns.keys()
    names_accounts = {"customer_id", "account_id", "user_key", "delivery_id", "deliveries"} & set(columns)

    assert not (names_accounts and table in seeing.SAME)
    assert not {table} & seeing.VIEWS.keys() & seeing.SAME


def test_the_lists_name_tables_that_are_there() -> None:
    assert seeing.VIEWS.keys() | seeing.SAME <= SQLModel.metadata.tables.keys()
    assert UserDay.__tablename__ in seeing.VIEWS


def test_few_statements_read_past_a_readers_views() -> None:
    """Each is a date, a name of a funnel, or rates for a median that enough others stand behind."""
    found = {
        function.name
        for path in Path(seeing.__file__).parent.glob("*.py")
        for function in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(function, ast.AsyncFunctionDef)
        and any(isinstance(each, ast.Name) and each.id == "OF_ALL" for each in ast.walk(function))
    }

    assert found == {"main", "rates", "first_day", "last_struggle_night"}


async def test_a_process_that_is_started_for_a_csm_is_as_narrow_as_their_token(
    ctx: ToolContext, settings: Settings
) -> None:
    """HANDRAIL_SEES: for `handrail mcp` at a CSM's own machine, and for every other command there."""
    home = settings.model_copy(update={"sees": "account=acct_1001"})
    async with open_context(home) as narrow:
        found = await call(narrow, "find_accounts", {})
        with pytest.raises(NotYours):
            async with narrow.store.begin():
                pass
    assert [each["name"] for each in found["accounts"]] == ["Acme"]


def test_a_server_is_narrowed_by_tokens_and_says_so(settings: Settings) -> None:
    with pytest.raises(ConfigError, match="HANDRAIL_API_TOKENS"):
        create_app(settings.model_copy(update={"sees": "csm=Anna"}), create_server)


async def test_a_wrong_rule_is_one_sentence(standins: Any, tmp_path: Any) -> None:
    for wrong in ("csm", "cms=Anna", "csm=", "csm=|", "csm=a\nb"):
        with pytest.raises(ConfigError, match="HANDRAIL_SEES") as refused:
            async with open_context(settings_for(standins, tmp_path / "data", sees=wrong)):
                pass
        assert "\n" not in str(refused.value)
