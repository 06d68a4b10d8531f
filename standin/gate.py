"""The door in front of each neighbour: routes, keeps a record of what arrived, and lets it misbehave."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Router
from starlette.types import Message, Receive, Scope, Send

from standin.faults import Fault
from standin.state import Standin

GENERIC = {"status", "stall", "cut", "answer_lost", "answer_late"}
SECRET_PARAMETERS = {"token", "secret", "api_key", "api_secret", "password"}


class CutResponse(Response):
    """An answer that starts like a good one and whose connection then dies."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send_cut(send, self.status_code, self.raw_headers, bytes(self.body))


async def send_cut(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    """Send `body` and leave the answer unfinished, so the server has to close the connection."""
    kept = [(name, value) for name, value in headers if name.lower() != b"content-length"]
    kept.append((b"content-length", str(len(body) + 1024).encode()))
    await send({"type": "http.response.start", "status": status, "headers": kept})
    await send({"type": "http.response.body", "body": body, "more_body": True})


class Gate:
    """One neighbour's routes behind its record and its generic faults."""

    def __init__(self, state: Standin, neighbour: str, routes: list[BaseRoute]) -> None:
        self._state = state
        self._neighbour = neighbour
        self._router = Router(routes, redirect_slashes=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        record = self._record(scope)
        scope["standin"] = record

        async def recording(message: Message) -> None:
            if message["type"] == "http.response.start" and record["status"] is None:
                record["status"] = message["status"]
            await send(message)

        fault = self._state.faults.take(self._neighbour, scope["path"], GENERIC)
        try:
            await self._answer(fault, scope, receive, recording)
        except Exception:
            record["status"] = record["status"] or 500
            raise

    def _record(self, scope: Scope) -> dict[str, Any]:
        query = Request(scope).query_params
        record = {
            "method": scope["method"],
            "path": scope["path"],
            "query": {name: value for name, value in query.items() if name not in SECRET_PARAMETERS},
            "status": None,
            "neighbour": self._neighbour,
            "counted": False,
            "at": self._state.clock.now().isoformat(),
        }
        self._state.requests.append(record)
        return record

    async def _answer(self, fault: Fault | None, scope: Scope, receive: Receive, send: Send) -> None:
        if fault is None:
            await self._handle(scope, receive, send)
        elif fault.fault == "status":
            await _status(fault)(scope, receive, send)
        elif fault.fault == "stall":
            await asyncio.sleep(float(fault.details.get("seconds", 1)))
            await self._handle(scope, receive, send)
        elif fault.fault == "cut":
            await send_cut(send, 200, [(b"content-type", b"application/json")], b'{"')
        else:
            await self._answer_badly(fault, scope, receive, send)

    async def _answer_badly(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        """Do the work in full, then lose the answer or bring it late."""
        kept: list[Message] = []

        async def keep(message: Message) -> None:
            kept.append(message)

        await self._handle(scope, receive, keep)
        if fault.fault == "answer_lost":
            start = kept[0]
            body = b"".join(message.get("body", b"") for message in kept[1:])
            status = 200 if start["status"] == 204 else start["status"]
            await send_cut(send, status, list(start["headers"]), body[: len(body) // 2])
            return
        await asyncio.sleep(float(fault.details.get("seconds", 1)))
        for message in kept:
            await send(message)

    async def _handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._router(scope, receive, send)
        except HTTPException as error:
            answer = JSONResponse({"error": error.detail}, error.status_code, headers=error.headers)
            await answer(scope, receive, send)


def _status(fault: Fault) -> Response:
    details = fault.details
    body: Any = details.get("body", {"error": "Injected by the stand-in."})
    headers = {str(name): str(value) for name, value in details.get("headers", {}).items()}
    status = int(details.get("status", 500))
    if isinstance(body, str):
        return Response(body, status, headers, media_type="text/plain")
    return JSONResponse(body, status, headers)
