"""Writing to Mixpanel: events, and profiles of users and groups, such that a repeat changes nothing."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import httpx2
from pydantic import TypeAdapter

from handrail.domain.writes import Imported, NewEvent, ProfileChange
from handrail.errors import CallerError, ConfigError, RateLimited, UpstreamError
from handrail.services.mixpanel.answers import Answer, read
from handrail.services.mixpanel.wire import Wire, refusal

EVENTS_A_REQUEST = 2000
BYTES_A_REQUEST = 1_900_000
"""Mixpanel's pages say 10 MB, its refusals 2 MB."""

SECONDS = 60.0
"""For one write, its tries included."""

_INSERT_ID = re.compile(r"[A-Za-z0-9-]{1,36}\Z")


class _Failed(Answer):
    index: int


class _Report(Answer):
    """What /import says: beside bad events the good ones are still taken."""

    num_records_imported: int
    failed_records: tuple[_Failed, ...] = ()
    error: str | None = None


class _Verdict(Answer):
    """What /engage and /groups say: 1 is good, whatever the HTTP status."""

    status: int


_report = TypeAdapter(_Report)
_verdict = TypeAdapter(_Verdict)


class IngestWire(Wire):
    """A wire whose user is the project's token. Writes are outside the query budget."""

    async def post(
        self, url: str, what: str, *, params: Mapping[str, str], body: object
    ) -> tuple[int, object]:
        """Status and JSON of a 200 or a 400, which tells about single records."""
        response = await self._answer("POST", url, what, "", {"params": params, "json": body})
        if response.status_code != 200 and not _tells_of_records(response):
            raise _refusal(response, what)
        return response.status_code, _json(response, what)


class Ingest:
    """One project's writes. The token names the project, so none goes along as a number."""

    def __init__(self, wire: IngestWire, ingest_url: str, token: str) -> None:
        self._wire = wire
        self._url = ingest_url
        self._token = token

    async def import_events(self, events: Sequence[NewEvent]) -> Imported:
        """Write events of any number. Sent again after a failure they still count once."""
        for event in events:
            if not _INSERT_ID.match(event.insert_id):
                raise CallerError("An insert_id must be 1 to 36 letters, digits or dashes.")
        taken, refused = 0, []
        for start, batch in _batches([_record(event) for event in events]):
            found = await self._import(batch)
            taken += found.num_records_imported
            refused += [start + failed.index for failed in found.failed_records]
        return Imported(taken=taken, refused=tuple(refused))

    async def set_profile(
        self,
        distinct_id: str,
        values: Mapping[str, Any],
        *,
        union: Mapping[str, Sequence[Any]] | None = None,
    ) -> None:
        """Set properties of a user, and add to lists what is not in them. It is no activity of the user."""
        added = {name: tuple(each) for name, each in (union or {}).items()}
        await self.set_profiles([ProfileChange(distinct_id=distinct_id, values=dict(values), union=added)])

    async def set_profiles(self, changes: Sequence[ProfileChange]) -> None:
        """The same for any number of users."""
        operations: list[dict[str, Any]] = []
        for each in changes:
            about = {"$token": self._token, "$distinct_id": each.distinct_id, "$ip": 0, "$ignore_time": True}
            operations += _operations(about, each.values, each.union)
        await self._update("/engage", operations)

    async def set_group(
        self,
        group_key: str,
        group_id: str,
        values: Mapping[str, Any],
        *,
        union: Mapping[str, Sequence[Any]] | None = None,
    ) -> None:
        """Set properties of a group, whose key Mixpanel must know, and add to its lists."""
        about = {"$token": self._token, "$group_key": group_key, "$group_id": group_id}
        await self._update("/groups", _operations(about, values, union))

    async def _import(self, batch: list[dict[str, Any]]) -> _Report:
        what = "events"
        status, raw = await self._wire.post(self._url + "/import", what, params={"strict": "1"}, body=batch)
        found = read(_report, raw, what)
        if status == 200 and found.error:
            raise UpstreamError(f"Mixpanel refused {what}: check HANDRAIL_MIXPANEL_TOKEN.")
        if status == 400 and not found.failed_records:
            raise CallerError("Mixpanel does not accept these events.")
        return found

    async def _update(self, path: str, operations: list[dict[str, Any]]) -> None:
        what = "changes to a profile"
        for _, batch in _batches(operations):
            _, raw = await self._wire.post(
                self._url + path, what, params={"ip": "0", "verbose": "1"}, body=batch
            )
            if read(_verdict, raw, what).status != 1:
                raise UpstreamError(
                    f"Mixpanel refused {what}: check HANDRAIL_MIXPANEL_TOKEN and the group key."
                )


def insert_id(*parts: str) -> str:
    """The same short id for the same parts, told apart from any other parts."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:36]


def _operations(
    about: Mapping[str, Any], values: Mapping[str, Any], union: Mapping[str, Sequence[Any]] | None
) -> list[dict[str, Any]]:
    """One object for each operation, as Mixpanel wants it."""
    found: list[dict[str, Any]] = [{**about, "$set": dict(values)}] if values else []
    if union:
        found.append({**about, "$union": {name: list(added) for name, added in union.items()}})
    return found


def _record(event: NewEvent) -> dict[str, Any]:
    own = {"time": event.time, "distinct_id": event.distinct_id, "$insert_id": event.insert_id, "ip": 0}
    return {"event": event.event, "properties": {**event.properties, **own}}


def _batches(records: list[dict[str, Any]]) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """Lists that one request may carry, each with the place of its first record."""
    start, size = 0, 0
    for at, record in enumerate(records):
        length = len(json.dumps(record)) + 2
        if length > BYTES_A_REQUEST // 2:
            raise CallerError("One of the events is too large: Mixpanel takes up to 1 MB.")
        if at - start == EVENTS_A_REQUEST or size + length > BYTES_A_REQUEST:
            yield start, records[start:at]
            start, size = at, 0
        size += length
    if start < len(records):
        yield start, records[start:]


def _refusal(response: httpx2.Response, what: str) -> Exception:
    """As for queries, save that the token is what may be wrong and the budget is another."""
    error = refusal(response, what, gone=(402, 403, 404))
    if isinstance(error, ConfigError):
        return ConfigError(
            "Mixpanel refuses the project's token: "
            "check HANDRAIL_MIXPANEL_TOKEN and HANDRAIL_MIXPANEL_REGION."
        )
    if isinstance(error, RateLimited):
        return RateLimited(
            f"Mixpanel takes no more {what} just now; try again later.", retry_after=error.retry_after
        )
    return error


def _tells_of_records(response: httpx2.Response) -> bool:
    return response.status_code == 400 and '"failed_records"' in response.text


def _json(response: httpx2.Response, what: str) -> object:
    try:
        answer: object = json.loads(response.content)
    except (ValueError, RecursionError):
        raise UpstreamError(
            f"Mixpanel answered {what} with something that is not JSON: try again later."
        ) from None
    return answer
