"""`handrail erase` and `export-user`: what lies on the disk about one person, found without the product."""

import asyncio
import hashlib
import hmac
import json
import re
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import Column, LargeBinary, String, Table, text
from sqlmodel import AutoString, SQLModel
from typer.testing import CliRunner

from agent import flow
from handrail.cli.app import app
from handrail.context import ToolContext, open_context
from handrail.domain.deliveries import FollowUp, Reason, Status
from handrail.domain.feedback import FeedbackKind, MailEvent
from handrail.errors import CallerError
from handrail.flows import people, review
from handrail.flows.detect import detect
from handrail.flows.feedback import take
from handrail.flows.outcomes import follow_outcomes
from handrail.flows.sync import sync
from handrail.settings import SendMode, Settings
from standin.state import Standin
from tests import databases
from tests.agent.test_kill import environment
from tests.conftest import OpenWith, settings_for
from tests.handrail.cli.test_commands import handrail
from tests.hardening.conftest import Promise
from tests.mailed import delivery

AS_OF = date(2026, 11, 19)
LATER = datetime(2026, 11, 22, 2, tzinfo=UTC)

Person = tuple[str, str]
"""Their distinct_id, and their key as it is computed here."""


def key_of(secret: bytes, distinct_id: str) -> str:
    return hmac.new(secret, distinct_id.encode(), "sha256").hexdigest()


def mark_of(secret: bytes, user_key: str) -> bytes:
    own = hmac.new(secret, b"marks for counting", "sha256").digest()
    return hashlib.sha256(own + bytes.fromhex(user_key)).digest()[:8]


def traces(ctx: ToolContext, user_key: str) -> dict[str, bytes]:
    """What leads to this person: their key, their mark, and the ids that can be computed from the key."""
    found = {"key": user_key.encode(), "mark": mark_of(ctx.secret, user_key)}
    for night in (AS_OF - timedelta(days=1), AS_OF, AS_OF + timedelta(days=1)):
        for feature in ctx.kb.features():
            name = f"{night}/{user_key}/{feature.slug}"
            found[name] = hashlib.sha256(name.encode()).hexdigest()[:32].encode()
    return found


def cells(
    opened: AbstractContextManager[databases.Tables], wanted: dict[str, bytes]
) -> dict[tuple[str, str], int]:
    """Rows that hold one of these, by table and column, over every table."""
    found: dict[tuple[str, str], int] = {}
    ids = re.compile(b"|".join(each for what, each in wanted.items() if what != "mark"))
    with opened as database:
        for name in database.names():
            rows = database.execute(f'select * from "{name}"')
            columns = list(rows.keys())
            for row in rows:
                for column, value in zip(columns, row, strict=True):
                    if isinstance(value, bytes | memoryview):
                        held = wanted["mark"] in [value[at : at + 8] for at in range(0, len(value), 8)]
                    else:
                        held = isinstance(value, str) and bool(ids.search(value.encode()))
                    if held:
                        found[name, column] = found.get((name, column), 0) + 1
    return found


def raw(folder: Path) -> bytes:
    """Every byte of every file, free pages and logs among them; on PostgreSQL every row, too."""
    return b"".join(databases.on_disk(folder).values())


@pytest.fixture(scope="module")
def _after_a_night(
    _acme_server: Standin, _synced_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Person]:
    """A data directory with somebody who was mailed, read it, clicked, answered, and was followed."""
    data = tmp_path_factory.mktemp("helped") / "data"
    databases.copy(_synced_data, data)
    _acme_server.reset()
    writes = {
        "mixpanel_token": SecretStr(_acme_server.world.project["token"]),
        "mixpanel_ingest_url": f"{_acme_server.base_url}/mixpanel",
    }
    return data, asyncio.run(_a_night(_acme_server, settings_for(_acme_server, data, **writes)))


async def _a_night(standins: Standin, settings: Settings) -> Person:
    async with open_context(settings) as ctx:
        await flow.run(ctx, night=AS_OF)
        async with ctx.store.read() as work:
            made = await work.deliveries.of_night(AS_OF)
        mail = min((each for each in made if each.status is Status.SENT), key=lambda each: each.id)
        told = [
            MailEvent(delivery_id=mail.id, kind=kind, at=mail.decided_at, key=f"{kind}", event_id="")
            for kind in (FeedbackKind.DELIVERED, FeedbackKind.OPENED, FeedbackKind.CLICKED)
        ]
        await take(ctx, told)
        async with ctx.store.begin() as work:
            await work.feedback.answer(mail.id, helpful=True, at=mail.decided_at)
            await work.follow_ups.keep(
                FollowUp(delivery_id=mail.id, status=Status.SENT, decided_at=mail.decided_at)
            )
        ids = {key_of(ctx.secret, each): each for each in standins.profiles}
    standins.clock.set(LATER)
    async with open_context(settings.model_copy(update={"now": LATER})) as ctx:
        await follow_outcomes(ctx)
    return ids[mail.user_key], mail.user_key


@pytest.fixture
async def night_over(
    _after_a_night: tuple[Path, Person], settings: Settings
) -> AsyncIterator[tuple[ToolContext, Person]]:
    """A context on a copy of it, and who was helped."""
    data, helped = _after_a_night
    databases.copy(data, settings.data_dir)
    async with open_context(settings) as ctx:
        yield ctx, helped


@pytest.fixture
def ctx(night_over: tuple[ToolContext, Person]) -> ToolContext:
    return night_over[0]


@pytest.fixture
def helped(night_over: tuple[ToolContext, Person]) -> Person:
    return night_over[1]


async def test_everything_about_a_person_goes_and_only_the_opt_out_stays(
    ctx: ToolContext, helped: Person, promise: Promise
) -> None:
    _, user_key = helped
    wanted, data = traces(ctx, user_key), ctx.settings.data_dir
    before = cells(databases.tables(data), wanted)
    books = cells(databases.flow(data), wanted)
    tables = {table for table, _ in before}
    assert tables >= {
        "answers", "deliveries", "delivery_accounts", "event_days", "feedback", "follow_ups", "links",
        "outcomes", "struggle_accounts", "struggles", "style_choices", "user_days", "value_days",
        "written_back",
    }  # fmt: skip
    assert books, "the books of the night name the mail too"

    done = await people.erase(ctx, [user_key])

    assert cells(databases.tables(data), wanted) == {("opt_outs", "user_key"): 1}
    assert cells(databases.flow(data), wanted) == {}
    assert set(done.tables) == tables
    assert (done.people, done.unknown, done.notes) == (1, 0, ())
    left = raw(data)
    places = 1 if databases.ON_POSTGRES else 2
    assert left.count(user_key.encode()) == places, "the row of the opt-out, and in the file its index"
    for what, each in wanted.items():
        assert what in ("key", "mark") or each not in left, f"{what} in a free page or a log"
    promise(f"erased by distinct_id: 0 traces left in {len(tables)} tables, their free pages and the books")


async def test_export_tells_every_row_that_is_kept(ctx: ToolContext, helped: Person) -> None:
    _, user_key = helped
    found = await people.all_about(ctx, user_key)

    wanted = traces(ctx, user_key)
    on_disk = {table for table, _ in cells(databases.tables(ctx.settings.data_dir), wanted)}
    assert set(found.tables) == on_disk
    with databases.tables(ctx.settings.data_dir) as database:
        for table in ("user_days", "deliveries", "struggles"):
            [(rows,)] = database.execute(f"select count(*) from {table} where user_key = ?", [user_key])
            assert len(found.tables[table]) == rows > 0, table
    books = cells(databases.flow(ctx.settings.data_dir), wanted)
    assert set(found.flow) == {f"flow.{table}.{column}" for table, column in books}
    assert json.loads(found.model_dump_json())["user_key"] == user_key


async def test_the_figures_of_accounts_stay_as_they_were(ctx: ToolContext, helped: Person) -> None:
    def figures() -> list[object]:
        with databases.tables(ctx.settings.data_dir) as database:
            return [
                database.execute(statement).fetchall()
                for statement in (
                    "select customer_id, count(distinct user_key) from user_days group by 1 order by 1",
                    "select customer_id, metric_date, event, total, users, length(marks) from event_days "
                    "order by 1, 2, 3",
                    "select customer_id, metric_date, total_events, unique_users from mixpanel_metrics "
                    "order by 1, 2",
                )
            ]

    before = figures()

    await people.erase(ctx, [helped[1]])

    assert figures() == before


@pytest.mark.parametrize("jql", [True, False], ids=["by JQL", "by the export"])
async def test_nights_after_it_read_nothing_of_the_person(
    jql: bool, ctx: ToolContext, standins: Standin, helped: Person
) -> None:
    await people.erase(ctx, [helped[1]])
    if not jql:
        standins.faults.add({"neighbour": "mixpanel", "route": "/jql", "fault": "status", "status": 404})

    await sync(ctx, from_day=AS_OF - timedelta(days=10))
    found = await detect(ctx, ctx.kb.features(), AS_OF)

    assert {each.route for each in found.values()} == {"jql" if jql else "behaviors"}
    assert sum(each.struggling for each in found.values()) > 20
    assert cells(databases.tables(ctx.settings.data_dir), traces(ctx, helped[1])) == {
        ("opt_outs", "user_key"): 1
    }


async def test_an_opt_out_survives_with_its_reason(ctx: ToolContext, helped: Person) -> None:
    async with ctx.store.begin() as work:
        await work.deliveries.opt_out(helped[1], "unsubscribed", ctx.clock.now())

    await people.erase(ctx, [helped[1]])
    again = await people.erase(ctx, [helped[1]])

    found = await people.all_about(ctx, helped[1])
    assert list(found.tables) == ["opt_outs"]
    assert found.tables["opt_outs"][0]["kind"] == "unsubscribed"
    assert (again.tables, again.unknown) == ({}, 1)


async def test_a_review_goes_on_for_those_who_are_left(ctx: ToolContext, open_with: OpenWith) -> None:
    """The night's mails wait for a yes, as if none had left."""
    async with ctx.store.begin() as work:
        made = [each for each in await work.deliveries.of_night(AS_OF) if each.status is Status.SENT]
        for each in made:
            waits = {"status": Status.WITHHELD, "reason": Reason.NEEDS_APPROVAL.value}
            await work.deliveries.keep(each.model_copy(update=waits))
    async with open_with(send_mode=SendMode.REVIEW) as opened:
        await review.open_reviews(opened, AS_OF)
        first = max(await review.pending(opened), key=lambda each: each.people)
        gone = next(each for each in made if each.id == first.review.deliveries[0])
        await people.erase(opened, [gone.user_key])
        [after] = [
            each for each in await review.pending(opened) if each.review.tutorial_id == first.tutorial.id
        ]
        approved = await review.approve(opened, after.review.id)

    assert after.people == first.people - 1 > 0
    assert set(approved.deliveries) == set(first.review.deliveries) - {gone.id}
    assert after.review.id != first.review.id, "an id is a hash of its audience"


async def test_a_table_that_is_added_later_is_told_and_erased_too(ctx: ToolContext) -> None:
    later = [
        Table("kept_later", SQLModel.metadata, Column("id", String), Column("user_key", String)),
        Table("mailed_later", SQLModel.metadata, Column("id", String), Column("delivery_id", String)),
    ]
    user_key, mail = "ab" * 32, "cd" * 16
    try:
        async with ctx.store.begin() as work:
            connection = await work.people._session.connection()
            for table in later:
                await connection.execute(
                    text(f"create table {table.name} (id text, {table.columns[1].name} text)")
                )
            await connection.execute(text(f"insert into kept_later values ('1', '{user_key}')"))
            await connection.execute(text(f"insert into mailed_later values ('2', '{mail}')"))
            await work.deliveries.keep(delivery(mail, user_key, night=AS_OF, at=ctx.clock.now()))
        told = await people.all_about(ctx, user_key)
        done = await people.erase(ctx, [user_key])
    finally:
        for table in later:
            SQLModel.metadata.remove(table)

    assert set(told.tables) == {"deliveries", "kept_later", "mailed_later"}
    assert done.tables == {"deliveries": 1, "kept_later": 1, "mailed_later": 1}


def test_every_column_that_could_name_a_person_or_a_mail_is_called_as_erasing_expects() -> None:
    """Else a new table would be forgotten: its column has another name, or is a list."""
    known = {"user_key", "delivery_id", "deliveries", "marks"}
    odd = {
        f"{table.name}.{column.name}"
        for table in SQLModel.metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, AutoString | LargeBinary) and column.name not in known
        if any(word in column.name for word in ("user", "person", "people", "who", "deliver", "mail", "mark"))
    }

    assert odd == {"health_days.people", "mixpanel_funnels.step_users"}, "figures of accounts"


async def test_it_waits_for_nobody_in_the_middle_of_a_night(ctx: ToolContext, helped: Person) -> None:
    async with ctx.store.read() as work:
        report = await work.nights.report()
    assert report is not None
    async with ctx.store.begin() as work:
        await work.nights.keep_report(report.model_copy(update={"status": "running"}))

    with pytest.raises(CallerError, match="let it end"):
        await people.erase(ctx, [helped[1]])

    async with ctx.store.begin() as work:
        await work.nights.keep_report(report)
        await work.deliveries.keep(
            (await work.deliveries.of_night(AS_OF))[0].model_copy(
                update={"status": Status.SENDING, "user_key": helped[1]}
            )
        )
    with pytest.raises(CallerError, match="leaving right now"):
        await people.erase(ctx, [helped[1]])


async def test_an_operator_erases_without_leaving_the_id_in_a_shell(
    ctx: ToolContext, helped: Person, tmp_path: Path
) -> None:
    distinct_id, user_key = helped
    env = environment(ctx.settings)

    told = handrail("export-user", distinct_id, "--json", cwd=tmp_path, env=env)
    erased = handrail("erase", "--json", cwd=tmp_path, env=env, given=f"{distinct_id}\n\nnobody at all\n")
    again = handrail("erase", distinct_id, cwd=tmp_path, env=env)
    words = handrail("export-user", "--user-key", user_key, cwd=tmp_path, env=env)

    assert json.loads(told.stdout)["user_key"] == user_key
    assert set(json.loads(told.stdout)["tables"]) > {"deliveries", "user_days"}
    assert words.stdout.startswith(
        f"Kept under the key {user_key}:\n\nopt_outs\n  user_key={user_key}, kind=erased"
    )
    answer = json.loads(erased.stdout)
    assert (answer["people"], answer["unknown"]) == (2, 1)
    assert answer["tables"]["deliveries"] >= 1
    assert "Nothing was kept about 1 of them" in again.stdout
    assert [each.returncode for each in (told, erased, again, words)] == [0, 0, 0, 0]
    printed = "".join(each.stdout + each.stderr for each in (told, erased, again, words))
    assert distinct_id not in printed
    assert "Traceback" not in printed


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["-"], "Nobody was named"),
        (["--user-key", "ab12"], "one whole key"),
        (["a", "--user-key", "a" * 64], "either"),
    ],
)
def test_who_is_meant_has_to_be_said(arguments: list[str], wanted: str) -> None:
    done = CliRunner().invoke(app, ["erase", *arguments], input="\n")

    assert isinstance(done.exception, CallerError)
    assert wanted in str(done.exception)
