"""A window of the raw export in memory: hashed while it loads, counted, and then gone.

Users enter the table as HMAC-SHA256 keys only, so neither it nor a spill file holds a raw id.
"""

import asyncio
import contextlib
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handrail.engine.accounts import NO_ACCOUNT
from handrail.engine.uses import REASON_PROPERTY, FeatureEvent
from handrail.errors import BrokenExport, ConfigError

if TYPE_CHECKING:
    import duckdb

LEFT_OUT = ("$identify", "$create_alias", "$merge", "$hotshard_events", "$hotshard_record")
"""Not things that a person did. Handrail's own events, `handrail_…`, are left out beside them."""

_TAKEN = {"time", "distinct_id", "$insert_id", "mp_processing_time_ms", REASON_PROPERTY}
SESSION_GAP_SECONDS = 1800
MEMORY_LIMIT = "1GB"

_LOAD = """
create table raw as
select event, properties."$time" as time, properties."$insert" as insert_id, properties."$mp" as processed,
       case when coalesce(properties.distinct_id, '') = '' then ''
            else sha256($outer::blob || unhex(sha256($inner::blob || encode(properties.distinct_id))))
       end as user_key,
       properties."$account" as account, coalesce(properties."$reason", '') as reason
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

_COUNTED = """
create table counted as
select event, time, user_key, reason, accounts, local::date as day, extract(hour from local)::int as hour
from (
  select *, timezone($zone, to_timestamp(time)) as local,
    list_filter(list_distinct(case json_type(account)
      when 'ARRAY' then list_transform(
        list_filter(from_json(account, '["JSON"]'),
          lambda item: list_contains(['VARCHAR', 'UBIGINT', 'BIGINT', 'DOUBLE'], json_type(item))),
        lambda item: case json_type(item) when 'DOUBLE' then regexp_replace(item ->> '$', '\\.0+$', '')
          else item ->> '$' end)
      when 'VARCHAR' then [account ->> '$']
      when 'UBIGINT' then [account ->> '$']
      when 'BIGINT' then [account ->> '$']
      when 'DOUBLE' then [regexp_replace(account ->> '$', '\\.0+$', '')]
      else []::varchar[] end),
      lambda name: name is not null and not list_contains($no_account, name)) as accounts
  from (
    select *, row_number() over (
      partition by event, user_key, time, coalesce(insert_id, rowid::varchar)
      order by processed desc nulls last
    ) as copy from raw
  )
  where copy = 1 and not list_contains($left_out, event) and not starts_with(event, 'handrail_')
)
where day between $from_day and $to_day
"""

_SESSIONS = """
create table sessioned as
select *, sum(case when gap is null or gap > $gap then 1 else 0 end)
  over (partition by user_key, day order by time rows unbounded preceding) as session
from (
  select *, time - lag(time) over (partition by user_key, day order by time) as gap
  from counted where user_key <> ''
)
"""

_BY_ACCOUNT = """
create view account_event as select unnest(accounts) as account, * exclude (accounts) from counted;
create view account_session as select unnest(accounts) as account, * exclude (accounts) from sessioned;
drop table raw
"""


class EventTable:
    """The counted events of `from_day` to `to_day` (project days, inclusive)."""

    def __init__(self, connection: "duckdb.DuckDBPyConnection") -> None:
        self._connection = connection

    def account_days(self) -> list[tuple[str, date, int, int, int]]:
        """(account id, day, total events, unique users, sessions)."""
        return self._rows("""
            select e.account, e.day, e.events, e.users, coalesce(s.sessions, 0)
            from (select account, day, count(*) as events, count(distinct nullif(user_key, '')) as users
                  from account_event group by account, day) e
            left join (select account, day, count(distinct (user_key, session)) as sessions
                  from account_session group by account, day) s using (account, day)
            order by all""")

    def user_days(self) -> list[tuple[str, date, str]]:
        """(account id, day, user key): who was there, so that users of any range can be counted exactly."""
        return self._rows(
            "select distinct account, day, user_key from account_event where user_key <> '' order by all"
        )

    def event_days(self) -> list[tuple[str, date, str, int]]:
        """(account id, day, event name, events)."""
        return self._rows("select account, day, event, count(*) from account_event group by all order by all")

    def hours(self) -> list[tuple[str, date, int, int]]:
        """(account id, day, hour of the project's day, events)."""
        return self._rows("select account, day, hour, count(*) from account_event group by all order by all")

    def coverage(self) -> tuple[int, int]:
        """(events, events with an account)."""
        [(events, with_account)] = self._rows(
            "select count(*), count(*) filter (where len(accounts) > 0) from counted"
        )
        return int(events), int(with_account)

    def by_user(self, events: list[str]) -> Iterator[tuple[str, list[FeatureEvent]]]:
        """Each user's events of these names, in time order."""
        rows = self._connection.execute(
            "select user_key, time, event, accounts, reason from counted "
            "where user_key <> '' and list_contains(?, event) order by user_key, time",
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


async def load(
    stream: AsyncIterator[bytes],
    *,
    account_property: str,
    secret: bytes,
    zone: str,
    from_day: date,
    to_day: date,
) -> EventTable:
    """Read an export to its end and count it. Raises `BrokenExport` if the stream is not whole."""
    if account_property.casefold() in _TAKEN:
        raise ConfigError(
            f"{account_property!r} cannot name the account: it is a property of every event. "
            "Check HANDRAIL_MIXPANEL_ACCOUNT_PROPERTY."
        )
    with tempfile.TemporaryDirectory(prefix="handrail-") as folder:
        pipe = Path(folder) / "export"
        os.mkfifo(pipe)
        reading = asyncio.create_task(asyncio.to_thread(_read, pipe, account_property, secret))
        try:
            await _feed(stream, pipe, reading)
        except BaseException:
            with contextlib.suppress(BrokenExport):
                (await reading).close()
            raise
        connection = await reading
    try:
        await asyncio.to_thread(_count, connection, zone, from_day, to_day)
    except BaseException:
        connection.close()
        raise
    return EventTable(connection)


async def _feed(stream: AsyncIterator[bytes], pipe: Path, reading: "asyncio.Task[Any]") -> None:
    """Write the stream into the pipe; a reader that gave up (a bad line) ends the writing early."""
    opening = asyncio.create_task(asyncio.to_thread(pipe.open, "wb", 0))
    await asyncio.wait({opening, reading}, return_when=asyncio.FIRST_COMPLETED)
    if not opening.done():
        # The reader failed before it opened the pipe: without a reader the writer would wait for ever.
        os.close(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK))
    writer = await opening
    try:
        with contextlib.suppress(BrokenPipeError):
            async for chunk in stream:
                await asyncio.to_thread(_write, writer.fileno(), chunk)
    finally:
        writer.close()


def _write(descriptor: int, chunk: bytes) -> None:
    rest = memoryview(chunk)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _read(pipe: Path, account_property: str, secret: bytes) -> "duckdb.DuckDBPyConnection":
    import duckdb  # noqa: PLC0415  (a third of a second that no chat question should pay)

    connection = duckdb.connect()
    connection.execute(f"set memory_limit = '{MEMORY_LIMIT}'")
    names = {"account": _identifier(account_property), "reason": _identifier(REASON_PROPERTY)}
    kinds = {names["account"]: "JSON", names["reason"]: "VARCHAR"}
    fields = ", ".join(f"{name} {kind}" for name, kind in kinds.items()).replace("'", "''")
    key = secret.ljust(64, b"\0")
    pads = {"inner": bytes(byte ^ 0x36 for byte in key), "outer": bytes(byte ^ 0x5C for byte in key)}
    broken = "Mixpanel's export holds a line that is no event; nothing of it was kept."
    try:
        connection.execute(_LOAD.format(pipe=pipe, fields=fields, **names), pads)
        [(no_event,)] = connection.execute(
            "select count(*) from raw where event is null or time is null"
        ).fetchall()
    except duckdb.Error:
        connection.close()
        # The engine's message quotes the line it could not read: it must not travel on.
        raise BrokenExport(broken) from None
    if no_event:
        connection.close()
        raise BrokenExport(broken) from None
    return connection


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _count(connection: "duckdb.DuckDBPyConnection", zone: str, from_day: date, to_day: date) -> None:
    connection.execute(
        _COUNTED,
        {
            "zone": zone,
            "no_account": sorted(NO_ACCOUNT),
            "left_out": list(LEFT_OUT),
            "from_day": from_day,
            "to_day": to_day,
        },
    )
    connection.execute(_SESSIONS, {"gap": SESSION_GAP_SECONDS})
    connection.execute(_BY_ACCOUNT)
