"""Warehouses that hold a pipeline's events: BigQuery and Snowflake. Their statements were never run by us.

Tables and columns: https://docs.mixpanel.com/docs/data-pipelines/json-pipelines.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from handrail.errors import Unavailable
from handrail.services.event_engines import Dialect, Engine, Load, Wanted, not_installed, quoted

_BIGQUERY = """
SELECT event_name AS name, owner, person, {traits}, time, CAST(FLOOR(time / 900) AS INT64) AS quarter,
  CASE WHEN insert_id IS NOT NULL THEN LEFT(TO_HEX(SHA256(CONCAT(event_name, '\\x1f', COALESCE(person, ''),
    '\\x1f', CAST(time AS STRING), '\\x1f', insert_id))), 32) END AS copy_key,
  processed, LEFT(TO_HEX(MD5(CONCAT(COALESCE(owner, ''), '\\x1f', reason, {told}))), 12) AS place, reason, id
FROM (
  SELECT event_name, insert_id, id, UNIX_SECONDS(time) AS time, {values},
    CASE WHEN properties[{account}] IS NOT NULL THEN TO_JSON_STRING(properties[{account}]) END AS owner,
    CASE WHEN id <> '' THEN LEFT(TO_HEX(SHA256(CONCAT({salt}, id))), 16) END AS person,
    SAFE_CAST(LAX_STRING(properties['mp_processing_time_ms']) AS INT64) AS processed,
    COALESCE({reason}, '') AS reason
  FROM (
    SELECT event.event_name, event.insert_id, event.time, event.properties,
      COALESCE(mapping.resolved, event.distinct_id) AS id
    FROM {events} AS event
    LEFT JOIN (
      SELECT distinct_id, MIN(resolved_distinct_id) AS resolved FROM {pairs}
      WHERE distinct_id <> resolved_distinct_id AND distinct_id <> '' AND resolved_distinct_id <> ''
      GROUP BY distinct_id
    ) AS mapping ON event.distinct_id = mapping.distinct_id
    WHERE event._PARTITIONTIME >= TIMESTAMP_SECONDS({first})
      AND event.time >= TIMESTAMP_SECONDS({first}) AND event.time < TIMESTAMP_SECONDS({end})
      AND event.event_name NOT IN ({left_out}) AND LEFT(event.event_name, 9) <> 'handrail_' {only}
  )
)
"""
"""Partitions are days on which events came: none comes before it happens."""

_BIGQUERY_VALUE = (
    "CASE WHEN JSON_TYPE(properties[{name}]) IN ('array', 'object') THEN TO_JSON_STRING(properties[{name}]) "
    "ELSE LAX_STRING(properties[{name}]) END"
)

_SNOWFLAKE = """
SELECT event_name AS "name", owner AS "owner", person AS "person", {traits}, seconds AS "time",
  CAST(FLOOR(seconds / 900) AS BIGINT) AS "quarter",
  CASE WHEN insert_id IS NOT NULL THEN LEFT(SHA2(CONCAT_WS(CHR(31), event_name, COALESCE(person, ''),
    CAST(seconds AS VARCHAR), insert_id), 256), 32) END AS "copy_key",
  processed AS "processed", LEFT(MD5(CONCAT_WS(CHR(31), COALESCE(owner, ''), reason, {told})), 12) AS "place",
  reason AS "reason", id AS "id"
FROM (
  SELECT event_name, insert_id, id, DATE_PART(EPOCH_SECOND, time) AS seconds, {values},
    TO_JSON(GET(properties, {account})) AS owner,
    CASE WHEN id <> '' THEN LEFT(SHA2(CONCAT({salt}, id), 256), 16) END AS person,
    TRY_CAST(TO_VARCHAR(GET(properties, 'mp_processing_time_ms')) AS BIGINT) AS processed,
    COALESCE({reason}, '') AS reason
  FROM (
    SELECT event.event_name, event.insert_id, event.time, event.properties,
      COALESCE(mapping.resolved, event.distinct_id) AS id
    FROM {events} AS event
    LEFT JOIN (
      SELECT distinct_id, MIN(resolved_distinct_id) AS resolved FROM {pairs}
      WHERE distinct_id <> resolved_distinct_id AND distinct_id <> '' AND resolved_distinct_id <> ''
      GROUP BY distinct_id
    ) AS mapping ON event.distinct_id = mapping.distinct_id
    WHERE event.time >= TO_TIMESTAMP_NTZ({first}) AND event.time < TO_TIMESTAMP_NTZ({end})
      AND event.event_name NOT IN ({left_out}) AND LEFT(event.event_name, 9) <> 'handrail_' {only}
  )
)
"""

_SNOWFLAKE_VALUE = "TO_VARCHAR(GET(properties, {name}))"

_TOLD = "CASE WHEN {contains}({value}, '@'){positive} THEN '@' ELSE COALESCE({value}, '') END AS {name}"


def load(dialect: Dialect, names: Sequence[str], wanted: Wanted) -> str:
    """The events of the tables that `names` lead to, in the warehouse's words."""
    bigquery = dialect == "bigquery"
    text, value = (_BIGQUERY, _BIGQUERY_VALUE) if bigquery else (_SNOWFLAKE, _SNOWFLAKE_VALUE)
    contains, positive = ("STRPOS", " > 0") if bigquery else ("CONTAINS", "")

    def literal(written: str) -> str:
        return quoted(written, dialect)

    traits = wanted.traits
    values = [
        _TOLD.format(contains=contains, positive=positive, value=value.format(name=literal(each)), name=name)
        for name, each in zip(traits, wanted.breakdowns, strict=False)
    ] or ["'' AS trait"]
    if bigquery:
        events, pairs = (f"`{'.'.join((*names, each))}`" for each in _BIGQUERY_TABLES)
    else:
        events, pairs = ('"' + '"."'.join((*names[1:], each)) + '"' for each in _SNOWFLAKE_TABLES)
    only = ", ".join(map(literal, wanted.events or ())) or "NULL"
    first, end = wanted.seconds
    return text.format(
        traits=", ".join(traits if bigquery else (f'{each} AS "{each}"' for each in traits)),
        told=(", '\\x1f', " if bigquery else ", ").join(traits),
        values=", ".join(values),
        account=literal(wanted.account_property),
        reason=value.format(name=literal(wanted.reason)),
        salt=literal(wanted.salt),
        left_out=", ".join(map(literal, wanted.left_out)),
        only="" if wanted.events is None else f"AND event.event_name IN ({only})",
        events=events,
        pairs=pairs,
        first=first,
        end=end,
    )


_BIGQUERY_TABLES = ("mp_master_event", "mp_identity_mappings_data_view")
_SNOWFLAKE_TABLES = ("MP_MASTER_EVENT", "MP_IDENTITY_MAPPINGS_DATA")


class BigQuery:
    """A session with BigQuery, with the credentials that its own client finds."""

    dialect: Dialect = "bigquery"

    def __init__(self, project: str) -> None:
        try:
            from google.api_core.exceptions import GoogleAPIError  # noqa: PLC0415
            from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415
            from google.cloud import bigquery  # noqa: PLC0415
        except ImportError:
            raise not_installed("BigQuery", "bigquery") from None
        self._errors = (GoogleAPIError, GoogleAuthError)
        self._module = bigquery
        self._session: list[Any] = []
        try:
            self._client = bigquery.Client(project=project)
        except self._errors:
            raise failed("BigQuery") from None

    def run(self, sql: str) -> None:
        self._job(sql)

    def rows(self, sql: str) -> Iterator[Sequence[Any]]:
        for row in self._job(sql):
            yield row.values()

    def _job(self, sql: str) -> Any:
        config = self._module.QueryJobConfig(
            create_session=not self._session, connection_properties=self._session
        )
        try:
            job = self._client.query(sql, job_config=config)
            found = job.result()
        except self._errors:
            raise failed("BigQuery") from None
        if not self._session:
            session = job.session_info.session_id
            self._session = [self._module.ConnectionProperty(key="session_id", value=session)]
        return found

    def close(self) -> None:
        try:
            if self._session:
                self._job("CALL BQ.ABORT_SESSION()")
        finally:
            self._client.close()


class Snowflake:
    """A session with Snowflake, with the connection of this name that its own client is configured with."""

    dialect: Dialect = "snowflake"

    def __init__(self, account: str) -> None:
        try:
            from snowflake import connector  # noqa: PLC0415
        except ImportError:
            raise not_installed("Snowflake", "snowflake") from None
        self._errors = connector.errors.Error
        try:
            self._connection = connector.connect(account=account, connection_name="handrail")
        except self._errors:
            raise failed("Snowflake") from None

    def run(self, sql: str) -> None:
        list(self.rows(sql))

    def rows(self, sql: str) -> Iterator[Sequence[Any]]:
        try:
            with self._connection.cursor() as cursor:
                yield from cursor.execute(sql)
        except self._errors:
            raise failed("Snowflake") from None

    def close(self) -> None:
        self._connection.close()


def opened(dialect: Dialect, url: str) -> tuple[Engine, Load]:
    """A session with the warehouse of `bigquery://PROJECT/DATASET` or `snowflake://ACCOUNT/DATABASE/SCHEMA`."""
    names = url.partition("://")[2].strip("/").split("/")
    engine: Engine = BigQuery(names[0]) if dialect == "bigquery" else Snowflake(names[0])
    return engine, partial(load, dialect, names)


def failed(name: str) -> Unavailable:
    """What a warehouse says quotes the statement, and may quote values."""
    return Unavailable(
        f"{name} did not count the events: its own history of queries says why; nothing of it was kept."
    )
