"""Spark reads a pipeline's files and counts what is in them."""

from collections.abc import Iterator, Sequence
from typing import Any

from handrail.errors import Unavailable
from handrail.services.event_engines import Dialect, Wanted, not_installed, quoted
from handrail.services.event_files import EVENTS, IDENTITIES, Folder

_COLUMNS = (
    "event_name string, distinct_id string, insert_id string, time string, properties map<string, variant>, "
    "broken string"
)
_PAIRS = "distinct_id string, resolved_distinct_id string"

_OPTIONS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.ui.showConsoleProgress": "false",
    # What Spark writes to its machines' disks holds raw ids.
    "spark.io.encryption.enabled": "true",
}

_EVENTS = """
select event_name as name, owner, person, {traits}, time, cast(floor(time / 900) as bigint) as quarter,
  case when insert_id is not null then left(sha2(concat_ws(char(31), event_name, coalesce(person, ''),
    cast(time as string), insert_id), 256), 32) end as copy_key,
  processed, left(md5(concat_ws(char(31), coalesce(owner, ''), reason, {traits})), 12) as place, reason, id
from (
  select event_name, insert_id, id, {values},
    to_json(try_element_at(properties, {account})) as owner,
    case when id <> '' then left(sha2(concat({salt}, id), 256), 16) end as person,
    coalesce(
      cast(floor(try_cast(time as double) / if(abs(try_cast(time as double)) > 1e11, 1000, 1)) as bigint),
      unix_seconds(try_cast(time as timestamp))) as time,
    try_cast(cast(try_element_at(properties, 'mp_processing_time_ms') as string) as bigint) as processed,
    coalesce(cast(try_element_at(properties, {reason}) as string), '') as reason
  from (
    select pipeline.event_name, pipeline.insert_id, pipeline.time, pipeline.properties,
      coalesce(mapping.resolved, pipeline.distinct_id) as id
    from pipeline left join mapping on pipeline.distinct_id = mapping.distinct_id
    where pipeline.event_name is null or (
      pipeline.event_name not in ({left_out}) and left(pipeline.event_name, 9) <> 'handrail_' {only})
  )
)
where time is null or event_name is null or (time >= {first} and time < {end})
"""

_MAPPING = """
select distinct_id, min(resolved_distinct_id) as resolved from pairs
where distinct_id <> resolved_distinct_id and distinct_id <> '' and resolved_distinct_id <> ''
group by distinct_id
"""


def load(wanted: Wanted) -> str:
    """The events of the files, in Spark's words."""

    def literal(text: str) -> str:
        return quoted(text, "spark")

    values = [f"cast(try_element_at(properties, {literal(each)}) as string)" for each in wanted.breakdowns]
    told = [
        f"case when contains({value}, '@') then '@' else coalesce({value}, '') end as {name}"
        for name, value in zip(wanted.traits, values, strict=False)
    ] or ["'' as trait"]
    names = ", ".join(map(literal, wanted.events or ())) or "null"
    first, end = wanted.seconds
    return _EVENTS.format(
        traits=", ".join(wanted.traits),
        values=", ".join(told),
        account=literal(wanted.account_property),
        reason=literal(wanted.reason),
        salt=literal(wanted.salt),
        left_out=", ".join(map(literal, wanted.left_out)),
        only="" if wanted.events is None else f"and pipeline.event_name in ({names})",
        first=first,
        end=end,
    )


class Spark:
    """A session with a Spark cluster that can read the folder; where it runs, the master's address says."""

    dialect: Dialect = "spark"

    def __init__(self, master: str, folder: Folder, days: Sequence[str]) -> None:
        try:
            from py4j.protocol import Py4JError  # noqa: PLC0415
            from pyspark.errors import AnalysisException, PySparkException  # noqa: PLC0415
            from pyspark.sql import SparkSession  # noqa: PLC0415
        except ImportError:
            raise not_installed("Spark", "spark") from None
        self._errors: tuple[type[Exception], ...] = (PySparkException, Py4JError)
        builder = SparkSession.builder.appName("handrail")
        for name, value in _OPTIONS.items():
            builder = builder.config(name, value)
        try:
            self._session: SparkSession = (builder.master(master) if master else builder).getOrCreate()
        except Exception:  # a JVM that does not start says so in many ways
            raise Unavailable(
                "Spark did not start: is there a Java 17, and does HANDRAIL_SPARK_MASTER name a cluster?"
            ) from None
        try:
            self._open(folder, days, AnalysisException)
        except BaseException:
            self.close()
            raise

    def _open(self, folder: Folder, days: Sequence[str], missing: type[Exception]) -> None:
        root = f"file://{folder.root}" if folder.root.startswith("/") else folder.root
        read = self._session.read
        start = len(f"{folder.root}/{EVENTS}/")
        places = f"{root}/{EVENTS}/{{{','.join(day[start:] for day in days)}}}"
        try:
            events = read.schema(_COLUMNS).option("columnNameOfCorruptRecord", "broken").json(places)
        except missing:
            raise folder.nothing_there() from None
        try:
            pairs = read.schema(_PAIRS).option("recursiveFileLookup", "true").json(f"{root}/{IDENTITIES}")
        except missing:
            pairs = self._session.createDataFrame([], _PAIRS)
        events.createOrReplaceTempView("pipeline")
        pairs.createOrReplaceTempView("pairs")
        self._session.sql(_MAPPING).createOrReplaceTempView("mapping")

    def run(self, sql: str) -> None:
        try:
            self._session.sql(sql)
        except self._errors:
            raise _failed() from None

    def rows(self, sql: str) -> Iterator[Sequence[Any]]:
        try:
            yield from self._session.sql(sql).toLocalIterator()
        except self._errors:
            raise _failed() from None

    def close(self) -> None:
        self._session.stop()


def _failed() -> Unavailable:
    """Spark's own words may quote a line."""
    return Unavailable("Spark could not count the events: its own log says why; nothing of it was kept.")
