"""The database: how it is opened, brought up to date, and written to in one transaction at a time."""

import asyncio
import contextlib
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.engine import Dialect, ExceptionContext, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlmodel.ext.asyncio.session import AsyncSession

from handrail.domain.access import NOT_YOURS, Sees
from handrail.errors import ConfigError, HandrailError, NotYours, StoreTrouble, Unavailable
from handrail.lock import OURS, WRITER
from handrail.settings import Settings
from handrail.store import trips
from handrail.store.accounts import Accounts
from handrail.store.alerts import Alerts, Sweep
from handrail.store.briefs import Briefs
from handrail.store.budget import Budget
from handrail.store.calls import Calls
from handrail.store.churn import Churn
from handrail.store.connections import Connections
from handrail.store.deliveries import Deliveries
from handrail.store.feedback import Feedback
from handrail.store.follow_ups import FollowUps
from handrail.store.funnels import Funnels
from handrail.store.guards import Guards
from handrail.store.health import HealthRows
from handrail.store.histories import Histories
from handrail.store.learning import Learning
from handrail.store.metrics import Metrics
from handrail.store.nights import Nights
from handrail.store.once import remember
from handrail.store.outcomes import Outcomes
from handrail.store.people import PeopleRows
from handrail.store.rates import Rates
from handrail.store.reasons import Reasons
from handrail.store.repeats import Repeats
from handrail.store.reports import Reports
from handrail.store.restores import Restores
from handrail.store.reviews import Reviews
from handrail.store.routes import Routes
from handrail.store.seeing import SEES, narrow
from handrail.store.segments import Segments
from handrail.store.spending import Spending
from handrail.store.stamps import Stamps
from handrail.store.syncs import Syncs
from handrail.store.trouble import NO_ANSWER, trouble
from handrail.store.write_backs import WriteBacks

MIGRATIONS = Path(__file__).parent / "migrations"

_MARK = "\ue000"
"""A character for private use: Unicode gives it no meaning."""

_ESCAPED = re.compile(f"{_MARK}([01])")


class Work:
    """One transaction: repositories over one session."""

    def __init__(self, session: AsyncSession) -> None:
        self.accounts = Accounts(session)
        self.alerts = Alerts(session)
        self.briefs = Briefs(session)
        self.budget = Budget(session)
        self.churn = Churn(session)
        self.calls = Calls(session)
        self.connections = Connections(session)
        self.feedback = Feedback(session)
        self.metrics = Metrics(session)
        self.deliveries = Deliveries(session)
        self.follow_ups = FollowUps(session)
        self.funnels = Funnels(session)
        self.guards = Guards(session)
        self.health = HealthRows(session)
        self.histories = Histories(session)
        self.learning = Learning(session)
        self.nights = Nights(session)
        self.outcomes = Outcomes(session)
        self.people = PeopleRows(session)
        self.rates = Rates(session)
        self.reasons = Reasons(session)
        self.repeats = Repeats(session)
        self.reports = Reports(session)
        self.restores = Restores(session)
        self.reviews = Reviews(session)
        self.routes = Routes(session)
        self.segments = Segments(session)
        self.spending = Spending(session)
        self.stamps = Stamps(session)
        self.sweep = Sweep(session)
        self.syncs = Syncs(session)
        self.write_backs = WriteBacks(session)


class Store:
    """Every query of the product goes through here."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._reading = engine
        self.sees: Sees | None = None
        """Of which accounts it tells; None: of all."""
        self.whole = self
        """The store that a look, or a narrowed one, is of."""
        if engine.dialect.name == "postgresql":
            self._reading = engine.execution_options(isolation_level="REPEATABLE READ")

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Work]:
        """A writing transaction: commits at the end or rolls back. Await nothing but the database inside."""
        writing = self._engine.execution_options(handrail_write=True)
        async with AsyncSession(writing, expire_on_commit=False) as session, session.begin():
            yield Work(session)

    @asynccontextmanager
    async def pretend(self) -> AsyncIterator[Work]:
        """A writing transaction that is thrown away at the end: to see what would come of it."""
        writing = self._engine.execution_options(handrail_write=True)
        async with AsyncSession(writing, expire_on_commit=False) as session:
            yield Work(session)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Work]:
        """A consistent look, which waits for no writer."""
        async with AsyncSession(self._reading, expire_on_commit=False) as session:
            yield Work(session)

    @asynccontextmanager
    async def look(self) -> AsyncIterator["Store"]:
        """A store for readers who take turns: all see one moment, and what two of them ask is read once.

        Nothing that waits for a neighbour belongs inside: the moment is held for as long as it is open.
        """
        async with AsyncSession(self._reading, expire_on_commit=False) as session:
            remember(session)
            yield _Look(self, Work(session))

    def seeing(self, sees: Sees) -> "Store":
        """A store that tells of these accounts alone, and writes nothing. One rule cannot become another."""
        if self.sees not in (None, sees):
            raise NotYours(NOT_YOURS)
        return _Narrowed(self.whole, sees)

    async def compact(self) -> bool:
        """Write the file anew without what was deleted; False if a reader keeps old pages in the log.

        PostgreSQL does that by itself.
        """
        if self._engine.dialect.name != "sqlite":
            return True
        async with self._engine.connect() as connection:
            # Past SQLAlchemy, which begins a transaction: a file cannot be written anew in one.
            raw: Any = (await connection.get_raw_connection()).driver_connection
            await raw.execute("vacuum")
            async with raw.execute("pragma wal_checkpoint(truncate)") as done:
                return bool((await done.fetchone())[0] == 0)

    async def close(self) -> None:
        await self._engine.dispose()


class _Look(Store):
    def __init__(self, of: Store, work: Work) -> None:
        super().__init__(of._engine)
        self.whole, self.sees = of.whole, of.sees
        self._work = work

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Work]:
        yield self._work


class _Narrowed(Store):
    """What may be written is decided by whoever asks `whole` for it, once the account is found here."""

    def __init__(self, of: Store, sees: Sees) -> None:
        super().__init__(of._engine.execution_options(**{SEES: sees}))
        self.whole, self.sees = of, sees

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Work]:
        raise NotYours(NOT_YOURS)
        yield

    pretend = begin


async def open_store(url: str) -> Store:
    """Open the database and bring its tables up to date."""
    engine = _engine(url)
    try:
        async with engine.connect() as connection:
            current = await _version(connection)
    except (DBAPIError, StoreTrouble, OSError):
        await engine.dispose()
        raise _not_opened(url) from None
    if current != newest_version():
        try:
            await asyncio.to_thread(upgrade, url)
        except HandrailError:
            await engine.dispose()
            raise
    return Store(engine)


def newest_version() -> str:
    """The last migration's revision, which is the number its file's name starts with."""
    return max(path.name.split("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def upgrade(url: str, version: str = "head") -> None:
    """Run the migrations that the database lacks. Raises `ConfigError` where it has some that are not ours,
    and that or `Unavailable` where it cannot be opened."""
    from alembic import command  # noqa: PLC0415  (only when there is something to migrate)
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    _engine(url)  # refuses an address that is none of ours, and makes SQLite's file for its owner alone
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["url"] = url
    try:
        command.upgrade(config, version)
    except CommandError:
        raise ConfigError(
            "The database was last used by a later Handrail: install that one again, or restore the backup "
            "that was made before it."
        ) from None
    except DBAPIError:
        raise _not_opened(url) from None


def _not_opened(url: str) -> HandrailError:
    """A server may be there a moment later; a file's place is as it was set."""
    told = make_url(url)
    if told.drivername.startswith("postgresql"):
        return Unavailable(
            f"The database {told.database} cannot be opened: does its PostgreSQL server run, and is "
            "HANDRAIL_DATABASE_URL right?"
        )
    return ConfigError(
        f"The database {told.database} cannot be opened: check HANDRAIL_DATABASE_URL, HANDRAIL_DATA_DIR and "
        "how many files may be open (ulimit -n)."
    )


async def _version(connection: AsyncConnection) -> str:
    known = (
        "select 1 from sqlite_master where name = 'alembic_version'"
        if connection.dialect.name == "sqlite"
        else "select 1 from pg_class where oid = to_regclass('alembic_version')"
    )
    if (await connection.execute(text(known))).first() is None:
        return ""
    row = (await connection.execute(text("select version_num from alembic_version"))).first()
    return str(row[0]) if row else ""


def _engine(url: str) -> AsyncEngine:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # a port that is no number
        parsed = None
    if parsed is not None and parsed.drivername == "postgresql+asyncpg":
        return _postgres(url)
    if parsed is None or parsed.drivername != "sqlite+aiosqlite":
        raise ConfigError(
            "HANDRAIL_DATABASE_URL must start with sqlite+aiosqlite:// or postgresql+asyncpg://."
        )
    if parsed.database and parsed.database != ":memory:":
        path = Path(parsed.database)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Never open an existing database here: closing any descriptor of it would drop SQLite's own locks.
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    engine = create_async_engine(url, hide_parameters=True, connect_args={"async_creator_fn": trips.connect})
    event.listen(engine.sync_engine, "connect", _prepare)
    event.listen(engine.sync_engine, "begin", _begin)
    event.listen(engine.sync_engine, "before_cursor_execute", narrow, retval=True)
    return engine


def _postgres(url: str) -> AsyncEngine:
    server = {
        "application_name": Settings.process,
        # A frozen process must not hold everybody up.
        "idle_in_transaction_session_timeout": "60000",
    }
    engine = create_async_engine(
        url, hide_parameters=True, pool_pre_ping=True, connect_args={"server_settings": server}
    )
    event.listen(engine.sync_engine, "do_connect", _answering)
    event.listen(engine.sync_engine, "handle_error", _cut_off)
    event.listen(engine.sync_engine, "begin", _in_turn)
    event.listen(engine.sync_engine, "connect", _texts)
    event.listen(engine.sync_engine, "before_cursor_execute", narrow, retval=True)
    return engine


def _answering(dialect: Dialect, _record: Any, arguments: Any, options: Any) -> Any:
    try:
        return dialect.connect(*arguments, **options)
    except OSError as error:
        raise StoreTrouble(trouble(error) or NO_ANSWER) from None


def _cut_off(context: ExceptionContext) -> None:
    """A connection that ends in the middle, or is refused; one that ended before is replaced without a word.

    Who is cancelled in the middle of a question loses the connection, too, and stays cancelled.
    """
    if context.is_pre_ping or not isinstance(context.original_exception, Exception):
        return
    if context.is_disconnect or context.connection is None:
        raise StoreTrouble(NO_ANSWER) from None


def _texts(connection: Any, _record: Any) -> None:
    async def both_ways(driver: Any) -> None:
        for kind in ("text", "varchar"):
            await driver.set_type_codec(
                kind, schema="pg_catalog", encoder=escaped, decoder=unescaped, format="text"
            )

    connection.run_async(both_ways)


def escaped(value: str) -> str:
    """PostgreSQL keeps no NUL in a text, and anybody can send one in a name: it is kept as two characters.

    No two texts become one, so that no name stands in the way of another.
    """
    if "\0" in value or _MARK in value:
        return value.replace(_MARK, f"{_MARK}1").replace("\0", f"{_MARK}0")
    return value


def unescaped(value: str) -> str:
    """The text that was `escaped`."""
    return _ESCAPED.sub(lambda found: "\0" if found[1] == "0" else _MARK, value) if _MARK in value else value


def _in_turn(connection: Any) -> None:
    """One writer at a time, as on SQLite: caps are counted and mails claimed with nobody in between."""
    if connection.get_execution_options().get("handrail_write", False):
        connection.exec_driver_sql(f"select pg_advisory_xact_lock({OURS}, {WRITER})")


def _prepare(connection: Any, _record: Any) -> None:
    # The driver's own transaction handling begins too late; ours starts in `_begin`.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode = wal", "busy_timeout = 30000", "foreign_keys = on", "synchronous = full"):
        cursor.execute(f"pragma {pragma}")
    cursor.close()


def _begin(connection: Any) -> None:
    writes = connection.get_execution_options().get("handrail_write", False)
    connection.exec_driver_sql("begin immediate" if writes else "begin")
