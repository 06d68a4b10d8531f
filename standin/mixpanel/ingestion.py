"""What is written to Mixpanel: events through /import, profiles of users and groups."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from standin.mixpanel import auth, profiles
from standin.mixpanel.events import seconds
from standin.mixpanel.project import Project
from standin.mixpanel.refusal import RefusalError
from standin.mixpanel.values import is_number

MOST_RECORDS = 2000
MOST_BYTES = 2_097_152
EARLIEST = 365 * 86400
AHEAD = 3600
"""How far in the future a time may lie; anything later becomes now."""

INSERT_ID = re.compile(r"[A-Za-z0-9-]{1,36}\Z")
FORBIDDEN_IDS = {
    *("00000000-0000-0000-0000-000000000000", "anon", "anonymous", "nil", "none", "null", "n/a", "na"),
    *("undefined", "unknown", "<nil>", "0", "-1", "true", "false", "[]", "{}"),
}

Endpoint = Callable[[Request], Any]


def imports(project: Project) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        try:
            _authorize_import(project, request)
            events = _records(await _body(request))
        except RefusalError as error:
            return _answer(error.status, {"error": error.message})
        failed = [
            failure for index, event in enumerate(events) if (failure := _failure(project, index, event))
        ]
        bad = {failure["index"] for failure in failed}
        for index, event in enumerate(events):
            if index not in bad:
                store(project, event["event"], event["properties"])
        imported = {"num_records_imported": len(events) - len(bad)}
        if failed and request.query_params.get("strict", "1") != "0":
            message = "some data points in the request failed validation"
            return _answer(400, {"error": message, "failed_records": failed} | imported)
        return JSONResponse({"code": 200, **imported, "status": "OK"})

    return endpoint


def store(project: Project, name: str, properties: dict[str, Any]) -> None:
    """Keep an event as the export will give it; `time` is a true epoch, in seconds or milliseconds."""
    now = project.state.clock.now().timestamp()
    time = seconds(properties["time"])
    if time > now + AHEAD:
        time = now
    kept = {
        **properties,
        "time": int(project.calendar.exported(time)),
        "$import": True,
        "$mp_api_endpoint": "api.mixpanel.com",
        "$mp_api_timestamp_ms": int(now * 1000),
        "mp_processing_time_ms": int(now * 1000),
    }
    project.state.written.append({"event": name, "properties": kept})


def profile_updates(project: Project) -> Endpoint:
    def apply(update: dict[str, Any]) -> None:
        distinct_id = str(update["$distinct_id"])
        now = project.state.clock.now().astimezone(project.zone).strftime("%Y-%m-%dT%H:%M:%S")
        profiles.apply(project.state.profiles, distinct_id, update, profiles.USER_OPERATIONS, now)

    return _updates(project, ("$distinct_id",), apply)


def group_updates(project: Project) -> Endpoint:
    def apply(update: dict[str, Any]) -> None:
        key = str(update["$group_key"])
        if key not in project.settings.get("group_keys", {}):
            raise profiles.UpdateError(f"$group_key {key} is not configured")
        groups = project.state.groups.setdefault(key, {})
        profiles.apply(groups, str(update["$group_id"]), update, profiles.GROUP_OPERATIONS, None)

    return _updates(project, ("$group_key", "$group_id"), apply)


def _updates(project: Project, names: tuple[str, ...], apply: Callable[[dict[str, Any]], None]) -> Endpoint:
    """Profile writes answer 200 whatever happened; the body says what did."""

    async def endpoint(request: Request) -> Response:
        failed: list[dict[str, Any]] = []
        try:
            updates = _records(await _body(request, packed=False))
        except RefusalError as error:
            return _report(request, 0, [{"index": 0, "error": error.message}])
        for index, update in enumerate(updates):
            try:
                _check_update(project, update, names)
                apply(update)
            except profiles.UpdateError as error:
                failed.append({"index": index, "error": str(error)})
        return _report(request, len(updates) - len(failed), failed)

    return endpoint


def _check_update(project: Project, update: dict[str, Any], names: tuple[str, ...]) -> None:
    if update.get("$token") != project.settings["token"]:
        raise profiles.UpdateError("token, missing or empty")
    for name in names:
        if update.get(name) in (None, ""):
            raise profiles.UpdateError(f"{name}, missing or empty")


def _report(request: Request, good: int, failed: list[dict[str, Any]]) -> Response:
    if request.query_params.get("strict") == "1":
        status = 400 if failed else 200
        body = {"code": status, "num_good_events": good, "failed_records": failed}
        return JSONResponse(body | {"status": _phrase(status)}, status)
    if request.query_params.get("verbose") == "1":
        return JSONResponse({"status": int(not failed), "error": failed[0]["error"] if failed else None})
    return PlainTextResponse("0" if failed else "1")


def _authorize_import(project: Project, request: Request) -> None:
    if auth.is_token(project.settings, request) or auth.is_project_secret(project.settings, request):
        return
    known = auth.is_service_account(project.settings, request)
    if not known or request.query_params.get("project_id", "") != project.id:
        raise RefusalError(401, "Invalid credentials")


async def _body(request: Request, packed: bool = True) -> bytes:
    body = await request.body()
    if packed and request.headers.get("content-encoding", "").lower() == "gzip":
        try:
            body = gzip.decompress(body)
        except (OSError, EOFError, zlib.error):
            raise RefusalError(400, "invalid gzip data") from None
    if len(body) > MOST_BYTES:
        raise RefusalError(413, f"request exceeds max limit of {MOST_BYTES} bytes")
    return body


def _records(body: bytes) -> list[dict[str, Any]]:
    """A JSON array, one object, or an object a line."""
    try:
        found = json.loads(body)
    except ValueError:
        found = _lines(body)
    records = found if isinstance(found, list) else [found]
    if not all(isinstance(record, dict) for record in records):
        raise RefusalError(400, "data must be a list of objects")
    if len(records) > MOST_RECORDS:
        raise RefusalError(413, f"request exceeds max limit of {MOST_RECORDS} records")
    return records


def _lines(body: bytes) -> list[Any]:
    try:
        return [json.loads(line) for line in body.split(b"\n") if line.strip()]
    except ValueError:
        raise RefusalError(400, "data is not valid JSON") from None


def _failure(project: Project, index: int, event: dict[str, Any]) -> dict[str, Any] | None:
    """What is wrong with one event, in the shape of `failed_records`."""
    properties = event.get("properties")
    if not isinstance(properties, dict):
        properties = {}
    checks = [
        ("event", _is_name(event.get("event")), "must be a string of at most 255 bytes"),
        ("properties.time", _is_time(properties.get("time")), "must be specified as seconds since epoch"),
        (
            "properties.distinct_id",
            isinstance(properties.get("distinct_id"), str) and _allowed(properties["distinct_id"]),
            "must be a string that identifies a user",
        ),
        (
            "properties.$insert_id",
            isinstance(properties.get("$insert_id"), str) and bool(INSERT_ID.match(properties["$insert_id"])),
            "must be at most 36 letters, digits or dashes",
        ),
    ]
    for field, valid, rule in checks:
        if not valid:
            return {
                "index": index,
                "$insert_id": properties.get("$insert_id", ""),
                "field": field,
                "message": f"'{field}' is invalid: {rule}",
            }
    return None


def _is_name(name: Any) -> bool:
    return isinstance(name, str) and 0 < len(name.encode("utf-8", "replace")) <= 255


def _is_time(value: Any) -> bool:
    return is_number(value) and seconds(value) > EARLIEST


def _allowed(identifier: str) -> bool:
    return identifier.lower() not in FORBIDDEN_IDS


def _answer(status: int, body: dict[str, Any]) -> Response:
    return JSONResponse({"code": status, **body, "status": _phrase(status)}, status)


def _phrase(status: int) -> str:
    """Mixpanel's words; Python 3.13 calls 413 by its newer name."""
    return "Request Entity Too Large" if status == 413 else HTTPStatus(status).phrase
