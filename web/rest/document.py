"""What /openapi.json says beyond the routes: errors, tokens, headers, and an answer of the demo for each."""

import json
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from handrail.domain.access import ApiToken
from web.access import needed, open_to_all
from web.problems import MEDIA_TYPE, Problem

EXAMPLES = Path(__file__).with_name("examples.json")
"""By operation: what the demo was asked and answered, lists cut short. `make snap` writes it anew."""

ABOUT = """Questions about the accounts of a Mixpanel project, and the help for users who are stuck.

Every error is a problem document (RFC 9457), every list has `items` and `next_cursor`, every answer to a GET
has an `ETag`, and tells with `Age` how many seconds old its figures are.
"""

WORDS = {
    400: "It cannot be answered as it was asked; `detail` says how it can.",
    401: "A token is needed.",
    403: "The token's role, or what it sees, does not cover it, or a page of another site asked.",
    404: "Nothing has this name or id.",
    408: "The body did not arrive in time.",
    409: "The name fits several (`candidates` are accounts), or what is there does not allow it now.",
    413: "The body is too long.",
    415: "The body has to be application/json.",
    422: "A parameter or the body is not as described here.",
    429: "Too many requests in this minute.",
    500: "Something broke here.",
    502: "Mixpanel failed, or refused.",
    503: "No project is connected, or the hour's questions to Mixpanel are used up.",
}
_HEADERS: dict[int, dict[str, tuple[str, str]]] = {
    401: {"WWW-Authenticate": ("string", "How a token is given.")},
    429: {"Retry-After": ("integer", "Seconds.")},
}
FRESHNESS = {
    "ETag": ("string", "Give it as If-None-Match: 304 where nothing has changed."),
    "Cache-Control": ("string", "A copy is asked after before it is used."),
}


class Documented(FastAPI):
    """The app, with a document that tells all that a client has to reckon with."""

    tokens: tuple[ApiToken, ...] = ()

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            self.openapi_schema = _completed(super().openapi(), secured=bool(self.tokens))
        return self.openapi_schema


@cache
def examples() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads(EXAMPLES.read_text("utf-8"))
    return found


def _completed(document: dict[str, Any], *, secured: bool) -> dict[str, Any]:
    document["info"]["description"] = ABOUT
    schemas = document["components"]["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= {**problem.pop("$defs", {}), "Problem": problem}
    document["components"]["responses"] = {str(status): _problem(status) for status in WORDS}
    if secured:
        document["components"]["securitySchemes"] = {
            "token": {"type": "http", "scheme": "bearer", "description": "A token of HANDRAIL_API_TOKENS."},
            "password": {"type": "http", "scheme": "basic", "description": "The token as the password."},
        }
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _complete(operation, method.upper(), path, secured=secured)
    return document


def _complete(operation: dict[str, Any], method: str, path: str, *, secured: bool) -> None:
    operation["summary"] = operation["operationId"].replace("_", " ").capitalize()
    answers = operation["responses"]
    answers.pop("422", None)
    guarded = secured and not open_to_all(path)
    for status in sorted(_statuses(operation, method, path, guarded=guarded)):
        answers[str(status)] = {"$ref": f"#/components/responses/{status}"}
    if guarded:
        role = needed(method, path)
        operation["security"] = [{"token": [role]}, {"password": [role]}]
        operation["description"] += f"\n\nNeeds a token with the role {role}."
    told = examples().get(operation["operationId"], {})
    success = next(each for status, each in answers.items() if status.startswith("2"))
    if "answer" in told:
        success["content"]["application/json"]["example"] = told["answer"]
    if "request" in told:
        operation["requestBody"]["content"]["application/json"]["example"] = told["request"]
    if method == "GET" and path.startswith("/api/"):
        success["headers"] = {name: _header(*each) for name, each in FRESHNESS.items()}
        success["headers"]["Age"] = _header(
            "integer", "Seconds since as_of, where there is one.", needed=False
        )
        answers["304"] = {"description": "Nothing has changed since the tag that was given."}
        operation.setdefault("parameters", []).append(_IF_NONE_MATCH)


_IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The ETag of an earlier answer.",
    "schema": {"type": "string"},
}


def _statuses(operation: dict[str, Any], method: str, path: str, *, guarded: bool) -> set[int]:
    """The errors that an operation can give."""
    found = {500} | ({401} if guarded else set())
    if not path.startswith("/api/"):
        return found | ({503} if path == "/readyz" else set())
    names = {each["name"]: each["in"] for each in operation.get("parameters", [])}
    found |= {400, 422, 429, 503}
    if "path" in names.values() or "account" in names or path.endswith("/latest"):
        found.add(404)
    if names.keys() & {"customer_id", "account", "name_or_id"}:
        found.add(409)
    if {"mixpanel", "reports"} & set(operation["tags"]):
        found.add(502)
    return found | ({403, 408, 409, 413, 415} if method == "POST" else set())


def _problem(status: int) -> dict[str, Any]:
    told = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": WORDS[status].replace("`", ""),
    }
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": told}}
    headers = {name: _header(*each) for name, each in _HEADERS.get(status, {}).items()}
    return {"description": WORDS[status], "content": content, **({"headers": headers} if headers else {})}


def _header(kind: str, words: str, *, needed: bool = True) -> dict[str, Any]:
    return {"description": words, "required": needed, "schema": {"type": kind}}
