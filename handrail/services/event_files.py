"""Reads the files that Mixpanel's Data Pipelines leave in a folder or bucket, as the export is read.

Columns and folders: Mixpanel's JSON pipelines, https://docs.mixpanel.com/docs/data-pipelines/json-pipelines.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import date, timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

from handrail.errors import BrokenExport
from handrail.services.event_reader import LONGEST_LINE, EventReader

EVENTS, IDENTITIES = "mp_master_event", "mp_identity_mappings_data"

FILES_AT_ONCE = 16

_ENDINGS = tuple(f"{kind}{packed}" for kind in (".json", ".jsonl", ".ndjson") for packed in ("", ".gz"))

_SECONDS = """
coalesce(
  cast(floor(try_cast(time as double) / if(abs(try_cast(time as double)) > 1e11, 1000, 1)) as bigint),
  cast(floor(epoch(try_cast(replace(time, ' UTC', 'Z') as timestamptz))) as bigint))
"""
"""Times are UTC, as text; numbers are seconds, or milliseconds."""

_READ = """
create table piece as
select * exclude (id),
       case when id <> '' and person not in (select number from {known})
            then sha256($inner::blob || encode(id)) end as inner_hash
from (
  select event_name as event, {seconds} as time, hash(insert_id) as insert_hash,
         insert_id is null as without_insert_id, properties.mp_processing_time_ms as processed,
         distinct_id as id, case when distinct_id <> '' then hash($salt || distinct_id) end as person,
         properties.{account}::varchar as value, coalesce(properties.{reason}, '') as reason
         {trait_values}
  from read_json([{files}], format = 'newline_delimited', maximum_object_size = {longest}, columns = {{
    event_name: 'VARCHAR', distinct_id: 'VARCHAR', insert_id: 'VARCHAR', time: 'VARCHAR',
    properties: 'STRUCT(mp_processing_time_ms BIGINT, {fields})'}})
  where $wanted is null or event_name is null or list_contains($wanted::varchar[], event_name)
)
where time is null or event is null or (time >= $first and time < $end)
"""

_IDENTITIES = """
insert into identities
select hash($salt || distinct_id), hash($salt || resolved_distinct_id)
from read_json([{files}], format = 'newline_delimited', maximum_object_size = {longest}, columns = {{
  distinct_id: 'VARCHAR', resolved_distinct_id: 'VARCHAR'}})
where distinct_id <> resolved_distinct_id and distinct_id <> '' and resolved_distinct_id <> ''
"""

_ONE_EACH = """
create table identity as select id, min(person) as person from identities group by id;
drop table identities
"""

_RESOLVED = """
create table piece as
select person, any_value(sha256($inner::blob || encode(id))) as inner_hash
from (
  select hash($salt || resolved_distinct_id) as person, resolved_distinct_id as id
  from read_json([{files}], format = 'newline_delimited', maximum_object_size = {longest}, columns = {{
    distinct_id: 'VARCHAR', resolved_distinct_id: 'VARCHAR'}})
  where distinct_id <> resolved_distinct_id and distinct_id <> '' and resolved_distinct_id <> ''
)
where person in (select person from loaded) and person not in (select number from people)
group by person
"""


class Folder:
    """Where the pipelines of one project write: `URL/PROJECT_ID/mp_master_event/YYYY/MM/DD/`."""

    def __init__(self, url: str, project_id: int) -> None:
        parts = urlsplit(url)
        place = unquote(parts.path) if parts.scheme == "file" else url
        self.url = url
        self.root = f"{place.rstrip('/')}/{project_id}"

    def days(self, first: date, today: date) -> list[str]:
        """The folders that may hold events of the UTC days since `first`.

        An event may lie in the folder of the day on which it came, so none up to today's is left out.
        """
        days = [first + timedelta(days=number) for number in range(max(0, (today - first).days + 2))]
        return [f"{self.root}/{EVENTS}/{day:%Y/%m/%d}" for day in days]

    def nothing_there(self) -> BrokenExport:
        return BrokenExport(
            f"No file of these days lies under {self.root}/{EVENTS}: is HANDRAIL_EVENTS_SOURCE right, and "
            "does the pipeline run? docs/events.md says what has to lie where."
        )


class FileReader(EventReader):
    """Reads files of a pipeline into a connection of its own, then counts; its methods run in threads."""

    where = "A file of the pipeline"
    place = "loaded.place"

    def __init__(
        self, account_property: str, secret: bytes, options: dict[str, Any], breakdowns: Sequence[str] = ()
    ) -> None:
        super().__init__(account_property, secret, options, breakdowns)
        told = ", ".join(["coalesce(value, '')", "reason", *filter(None, [self._traits])])
        self.resolving = {
            "person": "coalesce(identity.person, piece.person)",
            "join_identities": "left join identity on identity.id = piece.person",
            # Which file is read first is nobody's choice, so copies are told apart by what they say.
            "place": f"left(md5(concat_ws(chr(31), {told})), 12)",
        }
        self.connection.execute("set TimeZone = 'UTC'; create table identities (id ubigint, person ubigint)")

    def read_folder(
        self, folder: Folder, days: Sequence[str], seconds: tuple[int, int], wanted: Collection[str] | None
    ) -> None:
        """Append the events of these folders and seconds, with the ids that the project's people have now."""
        with self._errors():
            identities = self.files(f"{folder.root}/{IDENTITIES}/**")
            if identities:
                text = _IDENTITIES.format(files=_listed(identities), longest=LONGEST_LINE)
                self.connection.execute(text, {"salt": self._salt})
            self.connection.execute(_ONE_EACH)
            found = [self.files(f"{day}/*") for day in days]
            if not any(found):
                raise folder.nothing_there()
            for all_files in found:
                for files in _some(all_files):
                    names = None if wanted is None else list(wanted)
                    bounds = {"wanted": names, "first": seconds[0], "end": seconds[1]}
                    self._read(_READ, bounds, files=_listed(files), seconds=_SECONDS)
                    self._take()
            if identities:
                self._know(identities)

    def _know(self, identities: Sequence[str]) -> None:
        """Make the keys of people whose events came under other ids only."""
        parameters = {"salt": self._salt, "inner": self._inner}
        text = _RESOLVED.format(files=_listed(identities), longest=LONGEST_LINE)
        self.connection.execute(text, parameters)
        self._keep_people()
        self.connection.execute("drop table piece")

    def files(self, pattern: str) -> list[str]:
        """What lies there, in order."""
        with self._errors():
            found = self.connection.execute("select file from glob($at) order by file", {"at": pattern})
        return [name for (name,) in found.fetchall() if name.endswith(_ENDINGS)]


def newest_day(folder: Folder, days: Sequence[str]) -> str:
    """The last of these folders that holds a file, as YYYY-MM-DD. Raises `BrokenExport` where none does."""
    reader = FileReader("account", bytes(32), {"threads": "1"})
    try:
        for day in reversed(days):
            if reader.files(f"{day}/*"):
                return "-".join(day.rsplit("/", 3)[1:])
    finally:
        reader.connection.close()
    raise folder.nothing_there()


def _some(files: Sequence[str]) -> Iterator[Sequence[str]]:
    for at in range(0, len(files), FILES_AT_ONCE):
        yield files[at : at + FILES_AT_ONCE]


def _listed(files: Sequence[str]) -> str:
    return ", ".join("'" + each.replace("'", "''") + "'" for each in files)
