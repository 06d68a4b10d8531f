"""A window of the raw export in memory: hashed while it loads, counted, and then gone.

Users enter a table under keyed hashes only, so neither a table nor a spill file holds a raw id.
"""

import asyncio
import logging
import os
import tempfile
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Required, TypedDict, TypeVar, Unpack

from handrail.domain.features import Feature
from handrail.domain.metrics import Coverage, EventCount, FeatureDay, ValueCount
from handrail.engine.uses import REASON_PROPERTY, FeatureEvent
from handrail.errors import ConfigError
from handrail.services.event_pieces import read_pieces
from handrail.services.event_reader import EventReader
from handrail.services.event_sums import EventSums

if TYPE_CHECKING:
    import duckdb

_TAKEN = {"time", "distinct_id", "$insert_id", "mp_processing_time_ms", REASON_PROPERTY}
_PERSONAL = {
    "$user_id", "$device_id", "$identified_id", "$anon_id", "alias", "$distinct_ids", "$email", "email",
    "$name", "$first_name", "$last_name", "$phone", "ip", "$ip",
}  # fmt: skip
NO_FOLDER = (
    "No folder takes temporary files: check room and rights of /tmp, and how many files may be open "
    "(ulimit -n), or set HANDRAIL_TEMP_DIR."
)
MEMORY_LIMIT = "1GB"

Reader = TypeVar("Reader", bound=EventReader)

log = logging.getLogger(__name__)


class EventTable:
    """The counted events of `from_day` to `to_day` (project days, inclusive)."""

    def __init__(
        self,
        connection: "duckdb.DuckDBPyConnection",
        folder: "tempfile.TemporaryDirectory[str]",
        sums: EventSums,
    ) -> None:
        self._connection = connection
        self._folder = folder
        self._sums = sums

    def account_days(self) -> list[tuple[str, date, int, int, int]]:
        """(account id, day, total events, unique users, sessions)."""
        return self._rows("""
            select account, day, events, users, coalesce(sessions, 0)
            from (select account, day, sum(events)::bigint as events,
                         count(distinct person) as users
                  from user_sum join belongs using (owner) group by account, day)
            left join (select account, day, count(*) as sessions
                       from (select distinct account, day, person, session
                             from session_sum join belongs using (owner)) group by account, day)
            using (account, day) order by all""")

    def user_days(self) -> list[tuple[str, date, str, int]]:
        """(account id, day, user key, events): who was there, so that users of any range can be counted."""
        return self._rows("""
            select account, day, user_key, events
            from (select account, day, person, sum(events)::bigint as events
                  from user_sum join belongs using (owner) group by account, day, person)
            join people on people.number = person order by all""")

    def event_days(self) -> list[EventCount]:
        """Events and users of every event of every account and day."""
        return self._sums.event_days()

    def value_days(self) -> list[ValueCount]:
        """Events and users by value of each breakdown property, by account and day."""
        return self._sums.value_days()

    def feature_days(self, features: Iterable[Feature]) -> list[FeatureDay]:
        """How each feature went, by account and day."""
        return self._sums.feature_days(features)

    def hours(self) -> list[tuple[str, date, int, int]]:
        """(account id, day, hour of the project's day, events)."""
        return self._rows("""
            select account, day, hour, sum(events)::bigint
            from hour_sum join belongs using (owner) group by all order by all""")

    def coverage(self) -> Coverage:
        """Events and users that belong to an account, a user once a day."""
        [row] = self._rows("""
            select coalesce(sum(events), 0)::bigint,
                   coalesce(sum(events) filter (owned), 0)::bigint,
                   count(distinct (day, person)) filter (person is not null),
                   count(distinct (day, person)) filter (person is not null and owned)
            from (select *, owner in (select owner from belongs) as owned from user_sum)""")
        return Coverage(*map(int, row))

    def by_user(self, events: list[str]) -> Iterator[tuple[str, list[FeatureEvent]]]:
        """Each user's events of these names, in time order."""
        rows = self._connection.execute(
            "select user_key, time, event, accounts, reason from moments "
            "join people on people.number = person join names on names.number = name "
            "left join (select owner, list(account) as accounts from belongs group by owner) using (owner) "
            "where list_contains(?, event) order by user_key, time",
            [events],
        )
        user, seen = "", list[FeatureEvent]()
        while batch := rows.fetchmany(10_000):
            for key, time, name, accounts, reason in batch:
                if key != user:
                    if seen:
                        yield user, seen
                    user, seen = key, []
                seen.append(FeatureEvent(time, name, tuple(accounts or ()), reason))
        if seen:
            yield user, seen

    def _rows(self, sql: str) -> list[Any]:
        return self._connection.execute(sql).fetchall()

    def close(self) -> None:
        self._connection.close()
        self._folder.cleanup()


class Counting(TypedDict, total=False):
    """How events are counted, and with what of the machine.

    What does not fit `memory_limit` spills into a folder in `temp_directory`; `threads` 0 takes all cores
    but one, which receives and inflates. `breakdowns` are the properties whose values are counted; the rest
    as in `EventReader.count`.
    """

    account_property: Required[str]
    secret: Required[bytes]
    zone: Required[str]
    from_day: Required[date]
    to_day: Required[date]
    breakdowns: Sequence[str]
    wall_clock: bool
    same: Mapping[str, str] | None
    homes: Mapping[str, tuple[str, ...]] | None
    erased: Collection[str]
    memory_limit: str
    threads: int
    temp_directory: Path | None


async def load(stream: AsyncIterator[bytes], **counting: Unpack[Counting]) -> EventTable:
    """Read an export to its end and count it. Raises `BrokenExport` if the stream is not whole."""

    async def fill(reader: EventReader) -> None:
        await read_pieces(stream, reader.read)
        if reader.mended:
            log.warning("%d lone surrogate escapes in the export became U+FFFD", reader.mended)

    return await filled(EventReader, fill, **counting)


async def filled(
    make: Callable[[str, bytes, dict[str, Any], Sequence[str]], Reader],
    fill: Callable[[Reader], Awaitable[None]],
    **counting: Unpack[Counting],
) -> EventTable:
    """What a reader holds once it is filled, counted; what ends that too soon leaves nothing behind."""
    breakdowns, secret = counting.get("breakdowns", ()), counting["secret"]
    _check(counting["account_property"], breakdowns)
    folder = _folder(counting.get("temp_directory"))
    options = {
        "memory_limit": counting.get("memory_limit") or MEMORY_LIMIT,
        "temp_directory": folder.name,
        "threads": str(counting.get("threads") or max(1, (os.cpu_count() or 1) - 1)),
    }
    try:
        reader = await asyncio.to_thread(make, counting["account_property"], secret, options, breakdowns)
        try:
            await fill(reader)
            await asyncio.to_thread(
                reader.count,
                counting["zone"],
                counting["from_day"],
                counting["to_day"],
                wall_clock=counting.get("wall_clock", False),
                same=counting.get("same"),
                homes=counting.get("homes"),
                erased=counting.get("erased", ()),
            )
        except BaseException:
            reader.connection.close()
            raise
    except BaseException:
        folder.cleanup()
        raise
    return EventTable(reader.connection, folder, EventSums(reader.connection, secret, breakdowns))


def _folder(place: Path | None) -> "tempfile.TemporaryDirectory[str]":
    try:
        return tempfile.TemporaryDirectory(prefix="handrail-", dir=place)
    except OSError:
        if place is not None:
            raise ConfigError("HANDRAIL_TEMP_DIR is no folder that can be written to.") from None
        raise ConfigError(NO_FOLDER) from None


def _check(account_property: str, breakdowns: Sequence[str]) -> None:
    """Names differ for the reader in more than their case. Raises `ConfigError`."""
    if account_property.casefold() in _TAKEN:
        raise ConfigError(
            f"{account_property!r} cannot name the account: it is a property of every event. "
            "Check HANDRAIL_MIXPANEL_ACCOUNT_PROPERTY."
        )
    taken = _TAKEN | _PERSONAL | {account_property.casefold()}
    for name in breakdowns:
        if name.casefold() in taken:
            raise ConfigError(
                f"{name!r} cannot be broken down: it names a person, is counted already, or is listed "
                "twice. Check HANDRAIL_MIXPANEL_BREAKDOWNS."
            )
        taken |= {name.casefold()}
