"""A window of the raw export in memory: hashed while it loads, counted, and then gone.

Users enter a table under keyed hashes only, so neither a table nor a spill file holds a raw id.
docs/performance.md says what the shape of the statements saves.
"""

import asyncio
import contextlib
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handrail.engine.accounts import NO_ACCOUNT
from handrail.engine.uses import REASON_PROPERTY, FeatureEvent
from handrail.errors import BrokenExport, ConfigError

if TYPE_CHECKING:
    import duckdb

LEFT_OUT = ("$identify", "$create_alias", "$merge", "$hotshard_events", "$hotshard_record")
"""Not things that a person did. Handrail's own events, `handrail_…`, are left out beside them."""

SESSION_GAP_SECONDS = 1800
MEMORY_LIMIT = "1GB"

PIECE_BYTES = 64 << 20
"""The reader keeps all that it has read from one pipe: a stream of any length is read in pieces."""

_QUARTER = 900
"""Seconds in which no zone changes its day or its hour, so that a quarter's answer holds for its events."""

_TABLES = """
create table names (number integer, event varchar, counts boolean);
create table owners (number integer, value varchar);
create table people (number integer, inner_hash varchar, user_key varchar);
create table events (name integer, owner integer, person integer, time bigint, insert_hash ubigint,
  processed bigint, reason varchar)
"""

_READ = """
create table piece as
select event, properties."$time" as time, hash(properties."$insert") as insert_hash,
       properties."$insert" is null as without_insert_id, properties."$mp" as processed,
       case when properties.distinct_id <> ''
            then sha256($inner::blob || encode(properties.distinct_id)) end as inner_hash,
       properties."$account"::varchar as value, coalesce(properties."$reason", '') as reason
from (
  select event, struct_pack(
    "$time" := properties.time, distinct_id := properties.distinct_id, "$insert" := properties."$insert_id",
    "$mp" := properties.mp_processing_time_ms,
    "$account" := properties.{account}, "$reason" := properties.{reason}
  ) as properties
  from read_json('{pipe}', format = 'newline_delimited', maximum_object_size = 16777216, columns = {{
    event: 'VARCHAR', properties: 'STRUCT(time BIGINT, distinct_id VARCHAR, "$insert_id" VARCHAR,
      mp_processing_time_ms BIGINT, {fields})'}})
)
"""

_NAMES = """
insert into names
select (select count(*) from names) + row_number() over (), event,
       not list_contains($left_out, event) and not starts_with(event, 'handrail_')
from (select distinct event from piece where event is not null) anti join names using (event)
"""

_OWNERS = """
insert into owners
select (select count(*) from owners) + row_number() over (), value
from (select distinct value from piece where value is not null) anti join owners using (value)
"""

_PEOPLE = """
insert into people
select (select count(*) from people) + row_number() over (), inner_hash,
       sha256($outer::blob || unhex(inner_hash))
from (select distinct inner_hash from piece where inner_hash is not null) anti join people using (inner_hash)
"""

_EVENTS = """
insert into events
select names.number, coalesce(owners.number, 0), coalesce(people.number, 0), time,
       case when without_insert_id then null else insert_hash end, processed, reason
from piece join names using (event) left join owners using (value) left join people using (inner_hash);
drop table piece
"""

_ACCOUNTS = """
create table accounts as
select number as owner, list_filter(list_distinct(case json_type(value)
    when 'ARRAY' then from_json(value, '["VARCHAR"]')
    when 'VARCHAR' then [value ->> '$']
    when 'UBIGINT' then [value ->> '$']
    when 'BIGINT' then [value ->> '$']
    when 'DOUBLE' then [regexp_replace(value ->> '$', '\\.0+$', '')]
    else []::varchar[] end),
    lambda name: name is not null and not list_contains($no_account, name)) as accounts
from (select number, value::json as value from owners union all select 0, 'null'::json)
"""

_COPIES = """
create table copies as
select row from (
  select rowid as row, row_number() over (
    partition by name, person, time, insert_hash order by processed desc nulls last, rowid) as copy
  from events
  where hash(name, person, time, insert_hash) in (
    select hash(name, person, time, insert_hash) from events where insert_hash is not null
    group by all having count(*) > 1) and insert_hash is not null
)
where copy > 1
"""

_QUARTERS = """
create table quarters as
select quarter, local::date as day, extract(hour from local)::integer as hour
from (
  select quarter, timezone($zone, to_timestamp(quarter * $seconds)) as local
  from (select unnest(range($from_time // $seconds, $to_time // $seconds)) as quarter)
)
where day between $from_day and $to_day
"""

_COUNTED = """
create table counted as
select name, owner, person, time, reason, day, hour
from events join quarters on events.time // $seconds = quarters.quarter
where name in (select number from names where counts) and events.rowid not in (select row from copies)
"""

_SUMS = """
drop table copies;
create table user_sum as
select owner, day, person, count(*) as events from counted group by all;
create table session_sum as
select distinct owner, day, person, session from (
  select owner, day, person, sum(starts) over (partition by visitor order by time rows unbounded preceding)
    as session
  from (
    select owner, day, person, time, visitor,
      (time - lag(time, 1, time) over (partition by visitor order by time) > {gap})::integer as starts
    from (select *, person::bigint * 1000000 + (day - date '1970-01-01') as visitor
          from counted where person > 0)
  )
);
create view belongs as select owner, unnest(accounts) as account from accounts
"""


class EventTable:
    """The counted events of `from_day` to `to_day` (project days, inclusive)."""

    def __init__(
        self, connection: "duckdb.DuckDBPyConnection", folder: "tempfile.TemporaryDirectory[str]"
    ) -> None:
        self._connection = connection
        self._folder = folder

    def account_days(self) -> list[tuple[str, date, int, int, int]]:
        """(account id, day, total events, unique users, sessions)."""
        return self._rows("""
            select account, day, events, users, coalesce(sessions, 0)
            from (select account, day, sum(events)::bigint as events,
                         count(distinct nullif(person, 0)) as users
                  from user_sum join belongs using (owner) group by account, day)
            left join (select account, day, count(*) as sessions
                       from (select distinct account, day, person, session
                             from session_sum join belongs using (owner)) group by account, day)
            using (account, day) order by all""")

    def user_days(self) -> list[tuple[str, date, str]]:
        """(account id, day, user key): who was there, so that users of any range can be counted exactly."""
        return self._rows("""
            select account, day, user_key
            from (select distinct account, day, person from user_sum join belongs using (owner))
            join people on people.number = person order by all""")

    def event_days(self) -> list[tuple[str, date, str, int]]:
        """(account id, day, event name, events)."""
        return self._rows("""
            select account, day, event, sum(events)::bigint
            from (select owner, day, name, count(*) as events from counted group by all)
            join belongs using (owner) join names on names.number = name group by all order by all""")

    def hours(self) -> list[tuple[str, date, int, int]]:
        """(account id, day, hour of the project's day, events)."""
        return self._rows("""
            select account, day, hour, sum(events)::bigint
            from (select owner, day, hour, count(*) as events from counted group by all)
            join belongs using (owner) group by all order by all""")

    def coverage(self) -> tuple[int, int]:
        """(events, events with an account)."""
        [(events, with_account)] = self._rows("""
            select coalesce(sum(events), 0)::bigint,
                   coalesce(sum(events) filter (where len(accounts) > 0), 0)::bigint
            from user_sum join accounts using (owner)""")
        return int(events), int(with_account)

    def by_user(self, events: list[str]) -> Iterator[tuple[str, list[FeatureEvent]]]:
        """Each user's events of these names, in time order."""
        rows = self._connection.execute(
            "select user_key, time, event, accounts, reason from counted "
            "join people on people.number = person join names on names.number = name "
            "join accounts using (owner) where list_contains(?, event) order by user_key, time",
            [events],
        )
        user, seen = "", list[FeatureEvent]()
        while batch := rows.fetchmany(10_000):
            for key, time, name, accounts, reason in batch:
                if key != user:
                    if seen:
                        yield user, seen
                    user, seen = key, []
                seen.append(FeatureEvent(time, name, tuple(accounts), reason))
        if seen:
            yield user, seen

    def _rows(self, sql: str) -> list[Any]:
        return self._connection.execute(sql).fetchall()

    def close(self) -> None:
        self._connection.close()
        self._folder.cleanup()


async def load(
    stream: AsyncIterator[bytes],
    *,
    account_property: str,
    secret: bytes,
    zone: str,
    from_day: date,
    to_day: date,
    memory_limit: str = MEMORY_LIMIT,
    threads: int = 0,
    temp_directory: Path | None = None,
) -> EventTable:
    """Read an export to its end and count it. Raises `BrokenExport` if the stream is not whole.

    What does not fit `memory_limit` spills into a folder in `temp_directory`; `threads` 0 takes all cores.
    """
    folder = tempfile.TemporaryDirectory(prefix="handrail-", dir=temp_directory)
    options = {"memory_limit": memory_limit, "temp_directory": folder.name}
    if threads:
        options["threads"] = str(threads)
    try:
        loader = await asyncio.to_thread(_Loader, account_property, secret, options)
        try:
            await _feed(stream, loader)
            await asyncio.to_thread(loader.count, zone, from_day, to_day)
        except BaseException:
            loader.connection.close()
            raise
    except BaseException:
        folder.cleanup()
        raise
    return EventTable(loader.connection, folder)


async def _feed(stream: AsyncIterator[bytes], loader: "_Loader") -> None:
    """Pass the stream on in pieces of whole lines, each through a pipe of its own."""
    rest: bytes | None = b""
    while rest is not None:
        readable, writable = os.pipe()
        reading = asyncio.create_task(asyncio.to_thread(loader.read, readable))
        try:
            rest = await _piece(stream, writable, rest)
        finally:
            os.close(writable)
            # What the reader says of a piece that was cut short says less than what cut it.
            await asyncio.wait([reading])
            failure = reading.exception()
        if failure is not None:
            raise failure


async def _piece(stream: AsyncIterator[bytes], writable: int, start: bytes) -> bytes | None:
    """Write one piece; what is left of a chunk after its last line, or None after the last chunk."""
    with contextlib.suppress(BrokenPipeError):  # a reader that gave up (a bad line) ends the writing early
        written = len(start)
        await _in_thread(_write, writable, start)
        async for chunk in stream:
            written += len(chunk)
            end = chunk.rfind(b"\n") + 1 if written >= PIECE_BYTES else 0
            await _in_thread(_write, writable, memoryview(chunk)[: end or None])
            if end:
                return chunk[end:]
    return None


async def _in_thread(function: Callable[..., None], *arguments: object) -> None:
    """Wait for it even when cancelled: what it works on is closed after."""
    running = asyncio.ensure_future(asyncio.to_thread(function, *arguments))
    try:
        await asyncio.shield(running)
    finally:
        if not running.done():
            await asyncio.wait([running])


def _write(descriptor: int, chunk: bytes | memoryview) -> None:
    rest = memoryview(chunk)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


class _Loader:
    """Reads pieces into a connection of its own, then counts; its methods run in threads."""

    def __init__(self, account_property: str, secret: bytes, options: dict[str, Any]) -> None:
        import duckdb  # noqa: PLC0415  (a third of a second that no chat question should pay)

        self._engine = duckdb
        try:
            self.connection = duckdb.connect(config=options)
        except duckdb.Error:
            raise ConfigError(
                "HANDRAIL_MEMORY_LIMIT, HANDRAIL_THREADS or HANDRAIL_TEMP_DIR cannot be used: "
                "see docs/configuration.md."
            ) from None
        names = {"account": _identifier(account_property), "reason": _identifier(REASON_PROPERTY)}
        kinds = {names["account"]: "JSON", names["reason"]: "VARCHAR"}
        fields = ", ".join(f"{name} {kind}" for name, kind in kinds.items()).replace("'", "''")
        self._names = {**names, "fields": fields}
        key = secret.ljust(64, b"\0")
        self._inner, self._outer = (bytes(byte ^ pad for byte in key) for pad in (0x36, 0x5C))
        self.connection.execute(_TABLES)

    def read(self, readable: int) -> None:
        """Append one piece to the events; closes the pipe, read to its end or not."""
        try:
            with self._errors():
                run = self.connection.execute
                run(_READ.format(pipe=f"/dev/fd/{readable}", **self._names), {"inner": self._inner})
                run(_NAMES, {"left_out": list(LEFT_OUT)})
                run(_OWNERS)
                run(_PEOPLE, {"outer": self._outer})
                run(_EVENTS)
        finally:
            os.close(readable)

    def count(self, zone: str, from_day: date, to_day: date) -> None:
        """Cut off what lies outside the days, drop copies, and sum up."""
        around = {
            "from_time": _utc(from_day - timedelta(days=1)),
            "to_time": _utc(to_day + timedelta(days=2)),
            "seconds": _QUARTER,
        }
        with self._errors():
            run = self.connection.execute
            run(_ACCOUNTS, {"no_account": sorted(NO_ACCOUNT)})
            run(_QUARTERS, {**around, "zone": zone, "from_day": from_day, "to_day": to_day})
            run(_COPIES)
            run(_COUNTED, {"seconds": _QUARTER})
            run(_SUMS.format(gap=SESSION_GAP_SECONDS))

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except self._engine.OutOfMemoryException:
            raise ConfigError(
                "The export of these days does not fit into HANDRAIL_MEMORY_LIMIT: raise it."
            ) from None
        except self._engine.Error:
            # The engine's message quotes the line it could not read: it must not travel on.
            raise BrokenExport(
                "Mixpanel's export holds a line that is no event; nothing of it was kept."
            ) from None


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _utc(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
