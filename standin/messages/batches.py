"""Message batches over HTTP: handed in, looked at, called off, and fetched as lines of JSON."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from standin.messages import rules, wire
from standin.state import Standin

Answer = Callable[[dict[str, Any], int], dict[str, Any]]
"""From a request's body and its length to the message that answers it."""

PATH = "/v1/messages/batches"


def routes(state: Standin, refused: Callable[[Request], Response | None], answer: Answer) -> list[BaseRoute]:
    async def create(request: Request) -> Response:
        body = await _json(request)
        wrong = _wrong(body, request.headers.get("anthropic-version"))
        if refused(request) or wrong:
            return refused(request) or wire.error(400, str(wrong))
        batch = _batch(state, body["requests"])
        for each in body["requests"]:
            state.prompts.append({"at": state.clock.now().isoformat(), "body": each["params"]})
        return wire.answer(_told(batch))

    async def retrieve(request: Request) -> Response:
        batch = state.batches.get(request.path_params["batch_id"])
        if refused(request) or batch is None:
            return refused(request) or wire.error(404, "Not Found")
        if batch["processing_status"] != "ended" and not _slow(state, request):
            _end(state, batch, answer)
        return wire.answer(_told(batch))

    async def cancel(request: Request) -> Response:
        batch = state.batches.get(request.path_params["batch_id"])
        if refused(request) or batch is None:
            return refused(request) or wire.error(404, "Not Found")
        if batch["processing_status"] != "ended":
            batch["processing_status"] = "canceling"
            batch["cancel_initiated_at"] = _time(state.clock.now())
        return wire.answer(_told(batch))

    async def results(request: Request) -> Response:
        batch = state.batches.get(request.path_params["batch_id"])
        if refused(request) or batch is None or batch["processing_status"] != "ended":
            return refused(request) or wire.error(404, "Not Found")
        lines = "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in batch["results"])
        return Response(lines, media_type="application/x-jsonl")

    async def listed(request: Request) -> Response:
        rows = [_told(each) for each in reversed(state.batches.values())]
        ends = {"first_id": rows[0]["id"] if rows else None, "last_id": rows[-1]["id"] if rows else None}
        return refused(request) or wire.answer({"data": rows, "has_more": False, **ends})

    return [
        Route(PATH, create, methods=["POST"]),
        Route(PATH, listed, methods=["GET"]),
        Route(PATH + "/{batch_id}", retrieve, methods=["GET"]),
        Route(PATH + "/{batch_id}/cancel", cancel, methods=["POST"]),
        Route(PATH + "/{batch_id}/results", results, methods=["GET"]),
    ]


async def _json(request: Request) -> Any:
    try:
        return json.loads(await request.body())
    except ValueError:
        return None


def _wrong(body: Any, version: str | None) -> str | None:
    """What the service refuses at once. The requests themselves are looked at when they are worked on."""
    if version is None:
        return "anthropic-version: header is required"
    requests = body.get("requests") if isinstance(body, dict) else None
    if not isinstance(requests, list) or not requests:
        return "requests: at least one request is required"
    ids = [each.get("custom_id") for each in requests if isinstance(each, dict)]
    if len(ids) < len(requests) or not all(isinstance(each, str) and 1 <= len(each) <= 64 for each in ids):
        return "requests.custom_id: String of 1 to 64 characters"
    if len(set(ids)) < len(ids):
        return "requests: custom_id has to be unique"
    return None


def _batch(state: Standin, requests: list[dict[str, Any]]) -> dict[str, Any]:
    batch_id = "msgbatch_" + secrets.token_hex(12)
    now = state.clock.now()
    batch = {
        "id": batch_id,
        "type": "message_batch",
        "processing_status": "in_progress",
        "request_counts": {"processing": len(requests)} | dict.fromkeys(_OUTCOMES, 0),
        "created_at": _time(now),
        "expires_at": _time(now + timedelta(hours=24)),
        "ended_at": None,
        "archived_at": None,
        "cancel_initiated_at": None,
        "results_url": None,
        "requests": requests,
        "results": [],
    }
    state.batches[batch_id] = batch
    return batch


_OUTCOMES = ("succeeded", "errored", "canceled", "expired")


def _slow(state: Standin, request: Request) -> bool:
    return state.faults.take("anthropic", request.url.path, {"batch_slow"}) is not None


def _end(state: Standin, batch: dict[str, Any], answer: Answer) -> None:
    """Work on all requests at once; results come in no order that one could rely on."""
    counts = dict.fromkeys(_OUTCOMES, 0)
    for each in reversed(batch["requests"]):
        result = _result(state, batch, each["params"], answer)
        counts[result["type"]] += 1
        batch["results"].append({"custom_id": each["custom_id"], "result": result})
    batch["processing_status"] = "ended"
    batch["request_counts"] = {"processing": 0, **counts}
    batch["ended_at"] = _time(state.clock.now())
    batch["results_url"] = f"{state.base_url}/anthropic{PATH}/{batch['id']}/results"


def _result(state: Standin, batch: dict[str, Any], params: Any, answer: Answer) -> dict[str, Any]:
    if batch["processing_status"] == "canceling":
        return {"type": "canceled"}
    fault = state.faults.take("anthropic", PATH, {"expired", "errored"})
    if fault is not None and fault.fault == "expired":
        return {"type": "expired"}
    wrong = rules.refusal(params, rules.VERSION, rules.CREATE_KEYS)
    if wrong or fault is not None:
        kind = {"type": "invalid_request_error", "message": wrong or "Injected by the stand-in."}
        return {"type": "errored", "error": {"type": "error", "error": kind, "request_id": None}}
    return {"type": "succeeded", "message": answer(params, len(json.dumps(params)))}


def _told(batch: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in batch.items() if key not in ("requests", "results")}


def _time(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
