"""Counts events in an engine beside us, a cluster or a warehouse, and fetches the sums that are kept.

Raw ids stay where they are but for one column: who is behind each hash, which is read into memory, becomes
user keys there, and is gone. Nothing of it reaches a table or a file of ours.
"""

import secrets
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from typing import Any, Literal, Protocol
from zoneinfo import ZoneInfo

from handrail.engine import keys
from handrail.engine.uses import REASON_PROPERTY
from handrail.errors import ConfigError
from handrail.services.event_counting import steps, summed, sums
from handrail.services.event_reader import LEFT_OUT, NAMES, OWNERS, TRAITS, EventReader, quarters, reach

Dialect = Literal["spark", "bigquery", "snowflake"]

ROWS_AT_ONCE = 20_000

_CREATE = {
    "spark": "CACHE TABLE {name} AS {query}",
    "bigquery": "CREATE TEMP TABLE {name} AS {query}",
    "snowflake": "CREATE TEMPORARY TABLE {name} AS {query}",
}

_NO_EVENT = "select 1 as found from events where name is null or time is null limit 1"

_PEOPLE = """
insert into people select ('0x' || unnest($people::varchar[]))::ubigint, unnest($keys::varchar[])
"""

_KINDS = {
    "owner": "value varchar", "name": "event varchar", "person": "person varchar", "day": "day date",
    "hour": "hour integer", "time": "time bigint", "events": "events bigint", "session": "session bigint",
    "reason": "reason varchar",
}  # fmt: skip
"""The columns that are fetched, as they come: texts get their numbers here."""

_NUMBERS = {
    "owner": "coalesce(owners.number, 0) as owner",
    "name": "names.number as name",
    "person": "('0x' || person)::ubigint as person",
}

_ERASED = """
delete from fetched where person in (
  select number from people where user_key in (select unnest($erased::varchar[])))
"""

_RENAMED = "alter table {name} rename to {to}"

_AT_HOME = """
create table {name} as
select fetched.* replace (coalesce(belonging.owner, homes.owner, fetched.owner) as owner)
from fetched
left join (select distinct owner from belongs) belonging on belonging.owner = fetched.owner
left join homes on homes.person = fetched.person
"""


class Engine(Protocol):
    """A session with an engine: what is created in it is gone when it is closed."""

    dialect: Dialect

    def run(self, sql: str) -> None:
        """Carry out one statement."""

    def rows(self, sql: str) -> Iterable[Sequence[Any]]:
        """The rows of one query."""

    def close(self) -> None:
        """End the session."""


@dataclass(frozen=True)
class Wanted:
    """What an engine has to read. `events`: of these names alone, where some are given."""

    account_property: str
    breakdowns: Sequence[str]
    events: Sequence[str] | None
    first: date
    last: date
    salt: str = field(default_factory=secrets.token_hex)
    reason: str = REASON_PROPERTY
    left_out: Sequence[str] = LEFT_OUT

    @property
    def traits(self) -> list[str]:
        """The columns of the breakdowns; one of no meaning where there are none."""
        return [f"trait{number}" for number in range(len(self.breakdowns))] or ["trait"]

    @property
    def seconds(self) -> tuple[int, int]:
        """From which second on events may count, and before which."""
        return reach(self.first, self.last)


Load = Callable[[Wanted], str]
"""Writes the query that gives `events` and `id`, in its engine's own words."""


def not_installed(name: str, extra: str) -> ConfigError:
    return ConfigError(
        f"HANDRAIL_EVENTS_SOURCE wants {name}, whose client is not installed: pip install 'handrail[{extra}]'"
    )


def quoted(text: str, dialect: Dialect) -> str:
    """A literal of the dialect."""
    from sqlglot import exp  # noqa: PLC0415  (comes with the engines' extras, not with the product)

    return exp.Literal.string(text).sql(dialect=dialect)


def translated(query: str, dialect: Dialect) -> str:
    """A portable query in an engine's words; every name is quoted, lest it be a word of its own there."""
    from sqlglot import transpile  # noqa: PLC0415

    return transpile(query, read="duckdb", write=dialect, identify=True)[0]


def statements(dialect: Dialect, load: Load, wanted: Wanted, zone: str) -> list[str]:
    """Everything that has to be created before anything can be fetched, in order."""
    found = {"quarters": translated(_quarters(zone, wanted), dialect), "events": load(wanted)}
    for name, query in steps(", ".join(wanted.traits)).items():
        if wanted.events is None or name in ("repeated", "counted"):
            found[name] = translated(query, dialect)
    mark = '"' if dialect == "snowflake" else "`"
    return [_CREATE[dialect].format(name=f"{mark}{name}{mark}", query=query) for name, query in found.items()]


def fetched(wanted: Wanted, *, by_person: bool) -> dict[str, tuple[list[str], str]]:
    """What is fetched, by the table it becomes: columns and portable query.

    Sums; single moments instead where events of some names are asked for. `by_person`: no sum leaves the
    person out, because accounts are told by them, or some of them are erased.
    """
    if wanted.events is not None:
        columns = "owner, person, time, name, reason"
        return {"moments": (columns.split(", "), f"select {columns} from counted")}  # noqa: S608  # nosec B608  # columns of ours
    found = {}
    for name, columns in (
        ("user_sum", "owner, day, person, events"),
        ("session_sum", "owner, day, person, session"),
    ):
        found[name] = columns.split(", "), f"select {columns} from {name}"  # noqa: S608  # nosec B608  # columns and tables of ours
    for name, columns in sums(", ".join(wanted.traits)).items():
        by = columns if "person" in columns or not by_person else f"{columns}, person"
        if name != "trait_sum" or wanted.breakdowns:
            found[name] = [*by.split(", "), "events"], summed(by)
    return found


PEOPLE = "select distinct person, id from events where person is not null"


def _quarters(zone: str, wanted: Wanted) -> str:
    columns = quarters(ZoneInfo(zone), wanted.first, wanted.last, wall_clock=False)
    rows = ", ".join(
        f"({quarter}, cast('{day}' as date), {hour}, {shift}, {true})"
        for quarter, day, hour, shift, true in zip(*columns.values(), strict=True)
    )
    return f"select * from (values {rows}) as t(quarter, day, hour, shift, true_quarter)"  # noqa: S608  # nosec B608  # moments that we reckoned


def _some(rows: Iterable[Sequence[Any]]) -> Iterator[list[Sequence[Any]]]:
    left = iter(rows)
    while some := list(islice(left, ROWS_AT_ONCE)):
        yield some


class EngineReader(EventReader):
    """Lets an engine count, and keeps its sums in a connection of its own; its methods run in threads."""

    where = "The source of events"

    def __init__(
        self, account_property: str, secret: bytes, options: dict[str, Any], breakdowns: Sequence[str] = ()
    ) -> None:
        super().__init__(account_property, secret, options, breakdowns)
        self._account_property, self._secret = account_property, secret
        self.engine: Engine
        self.load: Load
        self.events: Sequence[str] | None = None

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
        """As `EventReader.count`, but in the engine. Times of its events are true ones."""
        engine, dialect = self.engine, self.engine.dialect
        wanted = Wanted(self._account_property, self.breakdowns, self.events, from_day, to_day)
        for statement in statements(dialect, self.load, wanted, zone):
            engine.run(statement)
        if list(engine.rows(translated(_NO_EVENT, dialect))):
            raise self.broken()
        self._keep_keys(engine.rows(translated(PEOPLE, dialect)))
        asked = fetched(wanted, by_person=bool(homes or erased))
        with self._errors():
            for name, (columns, query) in asked.items():
                self._fetch(columns, engine.rows(translated(query, dialect)))
                if erased:
                    self.connection.execute(_ERASED, {"erased": list(erased)})
                self.connection.execute(_RENAMED.format(name="fetched", to=f"fetched_{name}"))
            self._belongs(same or {}, homes or {})
            for name in asked:
                known_as = "fetched" if homes else name
                self.connection.execute(_RENAMED.format(name=f"fetched_{name}", to=known_as))
                if homes:
                    self.connection.execute(_AT_HOME.format(name=name))
                    self.connection.execute("drop table fetched")

    def _keep_keys(self, rows: Iterable[Sequence[Any]]) -> None:
        """The one place where raw ids pass: in memory, from the engine's answer to the keys."""
        for some in _some(rows):
            found = {"people": [person for person, _ in some]}
            found["keys"] = [keys.user_key(self._secret, distinct_id) for _, distinct_id in some]
            self.connection.execute(_PEOPLE, found)

    def _fetch(self, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Keep rows in `fetched`, with our numbers for their texts."""
        run = self.connection.execute
        kinds = [_KINDS.get(each, f"{each} varchar") for each in columns]
        run(f"create table piece ({', '.join(kinds)})")
        lists = ", ".join(f"unnest($c{place}::{kind.split()[1]}[])" for place, kind in enumerate(kinds))
        for some in _some(rows):
            columned = zip(*some, strict=True)
            run(
                f"insert into piece select {lists}",  # nosec B608  # kinds of ours
                {f"c{place}": list(column) for place, column in enumerate(columned)},
            )
        traits = [each for each in columns if each.startswith("trait")]
        run(OWNERS)
        joins = " left join owners using (value)"
        if "name" in columns:
            run(NAMES, {"left_out": list(LEFT_OUT)})
            joins += " join names using (event)"
        if traits:
            run(TRAITS.format(traits=self._traits))
            joins += f" join traits using ({self._traits})"
        told = [_NUMBERS.get(each, each) for each in columns if each not in traits]
        told += ["traits.number as trait"] if traits else []
        run(f"create table fetched as select {', '.join(told)} from piece {joins}; drop table piece")  # noqa: S608  # nosec B608  # columns and tables of ours
