"""The Messages API's HTTP: checks each request like the real one and lets the rule-based writer answer."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from standin.messages import attacker, batches, caching, misbehaviour, rules, wire, writer
from standin.messages.reading import read
from standin.messages.wire import Reply
from standin.state import Standin


def routes(state: Standin) -> list[BaseRoute]:
    """Messages, batches of them, token counting and the list of models."""

    async def create(request: Request) -> Response:
        body, size, refused = await _checked(state, request, rules.CREATE_KEYS)
        return refused or _answer(state, request.url.path, body, size)

    async def count(request: Request) -> Response:
        _, size, refused = await _checked(state, request, rules.COUNT_KEYS)
        return refused or wire.answer({"input_tokens": wire.tokens(size)})

    async def models(request: Request) -> Response:
        rows = [wire.model(each) for each in wire.MODELS]
        page = {"data": rows, "has_more": False, "first_id": rows[0]["id"], "last_id": rows[-1]["id"]}
        return _unauthorized(request) or wire.answer(page)

    async def model(request: Request) -> Response:
        model_id = request.path_params["model_id"]
        if model_id not in wire.MODELS:
            return _unauthorized(request) or wire.error(404, f"model: {model_id}")
        return _unauthorized(request) or wire.answer(wire.model(model_id))

    async def missing(request: Request) -> Response:
        return wire.error(404, "Not Found")

    return [
        Route("/v1/messages", create, methods=["POST"]),
        *batches.routes(state, _unauthorized, lambda body, size: _message(state, batches.PATH, body, size)),
        Route("/v1/messages/count_tokens", count, methods=["POST"]),
        Route("/v1/models", models),
        Route("/v1/models/{model_id}", model),
        Route("/{rest:path}", missing, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
    ]


async def _checked(state: Standin, request: Request, keys: set[str]) -> tuple[Any, int, Response | None]:
    """The body, its length and the refusal if there is one. Every body is kept, refused or not."""
    refused = _unauthorized(request)
    if refused is not None:
        return None, 0, refused
    raw = (await request.body()).decode("utf-8", "replace")
    try:
        body = json.loads(raw)
    except ValueError:
        return None, 0, wire.error(400, "The request body is not valid JSON.")
    state.prompts.append({"at": state.clock.now().isoformat(), "body": body})
    wrong = rules.refusal(body, request.headers.get("anthropic-version"), keys)
    if wrong is not None:
        return body, len(raw), wire.error(400, wrong)
    if not body["model"].startswith("claude-"):
        return body, len(raw), wire.error(404, f"model: {body['model']}")
    return body, len(raw), None


def _unauthorized(request: Request) -> Response | None:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and key.strip():
        return None
    return wire.error(401, "invalid bearer token")


def _answer(state: Standin, path: str, body: dict[str, Any], size: int) -> Response:
    if state.faults.take("anthropic", path, {"overloaded"}):
        return wire.error(529, "Overloaded")
    return wire.answer(_message(state, path, body, size))


def _message(state: Standin, path: str, body: dict[str, Any], size: int) -> dict[str, Any]:
    return wire.message(body, _reply(state, path, body), caching.counted(body, size, state.cached))


def _reply(state: Standin, path: str, body: dict[str, Any]) -> Reply:
    request = read(body)
    fault = state.faults.take("anthropic", path, set(misbehaviour.ANY_TURN))
    if fault is not None:
        return misbehaviour.ANY_TURN[fault.fault](request)
    if writer.wants_search(request):
        # Current models think first, so whoever reads content[0] as the answer has to notice here.
        quiet = (body.get("thinking") or {}).get("type") == "disabled"
        before = [] if quiet else [wire.thinking(body)]
        return Reply([*before, writer.search(request), *writer.results(request)], "tool_use")
    fault = state.faults.take("anthropic", path, set(misbehaviour.LAST_TURN))
    if fault is not None:
        return misbehaviour.LAST_TURN[fault.fault](request)
    fault = state.faults.take("anthropic", path, set(attacker.LAST_TURN))
    if fault is not None:
        return attacker.LAST_TURN[fault.fault](request, fault.details)
    if request.task is None and request.schema is None:
        return Reply([wire.text("I am a rule-based stand-in and write tutorials only.")])
    return writer.written(request, writer.tutorial(request))
