"""Routes for tests and demos: read what arrived, break things, move the clock, make users act."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from standin import acts
from standin.mixpanel import ledger
from standin.state import Standin

Handler = Callable[[dict[str, Any]], Awaitable[Any]]


def routes(state: Standin) -> list[BaseRoute]:
    async def add_fault(body: dict[str, Any]) -> dict[str, Any]:
        fault = state.faults.add(body)
        return {"neighbour": fault.neighbour, "route": fault.route, "fault": fault.fault}

    async def move_clock(body: dict[str, Any]) -> dict[str, Any]:
        now = datetime.fromisoformat(str(body["now"]))
        state.clock.set(now if now.tzinfo else now.replace(tzinfo=UTC))
        return {"now": state.clock.now().isoformat()}

    async def act(body: dict[str, Any]) -> Any:
        return await acts.act(state, body)

    async def reset(_: dict[str, Any]) -> dict[str, Any]:
        state.reset()
        return {"now": state.clock.now().isoformat()}

    return [
        _reading("/mails", lambda: state.mails),
        _reading("/attachments", lambda: state.attachments),
        _reading("/requests", lambda: state.requests),
        _reading("/prompts", lambda: state.prompts),
        _reading("/ledger", lambda: _ledger(state)),
        _writing("/faults", add_fault),
        _writing("/clock", move_clock),
        _writing("/act", act),
        _writing("/reset", reset),
    ]


def _reading(path: str, read: Callable[[], Any]) -> Route:
    async def endpoint(_: Request) -> Response:
        return JSONResponse(read())

    return Route(path, endpoint, methods=["GET"])


def _writing(path: str, handler: Handler) -> Route:
    async def endpoint(request: Request) -> Response:
        try:
            return JSONResponse(await handler(await _json_object(request)))
        except KeyError as error:
            return JSONResponse({"error": f"{error.args[0]} is missing."}, 400)
        except (TypeError, ValueError) as error:
            return JSONResponse({"error": str(error)}, 400)

    return Route(path, endpoint, methods=["POST"])


async def _json_object(request: Request) -> dict[str, Any]:
    body = json.loads(await request.body() or b"{}")
    if not isinstance(body, dict):
        raise ValueError("The body has to be a JSON object.")
    return body


def _ledger(state: Standin) -> dict[str, Any]:
    recent = ledger.recent(state)
    return {
        "limit": ledger.limit(state),
        "counted_last_hour": sum(entry.system == "query" for entry in recent),
        "most_at_once": state.most_running,
        "export_last_hour": sum(entry.system == "export" for entry in recent),
        "by_endpoint": dict(Counter(entry.endpoint for entry in recent if entry.system != "jql")),
    }
