"""Reads pieces of an export into an engine of its own, hashing every id on the way, and counts them.

docs/performance.md says what the shape of the statements saves.
"""

import contextlib
import errno
import json
import os
import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from handrail.engine.accounts import account_ids
from handrail.engine.uses import REASON_PROPERTY
from handrail.errors import BrokenExport, ConfigError, Unavailable
from handrail.services.event_counting import QUARTER, steps, summed, sums
from handrail.services.event_pieces import EXPORT, Piece, too_long

LEFT_OUT = ("$identify", "$create_alias", "$merge", "$hotshard_events", "$hotshard_record")
"""Not things that a person did. Handrail's own events, `handrail_…`, are left out beside them."""

LONGEST_LINE = 4 << 20
"""Bytes that a line may have at least; Mixpanel takes no event of more than 1 MB."""

_REGULARS = 1_000_000
"""While so many users are known at most, none of them is hashed again: a look-up in a larger set might spill
what is looked up, raw ids among it."""

_REFUSED = (errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EDQUOT)
"""What a machine may refuse the engine, which tells it in the system's words (`strerror`) alone."""

_TABLES = """
create table names (number integer, event varchar, counts boolean);
create table owners (number integer, value varchar);
create table people (number ubigint, user_key varchar);
create table nobody (number ubigint);
create table loaded (name integer, owner integer, person ubigint, trait integer, time bigint,
  quarter integer, copy_key ubigint, processed bigint, reason varchar, place varchar);
create table traits (number integer{trait_columns})
"""

_READ = """
create table piece as
select * exclude (id),
       case when id <> '' and person not in (select number from {known})
            then sha256($inner::blob || encode(id)) end as inner_hash
from (
  select event, properties.time as time, hash(properties."$insert_id") as insert_hash,
         properties."$insert_id" is null as without_insert_id, properties.mp_processing_time_ms as processed,
         properties.distinct_id as id,
         case when properties.distinct_id <> '' then hash($salt || properties.distinct_id) end as person,
         properties.{account}::varchar as value, coalesce(properties.{reason}, '') as reason
         {trait_values}
  from read_json('{path}', format = 'newline_delimited', maximum_object_size = {longest}, columns = {{
    event: 'VARCHAR', properties: 'STRUCT(time BIGINT, distinct_id VARCHAR, "$insert_id" VARCHAR,
      mp_processing_time_ms BIGINT, {fields})'}})
)
"""

_NO_EVENT = "select 1 from piece where event is null or time is null limit 1"

NAMES = """
insert into names
select (select count(*) from names) + row_number() over (), event,
       not list_contains($left_out, event) and not starts_with(event, 'handrail_')
from (select distinct event from piece) anti join names using (event)
"""

OWNERS = """
insert into owners
select (select count(*) from owners) + row_number() over (), value
from (select distinct value from piece where value is not null) anti join owners using (value)
"""

_PEOPLE = """
insert into people
select number, sha256($outer::blob || unhex(inner_hash))
from (select person as number, any_value(inner_hash) as inner_hash from piece where inner_hash is not null
      group by person)
anti join people using (number)
"""

_TRAIT = "if(contains(properties.{name}, '@'), '@', coalesce(properties.{name}, '')) as {trait}"
"""A value of a breakdown: no address enters a table."""

TRAITS = """
insert into traits
select (select count(*) from traits) + row_number() over (), {traits}
from (select distinct {traits} from piece) anti join traits using ({traits})
"""

_EVENTS = """
insert into loaded
select names.number, coalesce(owners.number, 0), {person}, {trait}, time, time // {quarter},
       case when not without_insert_id then hash(names.number, {person}, time, insert_hash) end,
       processed, reason, {place}
from piece join names using (event) left join owners using (value) {join_traits} {join_identities}
where names.counts;
drop table piece
"""

_ERASED = """
delete from loaded where person in (
  select number from people where user_key in (select unnest($erased::varchar[])))
"""

_BELONGS = """
create table belongs as
select unnest($owners::integer[]) as owner, unnest($accounts::varchar[]) as account
"""

_HOMES = """
create table homes as
select number as person, owner
from (select unnest($users::varchar[]) as user_key, unnest($owners::integer[]) as owner)
join people using (user_key)
"""

_QUARTERS = """
create table quarters as
select unnest($quarters::integer[]) as quarter, unnest($days::date[]) as day,
       unnest($hours::integer[]) as hour, unnest($shifts::bigint[]) as shift,
       unnest($true_quarters::integer[]) as true_quarter
"""

_EVENTS_VIEW = "create view events as select loaded.* replace ({place} as place) from loaded"

_AT_HOME = """
create view events as
select loaded.* replace (
  coalesce(belonging.owner, homes.owner, loaded.owner) as owner, {place} as place)
from loaded
left join (select distinct owner from belongs) belonging on belonging.owner = loaded.owner
left join homes on homes.person = loaded.person
"""

_NO_LONGER = {
    "counted": "drop view events; drop table repeated; drop table loaded",
    "session_sum": "drop table visits; drop table quarter_sum",
}
"""What is let go of once a table is made: at volume the events are the heap."""

_MOMENTS = "create view moments as select person, time, name, owner, reason from counted"


class EventReader:
    """Reads pieces into a connection of its own, then counts; its methods run in threads."""

    where = EXPORT
    place = "loaded.rowid"
    """What tells copies apart that were processed in the same millisecond: the first one stays."""
    resolving: Mapping[str, str] = {"person": "person", "join_identities": "", "place": "null"}
    """How an event's person is told, once the piece is read."""

    def __init__(
        self, account_property: str, secret: bytes, options: dict[str, Any], breakdowns: Sequence[str] = ()
    ) -> None:
        import duckdb  # noqa: PLC0415  (a third of a second that no chat question should pay)

        self._engine = duckdb
        try:
            self.connection = duckdb.connect(config=options)
        except duckdb.Error as error:
            raise ConfigError(
                f"HANDRAIL_MEMORY_LIMIT or HANDRAIL_THREADS cannot be used: {error} "
                "See docs/configuration.md."
            ) from None
        names = {"account": _identifier(account_property), "reason": _identifier(REASON_PROPERTY)}
        kinds = {names["account"]: "JSON", names["reason"]: "VARCHAR"}
        traits = {f"trait{number}": _identifier(name) for number, name in enumerate(breakdowns)}
        kinds |= dict.fromkeys(traits.values(), "VARCHAR")
        fields = ", ".join(f"{name} {kind}" for name, kind in kinds.items()).replace("'", "''")
        values = "".join(", " + _TRAIT.format(name=name, trait=trait) for trait, name in traits.items())
        self._names = {**names, "fields": fields, "trait_values": values}
        self._traits = ", ".join(traits)
        self.breakdowns = tuple(breakdowns)
        key = secret.ljust(64, b"\0")
        self._salt = secrets.token_hex()
        self._people = 0
        self.mended = 0
        self._inner, self._outer = (bytes(byte ^ pad for byte in key) for pad in (0x36, 0x5C))
        self.connection.execute(_TABLES.format(trait_columns="".join(f", {each} varchar" for each in traits)))

    def read(self, piece: Piece) -> None:
        """Append one piece to the events."""
        with self._errors():
            try:
                self._parse(piece)
            except self._engine.InvalidInputException:
                mended = piece.mend()
                if not mended:
                    raise
                self.mended += mended
                self._parse(piece)
            self._take()

    def _take(self) -> None:
        """Append the events of the piece that was parsed."""
        run = self.connection.execute
        if run(_NO_EVENT).fetchall():
            raise self.broken() from None
        run(NAMES, {"left_out": list(LEFT_OUT)})
        run(OWNERS)
        self._keep_people()
        if self._traits:
            run(TRAITS.format(traits=self._traits))
        run(
            _EVENTS.format(
                quarter=QUARTER,
                trait="traits.number" if self._traits else "0",
                join_traits=f"join traits using ({self._traits})" if self._traits else "",
                **self.resolving,
            )
        )

    def _keep_people(self) -> None:
        [(new,)] = self.connection.execute(_PEOPLE, {"outer": self._outer}).fetchall()
        self._people += new

    def _parse(self, piece: Piece) -> None:
        with piece.path() as path:
            self._read(_READ, {}, path=path)

    def _read(self, statement: str, parameters: dict[str, Any], **changes: object) -> None:
        """Parse into the piece with a statement that hashes every id."""
        known = "people" if self._people <= _REGULARS else "nobody"
        text = statement.format(known=known, longest=LONGEST_LINE, **self._names, **changes)
        self.connection.execute(text, {"inner": self._inner, "salt": self._salt, **parameters})

    def count(
        self,
        zone: str,
        from_day: date,
        to_day: date,
        *,
        wall_clock: bool = False,
        same: Mapping[str, str] | None = None,
        homes: Mapping[str, tuple[str, ...]] | None = None,
        erased: Collection[str] = (),
    ) -> None:
        """Cut off what lies outside the days, drop copies, and sum up.

        `wall_clock`: times are those of the zone's clocks, read as if they were UTC. `same` leads from an
        account's further ids to the one it is kept under. `homes` are the accounts of users, by user key,
        for events that name none. `erased` are keys of users of whom nothing is counted.
        """
        with self._errors():
            run = self.connection.execute
            if erased:
                run(_ERASED, {"erased": list(erased)})
            self._belongs(same or {}, homes or {})
            run(_QUARTERS, quarters(ZoneInfo(zone), from_day, to_day, wall_clock))
            run((_AT_HOME if homes else _EVENTS_VIEW).format(place=self.place))
            for table, query in steps().items():
                run(f"create table {table} as {query}")
                run(_NO_LONGER.get(table, ""))
            for name, columns in sums().items():
                run(f"create view {name} as {summed(columns)}")
            run(_MOMENTS)

    def _belongs(self, same: Mapping[str, str], homes: Mapping[str, tuple[str, ...]]) -> None:
        """Which accounts the values of the account property name, and the profiles of users."""
        run = self.connection.execute
        found = {number: account_ids(json.loads(value)) for number, value in run("from owners").fetchall()}
        numbers = {ids: len(found) + place for place, ids in enumerate(dict.fromkeys(homes.values()), 1)}
        found |= {number: ids for ids, number in numbers.items()}
        pairs = [
            (number, name)
            for number, ids in found.items()
            for name in dict.fromkeys(same.get(each, each) for each in ids)
        ]
        run(_BELONGS, {"owners": [pair[0] for pair in pairs], "accounts": [pair[1] for pair in pairs]})
        run(_HOMES, {"users": list(homes), "owners": [numbers[ids] for ids in homes.values()]})

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except self._engine.OutOfMemoryException:
            raise ConfigError(
                "The export of these days does not fit into HANDRAIL_MEMORY_LIMIT: raise it."
            ) from None
        except (self._engine.IOException, self._engine.HTTPException) as error:
            if "maximum_object_size" in str(error):
                raise too_long(self.where) from None
            if number := next((each for each in _REFUSED if os.strerror(each) in str(error)), 0):
                # It is this machine's fault, not the sender's; the engine's own words hold our paths.
                raise OSError(number, os.strerror(number)) from None
            raise Unavailable(f"{self.where} could not be read to its end; nothing of it was kept.") from None
        except self._engine.Error as error:
            # The engine's message quotes the line it could not read: it must not travel on.
            raise (too_long(self.where) if "maximum_object_size" in str(error) else self.broken()) from None

    def broken(self) -> BrokenExport:
        return BrokenExport(f"{self.where} holds a line that is no event; nothing of it was kept.")


def reach(from_day: date, to_day: date) -> tuple[int, int]:
    """The seconds, the last one excluded, in which events of these days may lie in any zone."""
    return _utc(from_day - timedelta(days=1)), _utc(to_day + timedelta(days=2))


def quarters(zone: ZoneInfo, from_day: date, to_day: date, wall_clock: bool) -> dict[str, list[Any]]:
    """Day, hour, and the seconds by which exported times are ahead of true ones, of every quarter.

    A wall-clock time of the hour that comes twice is taken for the first of the two.
    """
    found: dict[str, list[Any]] = {
        name: [] for name in ("quarters", "days", "hours", "shifts", "true_quarters")
    }
    for seconds in range(*reach(from_day, to_day), QUARTER):
        utc = datetime.fromtimestamp(seconds, UTC)
        local = utc.replace(tzinfo=zone) if wall_clock else utc.astimezone(zone)
        if from_day <= local.date() <= to_day:
            true = int(local.timestamp())
            row = (seconds // QUARTER, local.date(), local.hour, seconds - true, true // QUARTER)
            for column, value in zip(found.values(), row, strict=True):
                column.append(value)
    return found


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _utc(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
