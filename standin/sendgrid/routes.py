"""SendGrid's HTTP: takes mail in as strictly as the real service and keeps it for the tests to read."""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from standin.sendgrid import events, log
from standin.sendgrid.rules import Problem, problems
from standin.state import Standin

MAX_BYTES = 30 * 1024 * 1024
_ANY = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_FAULTS = {
    "unverified_sender": (
        403,
        Problem("The from address does not match a verified Sender Identity.", "from"),
    ),
    "credits": (401, Problem("Maximum credits exceeded")),
}


def routes(state: Standin, *, max_bytes: int = MAX_BYTES) -> list[BaseRoute]:
    """The part of the v3 API that a sender needs."""

    async def send(request: Request) -> Response:
        return await _send(state, request, max_bytes)

    async def scopes(request: Request) -> Response:
        return _unauthorized(request) or JSONResponse(
            {"scopes": ["mail.send", "2fa_required", "sender_verification_eligible"]}
        )

    async def signing(request: Request) -> Response:
        return _unauthorized(request) or JSONResponse({"public_key": events.public_key()})

    async def suppressions(request: Request) -> Response:
        return _refused(state, request) or JSONResponse(
            _listed(state, request.path_params["name"], request.query_params)
        )

    async def logs(request: Request) -> Response:
        return _refused(state, request) or _told(log.listed(state, await _body(request)))

    async def one_log(request: Request) -> Response:
        found = log.details(state, request.path_params["message"])
        missing = _errors(404, Problem("message not found")) if found is None else JSONResponse(found)
        return _refused(state, request) or missing

    async def group(request: Request) -> Response:
        refused = _refused(state, request)
        name = f"group {request.path_params['group']}"
        if refused is None and request.method == "POST":
            return _told(log.suppress(state, name, await _body(request)), status=201)
        return refused or JSONResponse([each["email"] for each in state.suppressed.get(name, [])])

    async def everything(request: Request) -> Response:
        refused = _refused(state, request)
        return refused or _told(log.suppress(state, "unsubscribes", await _body(request)), status=201)

    async def missing(request: Request) -> Response:
        return _errors(404, Problem("not found"))

    return [
        Route("/v3/mail/send", send, methods=_ANY),
        Route("/v3/scopes", scopes),
        Route("/v3/suppression/{name}", suppressions),
        Route("/v3/asm/groups/{group:int}/suppressions", group, methods=["GET", "POST"]),
        Route("/v3/asm/suppressions/global", everything, methods=["POST"]),
        Route("/v3/logs", logs, methods=["POST"]),
        Route("/v3/logs/{message}", one_log),
        Route("/v3/user/webhooks/event/settings/signed", signing),
        Route("/{rest:path}", missing, methods=_ANY),
    ]


async def _body(request: Request) -> Any:
    try:
        return await request.json()
    except ValueError:
        return None


def _told(found: dict[str, Any] | Problem, *, status: int = 200) -> Response:
    return _errors(400, found) if isinstance(found, Problem) else JSONResponse(found, status_code=status)


async def _send(state: Standin, request: Request, max_bytes: int) -> Response:
    raw = await request.body()
    refused = _not_taken(state, request, len(raw), max_bytes)
    if refused is not None:
        return refused
    try:
        body = json.loads(raw)
    except ValueError:
        return _errors(400, Problem("Bad Request"))
    wrong = problems(body, state.clock.now().timestamp())
    if wrong:
        return _errors(400, *wrong)
    if body.get("mail_settings", {}).get("sandbox_mode", {}).get("enable"):
        return Response(status_code=200)
    message_id = secrets.token_urlsafe(16)
    state.mails.extend(_entries(body, message_id, state.clock.now().isoformat(), _attached(state, body)))
    return Response(status_code=202, headers={"X-Message-Id": message_id})


def _not_taken(state: Standin, request: Request, size: int, max_bytes: int) -> Response | None:
    """What is wrong with a mail before its body is read."""
    if request.method != "POST":
        return _errors(405, Problem("method not allowed"))
    refused = _refused(state, request)
    if refused is not None:
        return refused
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
        return _errors(415, Problem("Content-Type should be application/json."))
    if size > max_bytes:
        return _errors(413, Problem(f"The message may not be larger than {max_bytes} bytes."))
    return None


def _listed(state: Standin, name: str, asked: QueryParams) -> list[dict[str, Any]]:
    """A page of a list, the newest first, as SendGrid orders them."""
    since, until = int(asked.get("start_time", 0)), int(asked.get("end_time", 2**40))
    found = [each for each in state.suppressed.get(name, []) if since <= each["created"] <= until]
    start = int(asked.get("offset", 0))
    return sorted(found, key=lambda each: -each["created"])[
        start : start + min(int(asked.get("limit", 500)), 500)
    ]


def _refused(state: Standin, request: Request) -> Response | None:
    """For whoever has no key, or as a test asked for."""
    return _unauthorized(request) or _fault(state, request)


def _unauthorized(request: Request) -> Response | None:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    key = key.strip()
    # The client sends the word None where its key was never set.
    if scheme.lower() == "bearer" and key and key != "None":
        return None
    return _errors(401, Problem("The provided authorization grant is invalid, expired, or revoked"))


def _fault(state: Standin, request: Request) -> Response | None:
    fault = state.faults.take("sendgrid", request.url.path, {"rate_limit", "html_413", *_FAULTS})
    if fault is None:
        return None
    if fault.fault == "rate_limit":
        reset = int(state.clock.now().timestamp()) + int(fault.details.get("seconds", 60))
        limits = {
            "X-RateLimit-Limit": "600",
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Reset": str(reset),
        }
        return _errors(429, Problem("too many requests"), headers=limits)
    if fault.fault == "html_413":
        page = "<html><head><title>413 Request Entity Too Large</title></head><body>nginx</body></html>"
        return HTMLResponse(page, status_code=413)
    status, problem = _FAULTS[fault.fault]
    return _errors(status, problem)


def _errors(status: int, *wrong: Problem, headers: dict[str, str] | None = None) -> Response:
    rows = [{"message": each.message, "field": each.field, "help": None} for each in wrong]
    return JSONResponse({"errors": rows}, status_code=status, headers=headers)


def _attached(state: Standin, body: dict[str, Any]) -> list[dict[str, Any]]:
    """The attachments, with `sha256` for their content, which is kept once: many mails carry the same."""
    kept = []
    for part in body.get("attachments", []):
        content = part["content"]
        digest = hashlib.sha256(content.encode()).hexdigest()
        state.attachments.setdefault(digest, content)
        kept.append({**{key: value for key, value in part.items() if key != "content"}, "sha256": digest})
    return kept


def _entries(
    body: dict[str, Any], message_id: str, at: str, attached: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """One entry for each recipient of each personalization."""
    parts: dict[str, str] = {}
    for part in body.get("content", []):
        parts.setdefault(part["type"], part["value"])
    return [
        {
            "id": message_id,
            "to": person["email"],
            "to_name": person.get("name"),
            "from": (envelope.get("from") or body["from"])["email"],
            "reply_to": body["reply_to"]["email"] if "reply_to" in body else None,
            "subject": envelope.get("subject") or body.get("subject", ""),
            "text": parts.get("text/plain", ""),
            "html": parts.get("text/html", ""),
            "attachments": attached,
            "headers": {**body.get("headers", {}), **envelope.get("headers", {})},
            "custom_args": {**body.get("custom_args", {}), **envelope.get("custom_args", {})},
            "categories": body.get("categories", []),
            "at": at,
        }
        for envelope in body["personalizations"]
        for kind in ("to", "cc", "bcc")
        for person in envelope.get(kind, [])
    ]
