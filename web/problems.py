"""Errors of the web door: RFC 9457 problem documents, in our words."""

import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match

from handrail.errors import (
    CallerError,
    ConfigError,
    Conflict,
    HandrailError,
    NotThere,
    NotYours,
    RateLimited,
    StoreTrouble,
    UpstreamError,
)
from handrail.store.trouble import trouble
from tools._answers import Candidate

MEDIA_TYPE = "application/problem+json"
BROKEN = "Something broke here that should not: the log of the server says what."
_STATUS: list[tuple[type[HandrailError], int]] = [
    (NotThere, 404),
    (NotYours, 403),
    (Conflict, 409),
    (CallerError, 400),
    (ConfigError, 503),
    (StoreTrouble, 503),
    (RateLimited, 503),
    (UpstreamError, 502),
]


class Problem(BaseModel):
    """Why there is no answer, as RFC 9457 has it."""

    type: str = Field(description="Always about:blank: the status says which kind it is.")
    title: str = Field(description="The status in words.")
    status: int = Field(ge=400, le=599)
    detail: str = Field(description="What is wrong, and what to do.")
    candidates: list[Candidate] = Field(
        default_factory=list, description="Accounts that a name may mean; left out where there are none."
    )


class WhichAccount(Conflict):
    """A name fits several accounts."""

    def __init__(self, message: str, candidates: Sequence[Candidate]) -> None:
        super().__init__(message)
        self.candidates = candidates


def problem(
    status: int,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    candidates: Sequence[Candidate] = (),
) -> JSONResponse:
    told = Problem(
        type="about:blank",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        candidates=list(candidates),
    )
    return JSONResponse(
        told.model_dump(mode="json", exclude_defaults=True),
        status_code=status,
        headers=dict(headers or {}),
        media_type=MEDIA_TYPE,
    )


def as_problem(error: HandrailError | HTTPException | RequestValidationError) -> JSONResponse:
    """What is told of an error that was raised on purpose."""
    if isinstance(error, HTTPException):
        return problem(error.status_code, str(error.detail), headers=error.headers)
    if isinstance(error, RequestValidationError):
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][1:]) or "the body"
        return problem(422, f"{where}: {first['msg']}.")
    status = next((code for kind, code in _STATUS if isinstance(error, kind)), 500)
    candidates = error.candidates if isinstance(error, WhichAccount) else ()
    wait = {"Retry-After": str(math.ceil(error.retry_after))} if isinstance(error, RateLimited) else {}
    return problem(status, str(error), headers=wait, candidates=candidates)


def _methods(request: Request) -> list[str]:
    """What a path takes, in whichever routes."""
    routes = request.app.router.routes
    scopes = [{**request.scope, "method": method} for method in ("GET", "HEAD", "POST")]
    return [
        scope["method"] for scope in scopes if any(route.matches(scope)[0] is Match.FULL for route in routes)
    ]


def install(app: FastAPI) -> None:
    """Turn every error into a problem document."""

    @app.exception_handler(HandrailError)
    async def ours(_: Request, error: HandrailError) -> JSONResponse:
        return as_problem(error)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            allowed = ", ".join(_methods(request))
            told = f"This path takes {allowed}."
            return problem(405, told, headers={"Allow": allowed})
        return as_problem(error)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        return as_problem(error)

    @app.exception_handler(Exception)
    async def broken(_: Request, error: Exception) -> JSONResponse:
        words = trouble(error)
        return problem(503, words) if words else problem(500, BROKEN)
