"""Requests held against Mixpanel's published OpenAPI files, where those are right."""

import contextlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx2
import jsonschema
import yaml

FILES = Path(__file__).parents[2] / "shared" / "reference" / "openapi" / "mixpanel"
BASES = {
    "query": "/mixpanel/api/query",
    "export": "/mixpanel/api/2.0",
    "ingestion": "/mixpanel",
    "annotations": "/mixpanel/api/app",
    "lexicon-schemas": "/mixpanel/api/app",
}

Operation = dict[str, Any]


@dataclass(frozen=True)
class Loosened:
    """One thing that the files have wrong, and why we say so."""

    path: str
    why: str
    mend: Callable[[Operation], None]


def _optional(name: str) -> Callable[[Operation], None]:
    def mend(operation: Operation) -> None:
        _parameter(operation, name)["required"] = False

    return mend


def _choice(name: str, value: str) -> Callable[[Operation], None]:
    def mend(operation: Operation) -> None:
        _parameter(operation, name)["schema"]["enum"].append(value)

    return mend


def _fields(**schemas: dict[str, Any]) -> Callable[[Operation], None]:
    def mend(operation: Operation) -> None:
        operation["requestBody"]["content"][FORM]["schema"]["properties"].update(schemas)

    return mend


def _requires(wrong: str, right: str) -> Callable[[Operation], None]:
    def mend(operation: Operation) -> None:
        required = operation["requestBody"]["content"]["application/json"]["schema"]["items"]["required"]
        required[required.index(wrong)] = right

    return mend


def _parameter(operation: Operation, name: str) -> dict[str, Any]:
    return next(one for one in operation["parameters"] if one["name"] == name)


FORM = "application/x-www-form-urlencoded"
TEXT = {"type": "string"}
NUMBER = {"type": "integer"}

LOOSENED = (
    Loosened("/engage", "the project may stand in the body, which wins", _optional("project_id")),
    Loosened("/engage", "the project may stand in the body, which wins", _fields(project_id=NUMBER)),
    Loosened("/engage", "a form carries the list as JSON text", _fields(output_properties=TEXT)),
    Loosened("/engage", "behaviors are JSON text and no number", _fields(behaviors=TEXT)),
    Loosened("/engage", "clients use them", _fields(page_size=NUMBER, limit=NUMBER, search=TEXT)),
    Loosened("/engage", "clients use them", _fields(sort_key=TEXT, sort_order=TEXT)),
    Loosened("/segmentation", "week is taken as well", _choice("unit", "week")),
    Loosened("/import", "with the token no project may be named", _optional("project_id")),
    Loosened("/groups#group-union", "the key is that of another operation", _requires("$unset", "$union")),
)

ALSO_GET = {"/cohorts/list": "the file has POST alone, and both are answered"}

NOT_DESCRIBED = {
    ("GET", "/mixpanel/api/app/me"): "of the app API the files have only a part",
    ("GET", "/mixpanel/api/app/projects/2914077/bookmarks"): "of the app API the files have only a part",
    ("GET", "/mixpanel/api/app/projects/2914077/dashboards"): "of the app API the files have only a part",
    ("GET", "/mixpanel/api/app/projects/2914077/cohorts"): "of the app API the files have only a part",
    ("POST", "/mixpanel/api/query/insights"): "ad-hoc reports are in no file",
    ("POST", "/mixpanel/api/query/arb_funnels"): "flows are in no file",
    ("POST", "/mixpanel/api/query/stream/bookmark"): "the newer activity feed is in no file",
}


def faults(request: httpx2.Request) -> list[str]:
    """What in this request is against the files. Nothing can be said of what they do not describe."""
    path = request.url.path
    operations = _operations(request.method, path)
    if not operations and (request.method, path) in NOT_DESCRIBED:
        return []
    if not operations:
        return [f"{request.method} {path} is in none of the files"]
    found: list[str] = []
    for body in _bodies(request):
        against = [list(_against(operation, request, body)) for operation in operations]
        nearest: list[str] = min(against, key=len)
        found += nearest
    return found


def _bodies(request: httpx2.Request) -> list[Any]:
    """A batch of profile updates is described as mere text: each is held against its own operation."""
    if not request.headers.get("content-type", "").startswith("application/json"):
        return [dict(parse_qsl(request.content.decode(), keep_blank_values=True))]
    body = json.loads(request.content)
    return [[one] for one in body] if isinstance(body, list) else [body]


def _against(operation: Operation, request: httpx2.Request, body: Any) -> Iterator[str]:
    known = {one["name"]: one for one in operation["parameters"] if one["in"] == "query"}
    given = dict(parse_qsl(request.url.query.decode(), keep_blank_values=True))
    required = [name for name, one in known.items() if one.get("required")]
    yield from _texts(given, {name: one["schema"] for name, one in known.items()}, required)
    content = operation.get("requestBody", {}).get("content", {})
    if request.content and not content:
        yield "there is a body"
    for kind, described in content.items():
        sent = request.headers.get("content-type", "")
        schema = described["schema"]
        if not sent.startswith(kind):
            yield f"the body is {sent or 'missing'}"
        elif kind == FORM:
            yield from _texts(body, schema["properties"], schema.get("required", []))
        else:
            yield from _wrong("body", body, schema)


def _texts(given: dict[str, str], schemas: dict[str, Any], required: list[str]) -> Iterator[str]:
    """Parameters and fields, whose values are text whatever their type."""
    yield from (f"{name} is missing" for name in required if name not in given)
    for name, value in given.items():
        if name in schemas:
            yield from _wrong(name, _read(value, schemas[name]), schemas[name])
        else:
            yield f"{name} is not known"


def _read(value: str, schema: dict[str, Any]) -> object:
    """A text as the schema's type; what cannot be read stays text, and is wrong."""
    if schema.get("type") in ("integer", "number", "boolean"):
        with contextlib.suppress(ValueError):
            return json.loads(value)
    return value


def _wrong(name: str, value: object, schema: dict[str, Any]) -> Iterator[str]:
    checker = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    yield from (f"{name}: {error.message}" for error in checker.iter_errors(value))


def _operations(method: str, path: str) -> list[Operation]:
    return [
        operation
        for name, base in BASES.items()
        for described, operation in _described(name, method.lower())
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", base + described.split("#")[0]), path)
    ]


@cache
def _described(name: str, method: str) -> list[tuple[str, Operation]]:
    """Each path's operation with its references put in and its known faults mended."""
    spec = yaml.safe_load((FILES / f"{name}.openapi.yaml").read_text("utf-8"))
    found = []
    for path, methods in spec["paths"].items():
        if method in methods or path in ALSO_GET:
            operation = _resolved(spec, methods.get(method) or methods["post"])
            shared = _resolved(spec, methods.get("parameters", []))
            operation["parameters"] = [*shared, *operation.get("parameters", [])]
            for loosened in LOOSENED:
                if loosened.path == path:
                    loosened.mend(operation)
            found.append((path, operation))
    return found


def _resolved(spec: dict[str, Any], node: Any) -> Any:
    if isinstance(node, list):
        return [_resolved(spec, one) for one in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        target: Any = spec
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        return _resolved(spec, target)
    return {name: _resolved(spec, value) for name, value in node.items()}
