"""Errors of the web door: RFC 9457 problem documents, in our words."""

from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from handrail.errors import CallerError, ConfigError, HandrailError, RateLimited, UpstreamError

_STATUS: list[tuple[type[HandrailError], int]] = [
    (CallerError, 400),
    (ConfigError, 503),
    (RateLimited, 503),
    (UpstreamError, 502),
]


def problem(status: int, detail: str) -> JSONResponse:
    return JSONResponse(
        {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail},
        status_code=status,
        media_type="application/problem+json",
    )


def install(app: FastAPI) -> None:
    """Turn every error into a problem document."""

    @app.exception_handler(HandrailError)
    async def ours(_: Request, error: HandrailError) -> JSONResponse:
        status = next((code for kind, code in _STATUS if isinstance(error, kind)), 500)
        return problem(status, str(error))

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> JSONResponse:
        return problem(error.status_code, str(error.detail))

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][1:]) or "the body"
        return problem(422, f"{where}: {first['msg']}.")
